"""A distribution whose deliveries failed and certainly did not arrive."""

from __future__ import annotations

from django.utils import timezone

from distribution.ledger import deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.models import Distribution, State
from phonepool.models import PhoneNumber
from tests import builders

REASON = "service_unavailable"


def a_failed_distribution() -> Distribution:
    """Open, with one person more; WhatsApp's server refused the only call to each."""
    distribution = builders.an_open_distribution(1)
    now, lease = timezone.now(), builders.LEASE
    claim = deliveries.claim(distribution.pk, 0, limit=9, now=now, lease=lease)
    number = PhoneNumber.objects.first() or builders.a_number()
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number.pk, now=now, lease=lease)
    refused = [
        Settlement(claim.attempt(row), State.FAILED, now, reason=REASON, outcome="REJECTED")
        for row in claim.deliveries
    ]
    assert deliveries.settle(refused) == len(refused) > 0
    return distribution
