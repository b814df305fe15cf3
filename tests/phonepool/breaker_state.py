"""Reports calls to the pool and reads breakers and history of numbers."""

from __future__ import annotations

from datetime import UTC, datetime

from phonepool.errors import Failure
from phonepool.models import PhoneEvent, PhoneNumber, Portfolio
from phonepool.numbers import pool
from phonepool.numbers.breakers import CallReport

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


def report_calls(
    number: PhoneNumber, failure: Failure | None, times: int = 20, *, now: datetime = NOW
) -> bool:
    """Reports `times` calls made at `now`; True if the number became unusable."""
    report = CallReport(number.pk, failure, now.timestamp(), watched=True)
    return pool.report_calls([report] * times, now=now)


def breaker_of(number: PhoneNumber) -> str:
    return str(PhoneNumber.objects.get(pk=number.pk).breaker)


def account_breaker() -> str:
    return str(Portfolio.objects.get().breaker)


def event_kinds(number: PhoneNumber) -> list[str]:
    events = PhoneEvent.objects.filter(number=number).order_by("pk")
    return list(events.values_list("kind", flat=True))
