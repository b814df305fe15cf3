"""A number that rested comes back in steps, which its answers earn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from phonepool.errors import NO_ANSWER, classify
from phonepool.models import NumberState, PhoneNumber, Quality
from phonepool.numbers import breakers, health, operations, pool, return_rule, status
from phonepool.numbers.breakers import CallReport
from phonepool.numbers.return_rule import MAX_DROPS, STEPS, Act, Progress
from tests.builders import a_number

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 06:00 IST
GONE = classify(133010)
REST = timedelta(seconds=settings.NUMBER_REST_SECONDS)
STEP = timedelta(seconds=return_rule.STEP_SECONDS)


def kinds(number: PhoneNumber) -> list[str]:
    return list(number.events.order_by("pk").values_list("kind", flat=True))


def answer(number: PhoneNumber, now: datetime, *failures: object, good: int = 0) -> bool:
    """Reports the results of messages that were due now."""
    results = [*failures, *[None] * good]
    slot = now.timestamp()
    reports = [CallReport(number.pk, one, slot, watched=True) for one in results]  # type: ignore[arg-type]
    return pool.report_calls(reports, now=now)


def a_returning_number() -> tuple[PhoneNumber, datetime]:
    """One that was refused, rested and woke, beside one that is well."""
    number = a_number()
    a_number()
    answer(number, NOW, GONE)
    woken = NOW + REST
    assert health.wake_rested(woken) == 1
    return number, woken


# --- the rule ---------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 3), st.booleans(), st.floats(0, 20)),
        max_size=60,
    )
)
def test_it_rises_one_step_at_a_time_as_earned_and_falls_at_most_twice(rounds):
    progress, now, last_step = Progress(STEPS[0], 1000.0), 1000.0, 1000.0
    for answers, faults, refused, seconds in rounds:
        now += seconds
        progress = Progress(
            progress.share,
            progress.since,
            progress.answers + answers,
            progress.faults + min(faults, answers),
            progress.not_before,
            progress.drops,
        )
        made = return_rule.decide(progress, refused=refused, now=now)
        before, after = STEPS.index(progress.share), STEPS.index(made.share)
        assert after - before <= 1
        assert (made.act is Act.OUT) == (refused and progress.drops == MAX_DROPS)
        assert refused or after >= before
        assert not refused or after < before or before == 0 or made.act is Act.OUT
        if made.act is Act.OUT:
            return
        if made.act is Act.RISE:
            needed = 5 if before == 0 else 20
            assert progress.answers >= needed
            assert progress.faults <= 0.02 * progress.answers
            assert now - last_step >= return_rule.STEP_SECONDS
            assert now >= progress.not_before
        assert made.drops <= MAX_DROPS
        if made.act is not Act.STAY:
            last_step = now
            progress = Progress(made.share, now, 0, 0, made.not_before, made.drops)


def test_a_step_back_holds_for_a_minute():
    dropped = return_rule.decide(Progress(25, 0.0, 100), refused=True, now=10.0)
    assert (dropped.act, dropped.share, dropped.drops) == (Act.DROP, 5, 1)

    earned = Progress(5, 10.0, 100, 0, dropped.not_before, 1)
    assert return_rule.decide(earned, refused=False, now=69.9).act is Act.STAY
    assert return_rule.decide(earned, refused=False, now=70.0).share == 25


# --- in the pool ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_after_a_rest_it_sends_a_hundredth_and_rises_every_fifteen_seconds():
    number, now = a_returning_number()

    taken = [pool.reserve(25, now=now) for _ in range(4)]
    assert [(one.number_id == number.pk, one.count) for one in taken] == [(True, 1)] + [
        (False, 25)
    ] * 3
    assert taken[0].recovering
    second = taken[0].slot(0) + 1 / (0.8 * settings.SLOT_UTILISATION)
    number.refresh_from_db()
    assert number.next_slot == pytest.approx(second)  # 1% of 80 a second

    for share in (5, 25, 50, 100):
        answer(number, now + STEP / 2, good=30)
        now += STEP
        answer(number, now, good=1)
        number.refresh_from_db()
        assert number.return_share == share
    assert kinds(number) == ["resting", "woken", *["return_step"] * 4]
    assert health.reduced(PhoneNumber.objects.all(), now) == {}


@pytest.mark.django_db
def test_messages_from_before_and_faults_earn_nothing_and_a_forgotten_return_is_over():
    number, now = a_returning_number()
    early = [CallReport(number.pk, None, NOW.timestamp(), watched=True)] * 50

    pool.report_calls(early, now=now + STEP)
    answer(number, now + STEP, NO_ANSWER, good=20)  # 5% of faults

    number.refresh_from_db()
    assert (number.return_share, number.return_answers, number.return_faults) == (1, 21, 1)
    forgotten = now + timedelta(seconds=return_rule.FORGOTTEN_SECONDS + 1)
    assert health.reduced(PhoneNumber.objects.all(), now) == {number.pk: 0.01}
    assert health.reduced(PhoneNumber.objects.all(), forgotten) == {}


@pytest.mark.django_db
def test_refused_three_times_it_is_out_for_the_day_and_a_person_can_bring_it_back():
    number, now = a_returning_number()

    assert answer(number, now, GONE) is False
    before = [CallReport(number.pk, GONE, now.timestamp() - 1)] * 2  # sent before the step back
    assert pool.report_calls(before, now=now + timedelta(seconds=0.5)) is False
    later = now + timedelta(seconds=1)
    assert answer(number, later, GONE) is False
    assert answer(number, later + timedelta(seconds=1), GONE) is True

    number.refresh_from_db()
    assert number.state == NumberState.RESTING
    assert number.rest_until == datetime(2026, 11, 23, 18, 30, tzinfo=UTC)  # midnight here
    assert kinds(number)[2:] == ["return_back", "return_back", "resting"]
    operations.enable(number.pk, reason="registered again", by="asha", now=later)
    number.refresh_from_db()
    assert (number.state, number.return_share, number.return_drops) == ("ACTIVE", 100, 0)


@pytest.mark.django_db
def test_the_only_number_that_can_send_keeps_its_whole_speed():
    number, now = a_returning_number()
    PhoneNumber.objects.exclude(pk=number.pk).update(state=NumberState.DISABLED)

    assert pool.reserve(25, now=now).count == 25
    assert health.capacity([PhoneNumber.objects.get(pk=number.pk)], 10, now) == 788
    (shown,) = status.number_statuses(PhoneNumber.objects.filter(pk=number.pk), now=now)
    assert shown.ramp.startswith("Returning: 1% of its speed (waived")
    assert shown.rate_now == 80
    for seconds in (0, 1, 2):
        answer(number, now + timedelta(seconds=seconds), GONE)
    number.refresh_from_db()
    assert number.rest_until < now + timedelta(minutes=5)  # not out for the day


@pytest.mark.django_db
@pytest.mark.parametrize(("account", "share"), [("", 1), ("account: ", 100)])
def test_a_breaker_of_its_own_leads_to_steps_and_one_of_the_account_does_not(account, share):
    number, _other = a_number(), a_number()
    breakers._open_number(number.pk, f"{account}no_answer", NOW)
    later = NOW + timedelta(seconds=settings.BREAKER_COOLDOWN_SECONDS)

    answer(number, later, good=1)

    number.refresh_from_db()
    assert (number.breaker, number.return_share) == ("CLOSED", share)


@pytest.mark.django_db
def test_a_better_rating_than_low_leads_to_steps_and_another_does_not():
    low, medium = a_number(quality=Quality.LOW), a_number(quality=Quality.MEDIUM)

    for number in (low, medium):
        health.apply_quality(number.pk, Quality.HIGH, now=NOW)

    shares = PhoneNumber.objects.order_by("pk").values_list("return_share", flat=True)
    assert list(shares) == [1, 100]
