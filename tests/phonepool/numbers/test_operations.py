"""What people may do to numbers, from which state, and what the history says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from phonepool.models import PhoneEvent, Quality
from phonepool.numbers import health, operations, status
from tests.builders import a_number

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
SAID = {"reason": "complaints", "by": "omar", "now": NOW}


def state(number):
    number.refresh_from_db()
    return number.role, number.state


@pytest.mark.parametrize(
    ("act", "role", "before", "after"),
    [
        (operations.disable, "PRIMARY", "ACTIVE", ("PRIMARY", "DISABLED")),
        (operations.disable, "PRIMARY", "DISABLED", None),
        (operations.enable, "PRIMARY", "DISABLED", ("PRIMARY", "ACTIVE")),
        (operations.enable, "PRIMARY", "RESTING", ("PRIMARY", "ACTIVE")),
        (operations.enable, "BACKUP", "DISABLED", ("BACKUP", "STANDBY")),
        (operations.enable, "PRIMARY", "ACTIVE", None),
        (operations.promote, "BACKUP", "STANDBY", ("PRIMARY", "ACTIVE")),
        (operations.promote, "BACKUP", "ACTIVE", ("PRIMARY", "ACTIVE")),
        (operations.promote, "BACKUP", "DISABLED", None),
        (operations.promote, "PRIMARY", "ACTIVE", None),
        (operations.demote, "PRIMARY", "ACTIVE", ("BACKUP", "STANDBY")),
        (operations.demote, "BACKUP", "STANDBY", None),
    ],
)
def test_an_act_moves_a_number_or_refuses_and_then_changes_nothing(act, role, before, after):
    a_number()  # another primary, so that one may go
    number = a_number(role=role, state=before)

    if after is None:
        with pytest.raises(operations.OperationRefused):
            act(number.pk, **SAID)
        assert state(number) == (role, before)
        assert not PhoneEvent.objects.exists()
    else:
        act(number.pk, **SAID)
        assert state(number) == after
        assert PhoneEvent.objects.get().detail == "omar: complaints"


def test_a_rest_ends_by_itself():
    number = a_number()

    operations.rest(number.pk, 15, **SAID)

    assert state(number) == ("PRIMARY", "RESTING")
    assert health.wake_rested(NOW + timedelta(minutes=14)) == 0
    assert health.wake_rested(NOW + timedelta(minutes=15)) == 1
    assert state(number) == ("PRIMARY", "ACTIVE")


@pytest.mark.parametrize("minutes", [0, -1, 24 * 60 + 1])
def test_a_rest_has_bounds(minutes):
    with pytest.raises(operations.OperationRefused, match="1 to 1,440 minutes"):
        operations.rest(a_number().pk, minutes, **SAID)


@pytest.mark.parametrize("act", [operations.enable, operations.promote])
def test_a_flagged_number_is_not_put_back_by_hand(act):
    number = a_number(role="BACKUP", state="DISABLED", quality="FLAGGED")

    with pytest.raises(operations.OperationRefused, match="Meta has flagged"):
        act(number.pk, **SAID)


def test_the_last_primary_stays_one():
    with pytest.raises(operations.OperationRefused, match="only primary"):
        operations.demote(a_number().pk, **SAID)


def test_meta_lifting_a_flag_does_not_undo_a_persons_decision():
    number = a_number()
    operations.disable(number.pk, reason="flagged by Meta", by="omar", now=NOW)

    health.apply_quality(number.pk, Quality.FLAGGED, now=NOW)
    health.apply_quality(number.pk, Quality.HIGH, now=NOW)

    assert state(number) == ("PRIMARY", "DISABLED")


def test_shares_and_limits_are_told_as_they_are():
    today = NOW.date()
    numbers = [a_number(day=today, day_count=750), a_number(day=today, day_count=250)]

    first, second = status.number_statuses(numbers, now=NOW, used={numbers[0].pk: 40.0})

    assert (first.share, first.today, first.rate_used, first.rate_limit) == (75, 750, 40.0, 80)
    assert (second.share, second.rate_used, second.breaker) == (25, None, "")
