"""Three weeks of past mornings for `demo --serve`, written straight into the ledger in bulk.

Like the real ones: every delivery has its call and its reports, every failure its attempt on
record, and `check_integrity` holds. Two mornings went badly, and one day was a holiday.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from config.demo import past_deliveries
from config.demo.past_deliveries import Day
from distribution.analytics import rollups
from distribution.content import template_schema
from distribution.lifecycle import batch_sizes
from distribution.models import (
    Approval,
    BlackoutDate,
    Content,
    ContentState,
    Decision,
    Distribution,
    DistributionState,
    Kind,
    MessageTemplate,
)
from distribution.runtime import india_time
from distribution.service_level import sla
from phonepool.models import PhoneNumber, Role
from subscribers.models import TIER_ORDER, Subscriber

DAYS = 21
PEOPLE_LIMIT = 2000  # of each morning, so that 21 of them take seconds
HOLIDAY = 13  # days ago
MORNING = time(6)
TEXTS: list[list[str]] = json.loads(Path(__file__).with_name("past_texts.json").read_text("utf-8"))


# By how many days ago: Meta's service was down for a minute; phones were slow to answer.
BAD_DAYS = {6: Day(failed=0.031, late=0.01), 15: Day(failed=0.002, late=0.016)}


def record(*, today: date, editor: User, approver: User, seed: int) -> int:
    """Write the mornings before `today`; how many were sent."""
    people = sorted(
        Subscriber.objects.eligible().order_by("pk")[:PEOPLE_LIMIT],
        key=lambda person: [str(tier) for tier in TIER_ORDER].index(person.tier),
    )
    numbers = list(PhoneNumber.objects.filter(role=Role.PRIMARY).order_by("pk"))
    template = MessageTemplate.objects.order_by("pk").first()
    assert template is not None
    sent = 0
    for ago in range(DAYS, 0, -1):
        rng = random.Random(seed * 1000 + ago)  # noqa: S311 - sample data, not secrets
        day = today - timedelta(days=ago)
        with transaction.atomic():
            if ago == HOLIDAY:
                _holiday(day, editor)
                continue
            content = _content(day, TEXTS[ago % len(TEXTS)], template, editor, approver)
            _morning(content, people, numbers, BAD_DAYS.get(ago, Day()), rng)
        sent += 1
    return sent


def _holiday(day: date, by: User) -> None:
    BlackoutDate.objects.create(day=day, reason="Market holiday", created_by=by)
    Distribution.objects.create(
        kind=Kind.DAILY,
        local_date=day,
        planned_at=india_time.local_datetime(day, MORNING),
        state=DistributionState.CANCELLED,
        state_reason="Blackout date: Market holiday",
    )


def _content(
    day: date, text: Sequence[str], template: MessageTemplate, editor: User, approver: User
) -> Content:
    written = india_time.local_datetime(day - timedelta(days=1), time(15, 10))
    decided = written + timedelta(hours=2)
    content = Content.objects.create(
        day=day,
        title=text[0],
        message_template=template,
        body_variables=["{name}", text[1]],
        state=ContentState.APPROVED,
        author=editor,
        submitted_at=written,
        decided_at=decided,
        approved_fingerprint=template_schema.fingerprint(template.components),
        approved_category=template.category,
        approved_ttl_seconds=template.send_ttl_seconds,
        version=3,
    )
    steps = (
        (Decision.EDITED, editor, written),
        (Decision.SUBMITTED, editor, written),
        (Decision.APPROVED, approver, decided),
    )
    Approval.objects.bulk_create(
        Approval(content=content, decision=decision, by=by, at=at) for decision, by, at in steps
    )
    return content


def _morning(
    content: Content,
    people: Sequence[Subscriber],
    numbers: Sequence[PhoneNumber],
    day: Day,
    rng: random.Random,
) -> None:
    assert content.day is not None
    planned = india_time.local_datetime(content.day, MORNING)
    opened = planned + timedelta(milliseconds=280)
    distribution = Distribution.objects.create(
        kind=Kind.DAILY,
        local_date=content.day,
        planned_at=planned,
        content=content,
        state=DistributionState.COMPLETED,
        opened_at=opened,
        window_end=opened + timedelta(seconds=settings.SENDING_WINDOW_SECONDS),
        sla_deadline=planned + timedelta(seconds=settings.SLA_WINDOW_SECONDS),
        recipients=len(people),
        batches=-(-len(people) // batch_sizes.of_numbers(numbers)),
    )
    past_deliveries.insert(distribution, people, numbers, day, rng)
    _complete(distribution, planned + timedelta(seconds=settings.SLA_WINDOW_SECONDS))


def _complete(distribution: Distribution, at: datetime) -> None:
    """Its results and stored figures, by the functions that close a real one."""
    found = sla.results(distribution, now=at)
    Distribution.objects.filter(pk=distribution.pk).update(
        completed_at=at,
        results=found,
        sla_accepted=found["sla_accepted"],
        sla_delivered=found["sla_delivered"],
    )
    rollups.recount(distribution, now=at)
