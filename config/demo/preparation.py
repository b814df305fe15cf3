"""The evening before: subscribers imported, the pool set up, the content submitted and approved.

Everything goes through the functions that operations staff and integrators use.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.utils import timezone

from config.demo.roster import make_csv
from config.staff import roles
from distribution.content import approval, rendering
from distribution.models import Content, MessageTemplate
from phonepool.cloud_api import client
from phonepool.models import PhoneNumber, Portfolio, Role
from phonepool.numbers import sync
from subscribers.importing.upsert import ImportReport, import_csv

TEMPLATE, LANGUAGE, VARIABLES = "daily_update", "en", 2


@dataclass(frozen=True, slots=True)
class Line:
    """One number of the customer's pool."""

    label: str
    meta_id: str
    display: str
    role: Role
    rate: int  # messages a second
    capacity: int  # messages a day

    @property
    def for_sandbox(self) -> str:
        return f"{self.meta_id}:{self.display}:{self.rate}:GREEN"


POOL = (
    Line("primary_1", "106540352240001", "919000000001", Role.PRIMARY, 80, 100_000),
    Line("primary_2", "106540352240002", "919000000002", Role.PRIMARY, 80, 100_000),
    Line("backup_1", "106540352240003", "919000000003", Role.BACKUP, 50, 50_000),
)


def import_roster(subscribers: int, *, seed: int) -> ImportReport:
    """Bring the made-up list in through the real importer."""
    file = io.BytesIO(make_csv(subscribers, seed=seed))
    return import_csv(
        file, consent_source="demo sign-up form", now=timezone.now(), filename="advisers.csv"
    )


def set_up_pool() -> int:
    """The customer's three numbers, then what the Cloud API says of them; how many changed."""
    portfolio, _ = Portfolio.objects.get_or_create(
        business_id=settings.WHATSAPP_BUSINESS_ID or "demo", defaults={"name": "Demo portfolio"}
    )
    for line in POOL:
        PhoneNumber.objects.get_or_create(
            meta_id=line.meta_id,
            defaults={
                "label": line.label,
                "display_number": line.display,
                "portfolio": portfolio,
                "role": line.role,
                "state": "STANDBY" if line.role == Role.BACKUP else "ACTIVE",
                "rate_per_second": line.rate,
                "daily_capacity": line.capacity,
            },
        )
    return sync.sync(client.client(), now=timezone.now())


def make_people(password: str) -> tuple[User, User]:
    """An editor and an approver; the approver may also look around in the admin."""
    users = get_user_model().objects
    editor = users.create_user("editor", password=password, is_staff=True)
    editor.groups.add(Group.objects.get(name=roles.EDITOR))
    for role in (roles.VIEWER, roles.OPERATOR):  # to look through their eyes
        person = users.create_user(role.lower(), password=password, is_staff=True)
        person.groups.add(Group.objects.get(name=role))
    approver = users.create_superuser("approver", password=password)
    return editor, approver


def approve_content(day: date, *, editor: User, approver: User) -> Content:
    """One user submits the day's content, another one approves it."""
    rendering.sync(client.client(), now=timezone.now())
    content = Content.objects.create(
        day=day,
        title=f"Markets on {day:%d %b %Y}",
        message_template=MessageTemplate.objects.get(name=TEMPLATE, language=LANGUAGE),
        body_variables=["{name}", "Nifty opens flat; two results and one IPO to watch today."],
        author=editor,
    )
    approval.submit(content, by=editor, now=timezone.now())
    reason = "The demo begins on the day itself."
    approval.approve(content, by=approver, now=timezone.now(), reason=reason)
    return content
