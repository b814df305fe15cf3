"""Prepares the demo: imports subscribers, sets up the pool, submits and approves the content.

It uses the same functions as operations staff and integrators.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.utils import timezone

from config.demo.subscriber_list import make_files
from config.staff import roles
from distribution.content import approval
from distribution.mirror import pool_sync, template_sync
from distribution.models import Content, MessageTemplate
from phonepool.cloud_api import client
from phonepool.models import PhoneNumber, Portfolio, Role
from subscribers.importing.report import ImportReport
from subscribers.importing.upsert import import_csv

TEMPLATE, LANGUAGE, VARIABLES = "daily_update", "en", 2


@dataclass(frozen=True, slots=True)
class PoolNumber:
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
    PoolNumber("primary_1", "106540352240001", "919000000001", Role.PRIMARY, 80, 100_000),
    PoolNumber("primary_2", "106540352240002", "919000000002", Role.PRIMARY, 80, 100_000),
    PoolNumber("backup_1", "106540352240003", "919000000003", Role.BACKUP, 50, 50_000),
)


def pool_at(rate: int) -> tuple[PoolNumber, ...]:
    """The pool with numbers that send `rate` messages a second, without a limit a day; 0: as it
    is."""
    if not rate:
        return POOL
    return tuple(replace(number, rate=rate, capacity=10_000_000) for number in POOL)


def import_subscribers(subscribers: int, *, seed: int) -> list[ImportReport]:
    """Imports a generated list with the real importer."""
    return [
        import_csv(
            io.BytesIO(content),
            consent_source="demo sign-up form",
            now=timezone.now(),
            filename=f"advisers-{number}.csv",
        )
        for number, content in enumerate(make_files(subscribers, seed=seed), 1)
    ]


def set_up_pool(numbers: Iterable[PoolNumber]) -> int:
    """Creates the customer's numbers and syncs them with the Cloud API; how many changed."""
    portfolio, _ = Portfolio.objects.get_or_create(
        business_id=settings.WHATSAPP_BUSINESS_ID or "demo", defaults={"name": "Demo portfolio"}
    )
    for number in numbers:
        PhoneNumber.objects.update_or_create(  # the first sync may have added it by its id
            meta_id=number.meta_id,
            defaults={
                "label": number.label,
                "display_number": number.display,
                "portfolio": portfolio,
                "role": number.role,
                "state": "STANDBY" if number.role == Role.BACKUP else "ACTIVE",
                "rate_per_second": number.rate,
                "daily_capacity": number.capacity,
            },
        )
    return pool_sync.sync(client.client(), now=timezone.now())


def create_users(password: str) -> tuple[User, User]:
    """Creates an editor and an approver (a superuser), and returns them; also a viewer and an
    operator."""
    users = get_user_model().objects
    editor = users.create_user("editor", password=password, is_staff=True)
    editor.groups.add(Group.objects.get(name=roles.EDITOR))
    for role in (roles.VIEWER, roles.OPERATOR):  # to try the admin with these roles
        person = users.create_user(role.lower(), password=password, is_staff=True)
        person.groups.add(Group.objects.get(name=role))
    approver = users.create_superuser("approver", password=password)
    return editor, approver


def approve_content(day: date, *, editor: User, approver: User) -> Content:
    """Submits the day's content as one user and approves it as another."""
    template_sync.sync(client.client(), now=timezone.now())
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
