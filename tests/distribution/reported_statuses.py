"""A distribution on its way, and what WhatsApp reports of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings

from distribution.ledger import deliveries, doubts
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.claims import Claim
from distribution.models import (
    Delivery,
    State,
)
from distribution.outcomes.report_rules import StatusReport
from distribution.outcomes.status_reports import AppliedReports, apply_reports
from phonepool.models import PhoneNumber
from tests.builders import LEASE, an_open_distribution

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
RESEND = timedelta(seconds=settings.RETRY_DELAYS_SECONDS[0])
LOST, NOT_ON_WHATSAPP, THROTTLED = 131000, 131026, 130429


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Run:
    """A distribution on its way, moved by hand."""

    def __init__(self, people: int = 1) -> None:
        self.distribution = an_open_distribution(people, now=NOW)

    def attempt(self, *, now: datetime = NOW) -> Claim:
        """Claim and mark whatever is due: from now on each may have been sent."""
        claim = deliveries.claim(self.distribution.pk, 0, limit=50, now=now, lease=LEASE)
        number_id = PhoneNumber.objects.first().pk
        deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=now, lease=LEASE)
        return claim

    def settle(self, claim: Claim, to: State, **fields) -> None:
        deliveries.settle(
            [
                Settlement(claim.attempt(row), to, NOW, **{"wamid": f"wamid.{row.pk}", **fields})
                for row in claim.deliveries
            ]
        )

    def accepted(self) -> AttemptKey:
        claim = self.attempt()
        self.settle(claim, State.ACCEPTED)
        return claim.attempt(claim.deliveries[0])

    def unanswered(self) -> AttemptKey:
        """The first attempt stays without an answer, and every gate says: send it again."""
        claim = self.attempt()
        deliveries.expire_leases(NOW + LEASE * 2)
        rows = list(Delivery.objects.values_list("pk", flat=True))
        assert doubts.retry_unknown(rows, next_at=LATER, now=LATER) == len(rows)
        return claim.attempt(claim.deliveries[0])


def delivery() -> Delivery:
    return Delivery.objects.get()


def a_report(
    status: str,
    attempt: AttemptKey | None,
    *,
    at: datetime = LATER,
    wamid: str = "",
    code: int | None = None,
) -> StatusReport:
    return StatusReport(status, at, wamid, attempt, code)


def receive(status: str, attempt: AttemptKey | None, **fields) -> AppliedReports:
    return apply_reports([a_report(status, attempt, **fields)], now=fields.get("at", LATER))
