"""Prepares the demo: imports subscribers, sets up the pool, submits and approves the content.

It uses the same functions as operations staff and integrators.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from config.demo.journal_verdict import SandboxClient
from config.demo.subscriber_list import in_files, make_files
from distribution.content import approval
from distribution.mirror import pool_sync, template_sync
from distribution.models import Content, MessageTemplate
from phonepool.cloud_api import client
from phonepool.models import PhoneNumber, Portfolio, Role
from phonepool.numbers import health
from subscribers.importing.report import ImportReport
from subscribers.importing.upsert import import_csv

TEMPLATE, LANGUAGE, VARIABLES = "daily_update", "en", 2
TODAYS_TEXT = "Nifty opens flat; two results and one IPO to watch today."
# As an adviser would have it approved by Meta, with an example for each variable.
COMPONENTS: list[dict[str, Any]] = [
    {
        "type": "BODY",
        "text": "Good morning {{1}},\n\n{{2}}\n\nHave a good day! Reply STOP to unsubscribe.",
        "example": {"body_text": [["Asha", TODAYS_TEXT]]},
    },
    {"type": "FOOTER", "text": "Daybreak Advisers"},
]


@dataclass(frozen=True, slots=True)
class PoolNumber:
    """One number of the customer's pool."""

    label: str
    meta_id: str
    display: str
    role: Role
    rate: int  # messages per second
    capacity: int  # messages per day

    @property
    def for_sandbox(self) -> str:
        return f"{self.meta_id}:{self.display}:{self.rate}:GREEN"


POOL = (
    PoolNumber("primary_1", "106540352240001", "919000000001", Role.PRIMARY, 80, 100_000),
    PoolNumber("primary_2", "106540352240002", "919000000002", Role.PRIMARY, 80, 100_000),
    PoolNumber("backup_1", "106540352240003", "919000000003", Role.BACKUP, 50, 50_000),
)


MAX_NUMBERS, MAX_RATE = 500, 1_000  # Meta gives no number more than 1,000 a second


def pool_at(rate: int, count: int = 0) -> tuple[PoolNumber, ...]:
    """The demo's phone numbers. `rate`: messages per second of each, without a daily limit; 0: the
    customer's rates and limits. `count`: how many primaries; 0: the customer's three numbers."""
    pool = _primaries(count) if count else POOL
    if not rate:
        return pool
    return tuple(replace(number, rate=rate, capacity=10_000_000) for number in pool)


def _primaries(count: int) -> tuple[PoolNumber, ...]:
    first = POOL[0]
    return tuple(
        replace(
            first,
            label=f"primary_{n}",
            meta_id=f"{int(first.meta_id) + n - 1}",
            display=f"{int(first.display) + n - 1}",
        )
        for n in range(1, count + 1)
    )


def pool_named(names: Iterable[str], rate: int) -> tuple[PoolNumber, ...]:
    """Numbers with these names that all send, in the order of the names."""
    first = POOL[0]
    return tuple(
        replace(
            first,
            label=name,
            meta_id=str(int(first.meta_id) + place),
            display=str(int(first.display) + place),
            rate=rate or first.rate,
        )
        for place, name in enumerate(sorted(names))
    )


def import_subscribers(
    subscribers: int, *, seed: int, agreed_at: datetime | None = None
) -> list[ImportReport]:
    """Imports a generated list with the real importer; `agreed_at` is when these people agreed to
    get messages, now by default."""
    return _import(make_files(subscribers, seed=seed), agreed_at)


def import_rows(rows: Iterable[Sequence[str]]) -> list[ImportReport]:
    """Imports a list with these rows: phone, name, tier, language, city."""
    return _import(in_files(rows), None)


def _import(files: Iterable[bytes], agreed_at: datetime | None) -> list[ImportReport]:
    return [
        import_csv(
            io.BytesIO(content),
            consent_source="Sign-up form on daybreak.example: “Send me the morning update on "
            "WhatsApp”",
            now=agreed_at or timezone.now(),
            clock=None if agreed_at else timezone.now,
            filename=f"advisers-{number}.csv",
        )
        for number, content in enumerate(files, 1)
    ]


PORTFOLIO = "500000000000001"  # of the sandbox's first account


def write_template(sandbox: SandboxClient) -> None:
    """Gives the sandbox's message template a real text."""
    body = {"language": LANGUAGE, "components": COMPONENTS, "silent": True}
    sandbox.post(f"/control/template/{TEMPLATE}", body)


def set_up_pool(numbers: Iterable[PoolNumber]) -> int:
    """Creates the customer's numbers and syncs them with the Cloud API; how many changed."""
    portfolio, _ = Portfolio.objects.get_or_create(
        business_id=PORTFOLIO, defaults={"name": "Daybreak"}
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


def lose(labels: Iterable[str]) -> None:
    """Takes these numbers out of service, as if they had been lost overnight."""
    now = timezone.now()
    for number in PhoneNumber.objects.filter(label__in=labels):
        health.disable(number.pk, "lost overnight", now=now)


def approve_content(day: date, *, editor: User, approver: User) -> Content:
    """Submits the day's content as one user and approves it as another."""
    template_sync.sync(client.client(), now=timezone.now())
    content = Content.objects.create(
        day=day,
        title=f"Markets on {day:%d %b %Y}",
        message_template=MessageTemplate.objects.get(name=TEMPLATE, language=LANGUAGE),
        body_variables=["{name}", TODAYS_TEXT],
        author=editor,
    )
    approval.submit(content, by=editor, now=timezone.now())
    reason = "The demo starts on the day itself."
    approval.approve(content, by=approver, now=timezone.now(), reason=reason)
    return content
