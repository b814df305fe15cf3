"""Meta drops what it held of a portfolio and reviews it (case G1): when that pauses again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.lifecycle import control
from distribution.models import Delivery, DistributionState, State
from tests.webhooks.posts import apply, in_flight, status, statuses

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SENT_AT = NOW - timedelta(seconds=5)
DROPPED = 135000
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("dropped_at", "state"),
    [
        (NOW - timedelta(seconds=1), DistributionState.SENDING),
        (NOW + timedelta(seconds=1), DistributionState.PAUSED),
    ],
    ids=["before the resume", "after it"],
)
def test_a_drop_pauses_again_only_if_it_came_after_the_resume(dropped_at, state):
    distribution, attempts = in_flight(2, now=SENT_AT)
    Delivery.objects.update(state=State.HELD, accepted_at=SENT_AT, lease_until=None)
    control.pause(distribution.pk, reason="a look at the account", now=SENT_AT)
    control.resume(distribution.pk, now=NOW)

    reports = [
        status("failed", key, at=dropped_at, wamid=f"w{pk}", code=DROPPED)
        for pk, key in attempts.items()
    ]
    apply(statuses(*reports), now=NOW + timedelta(seconds=2))

    distribution.refresh_from_db()
    assert distribution.state == state
    assert Delivery.objects.count_by_state() == {State.FAILED: 2}
