"""Case A19: a second real error is byte for byte the first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.models import DistributionState
from tests.webhooks.posts import apply, envelope, in_flight, messages, notice, statuses
from webhooks.receiving.store import store

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
ERRORS = envelope(messages(errors=[{"code": 131031, "title": "Account locked"}]))
pytestmark = pytest.mark.django_db


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize("start", [0, 4, 9.9])
def test_an_error_is_a_repeat_for_ten_minutes_and_then_a_new_one(start):
    assert store(ERRORS, 0, now=at(start))
    assert not store(ERRORS, 0, now=at(start + 0.01))
    assert not store(ERRORS, 0, now=at(start + 9.9))

    assert store(ERRORS, 0, now=at(start + 10.1))
    assert not store(ERRORS, 0, now=at(start + 10.2))


@pytest.mark.parametrize(
    "body",
    [
        envelope(messages(errors=[{"code": 1}]), time=NOW),
        statuses({"id": "w", "status": "failed", "timestamp": "1", "errors": [{"code": 1}]}),
        envelope(messages(messages=[{"id": "w", "errors": [{"code": 131051}]}])),
        envelope(messages(errors=[{"code": 1}]), messages(messages=[{"id": "w"}])),
        envelope({"field": "messages", "value": "errors"}),
        notice("account_update", NOW, event="errors"),
        b'{"errors"',
        b'"errors"',
    ],
)
def test_everything_else_is_a_repeat_for_ever(body):
    assert store(body, 0, now=NOW)

    assert not store(body, 0, now=at(60 * 24 * 7))


def test_the_same_error_pauses_again_on_another_day():
    for days in (0, 2):
        now = NOW + timedelta(days=days)
        distribution, _ = in_flight(1, now=now)

        apply(ERRORS, now=now)

        distribution.refresh_from_db()
        assert (distribution.state, distribution.pause_cause) == (
            DistributionState.PAUSED,
            "account_locked",
        )
