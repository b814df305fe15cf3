"""Each morning is judged once, whichever engine looks first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from distribution.engine import number_ramps
from distribution.models import (
    Attempt,
    AttemptOutcome,
    Channel,
    Delivery,
    Distribution,
    DistributionState,
    Heartbeat,
    Kind,
    OutcomeTally,
    QualitySource,
)
from distribution.quality import history
from phonepool.models import PhoneNumber
from phonepool.numbers import ramp_rule, ramps
from phonepool.numbers.ramp_rule import Ramp
from tests.builders import a_draft, a_number, an_open_distribution

pytestmark = pytest.mark.django_db
SIX = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)  # 06:00 IST
DAY = date(2026, 11, 24)
HOUR = timedelta(hours=1)


def a_warming_number(share: int = 2, **fields: Any) -> PhoneNumber:
    fields = {"ramp": share, "ramp_cause": "NEW", "ramp_at": SIX - HOUR, **fields}
    return a_number(**fields)


def a_morning(sent: dict[PhoneNumber, int], day: int = 0) -> Distribution:
    at = SIX + timedelta(days=day)
    morning = Distribution.objects.create(
        kind=Kind.DAILY,
        local_date=DAY + timedelta(days=day),
        planned_at=at,
        opened_at=at,
        window_end=at + HOUR,
        content=a_draft(day=DAY + timedelta(days=day)),
        state=DistributionState.COMPLETED,
        recipients=sum(sent.values()),
    )
    for number, count in sent.items():
        OutcomeTally.objects.create(
            distribution=morning,
            channel=Channel.ANSWER,
            slot=int(at.timestamp()),
            number_id=number.pk,
            reason="",
            count=count,
            resume_no=0,
        )
    return morning


def ramp_of(number: PhoneNumber) -> tuple[int, str]:
    number.refresh_from_db()
    return number.ramp, number.ramp_cause


def test_a_clean_morning_is_one_step_however_often_it_is_looked_at():
    old, new = a_number(), a_warming_number()
    a_morning({old: 990, new: 10})

    assert number_ramps.review(SIX + HOUR) == 1
    assert number_ramps.review(SIX + 2 * HOUR) == 0

    assert ramp_of(new) == (5, "NEW")
    assert ramp_of(old) == (100, "")
    assert [one.detail for one in new.events.all()] == ["2% → 5%: a clean morning"]
    a_morning({old: 100, new: 0}, day=1)  # it had no part in it
    assert number_ramps.review(SIX + 25 * HOUR) == 1
    assert ramp_of(new) == (5, "NEW")
    PhoneNumber.objects.filter(pk=new.pk).update(ramp=50)
    a_morning({old: 100, new: 50}, day=2)
    assert number_ramps.review(SIX + 49 * HOUR) == 1
    assert ramp_of(new) == (100, "")


def test_a_refusal_of_the_number_keeps_it_where_it_is():
    new, other = a_warming_number(10), a_warming_number(10)
    morning = a_morning({a_number(): 800, new: 100, other: 100})
    opened = an_open_distribution(2)
    Delivery.objects.update(distribution=morning)
    one, two = Delivery.objects.all()
    for row, number, reason in (
        (one, new, "number_not_registered"),
        (two, other, "not_on_whatsapp"),
    ):
        Attempt(
            delivery=row,
            attempt_id=f"a{row.pk}",
            number=number,
            outcome=AttemptOutcome.REJECTED,
            reason=reason,
            ended_at=SIX,
        ).save()
    Distribution.objects.filter(pk=opened.pk).update(state=DistributionState.CANCELLED)

    assert number_ramps.review(SIX + HOUR) == 2

    assert (ramp_of(new)[0], ramp_of(other)[0]) == (10, 25)


def test_after_a_fall_of_its_quality_a_quarter_a_half_and_all():
    old, fallen = a_number(), a_number()
    history.note_number(fallen, "HIGH", "MEDIUM", QualitySource.POLL, at=SIX)
    history.note_number(old, "MEDIUM", "HIGH", QualitySource.POLL, at=SIX)
    running = an_open_distribution(1)
    assert number_ramps.review(SIX + HOUR) == 0  # never while one runs
    Distribution.objects.filter(pk=running.pk).update(state=DistributionState.CANCELLED)
    number_ramps.review_if_due(SIX + HOUR)
    number_ramps.review_if_due(SIX + HOUR + timedelta(seconds=59))

    assert ramp_of(fallen) == (25, "QUALITY")
    assert ramp_of(old) == (100, "")
    assert Heartbeat.objects.get(pk="number ramps").at == SIX + HOUR
    seen = []
    for day in (1, 2):
        a_morning({old: 80, fallen: 40}, day=day)
        number_ramps.review(SIX + timedelta(days=day, hours=1))
        seen.append(ramp_of(fallen))
    assert seen == [(50, "QUALITY"), (100, "")]


def test_two_keepers_that_judge_the_same_morning_take_one_step(monkeypatch):
    old, new = a_number(), a_warming_number()
    a_morning({old: 990, new: 10})
    change = ramps.change

    def change_after_the_other(number: PhoneNumber, ramp: Ramp, why: str, *, now: datetime) -> bool:
        """The other keeper read the same row, and was faster."""
        monkeypatch.setattr(ramps, "change", change)
        assert number_ramps.review(now) == 1
        return change(number, ramp, why, now=now + timedelta(seconds=1))

    monkeypatch.setattr(ramps, "change", change_after_the_other)
    assert number_ramps.review(SIX + HOUR) == 0

    assert ramp_of(new) == (ramp_rule.NEW_STEPS[1], "NEW")
    assert new.events.count() == 1
