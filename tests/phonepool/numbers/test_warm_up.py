"""A new number begins with a small part of its speed and earns the rest by clean mornings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonepool.models import PhoneNumber, Quality, RampCause, Role
from phonepool.numbers import health, operations, pool, ramp_rule, status, verification
from phonepool.numbers.operations import OperationRefused
from phonepool.numbers.ramp_rule import FULL, Morning, Ramp
from tests.builders import a_number

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
YESTERDAY = {"day": date(2026, 11, 22), "verified_at": NOW - timedelta(days=3)}
NEW, FELL = RampCause.NEW, RampCause.QUALITY


@given(
    st.sampled_from([Ramp(2, NEW), Ramp(100, RampCause.NONE), Ramp(25, FELL)]),
    st.lists(
        st.tuples(st.integers(0, 100), st.floats(0, 100), st.integers(0, 2), st.booleans()),
        max_size=30,
    ),
)
def test_only_clean_mornings_raise_it_and_a_fall_caps_it(ramp, mornings):
    for sent, expected, refusals, fell in mornings:
        before, morning = ramp, Morning(sent, expected, refusals)
        ramp = ramp_rule.after_fall(before) if fell else ramp_rule.after(before, morning)
        assert ramp.share in (*ramp_rule.NEW_STEPS, *ramp_rule.FALL_STEPS)
        assert (ramp.share == FULL) == (ramp.cause == RampCause.NONE)
        if fell:
            assert ramp.share <= 25
        if ramp.share > before.share:
            assert (refusals, fell) == (0, False)
            assert sent >= expected / 2
            assert sent >= 1


def test_the_steps_are_those_of_the_cause():
    clean = Morning(100, 100.0, 0)
    shares, ramp = [], Ramp(2, NEW)
    while ramp.share < FULL:
        ramp = ramp_rule.after(ramp, clean)
        shares.append(ramp.share)
    assert shares == [5, 10, 25, 50, 100]
    assert ramp_rule.after(Ramp(25, FELL), clean) == Ramp(50, FELL)
    assert ramp_rule.after_fall(Ramp(10, NEW)) == Ramp(10, NEW)
    falls = [("HIGH", "MEDIUM"), ("UNKNOWN", "LOW"), ("MEDIUM", "FLAGGED")]
    others = [("MEDIUM", "HIGH"), ("UNKNOWN", "MEDIUM"), ("HIGH", "UNKNOWN"), ("?", "NEWER")]
    assert all(ramp_rule.has_fallen(*one) for one in falls)
    assert not any(ramp_rule.has_fallen(*one) for one in others)


@pytest.mark.django_db
def test_a_new_number_is_warmed_up_beside_one_that_has_sent_and_a_person_may_end_it():
    old = a_number(**YESTERDAY)
    new = a_number(verified_at=None, quality=Quality.UNKNOWN)
    backup = a_number(verified_at=None, role=Role.BACKUP)
    for number in (new, backup):
        verification.confirm(number.pk, name="Daybreak", display="", now=NOW)
    health.apply_quality(new.pk, Quality.HIGH, now=NOW)

    new.refresh_from_db()
    backup.refresh_from_db()
    assert (new.ramp, new.ramp_cause, backup.ramp) == (2, "NEW", 100)
    assert health.ceiling(new) == 50  # until the warm-up is over
    shown = {one.number.pk: one for one in status.number_statuses([new], now=NOW)}[new.pk]
    assert (shown.ramp, shown.rate_now) == ("Warming up: 2% of its speed", 1.0)
    taken = [pool.reserve(25, now=NOW) for _ in range(3)]
    assert [(one.number_id, one.count) for one in taken[:2]] == [(new.pk, 1), (old.pk, 25)]

    operations.skip_ramp(new.pk, reason="moved over", by="asha", now=NOW)
    new.refresh_from_db()
    assert (new.ramp, new.ramp_cause, health.ceiling(new)) == (100, "", 80)
    assert new.events.last().detail == "asha: moved over"
    with pytest.raises(OperationRefused, match="already uses its whole speed"):
        operations.skip_ramp(new.pk, reason="again", by="asha", now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "others",
    [[], [{**YESTERDAY, "day": None}], [{**YESTERDAY, "verified_at": NOW}]],
    ids=["none", "none that sent", "verified today"],
)
def test_the_first_numbers_of_an_installation_are_not_warmed_up(others):
    for fields in others:
        a_number(**fields)
    new = a_number(verified_at=None)

    verification.confirm(new.pk, name="Daybreak", display="", now=NOW)

    assert PhoneNumber.objects.get(pk=new.pk).ramp == FULL


@pytest.mark.django_db
def test_a_number_that_sent_before_is_not_new_again_unless_its_id_is_another():
    a_number(**YESTERDAY)
    number = a_number(**{**YESTERDAY, "verified_at": None})
    verification.confirm(number.pk, name="Daybreak", display="", now=NOW)
    number.refresh_from_db()
    assert number.ramp == FULL

    verification.reset(number)
    number.save()
    verification.confirm(number.pk, name="Daybreak", display="", now=NOW)
    number.refresh_from_db()
    assert number.ramp == 2
