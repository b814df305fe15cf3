from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from phonepool.errors import (
    CONNECT_TIMEOUT,
    CONNECTION_LOST,
    DEADLINE_PASSED,
    NO_ANSWER,
    NOT_SENT,
    SERVER_FAULT,
    UNREADABLE,
    WITHDRAWN,
    classify,
    is_fault,
)
from phonepool.models import Breaker, NumberState, PhoneEvent, PhoneNumber, Portfolio, Role
from phonepool.numbers import breakers, health, pool, reservation
from phonepool.numbers.breakers import CallReport
from tests.builders import a_number, a_portfolio
from tests.phonepool.breaker_state import (
    NOW,
    account_breaker,
    breaker_of,
    event_kinds,
    report_calls,
)

pytestmark = pytest.mark.django_db
DOWN, TOO_FAST, NOT_ON_WHATSAPP = classify(131016), classify(130429), classify(131026)
NO_TOKEN = classify(190)
COOLDOWN = timedelta(seconds=settings.BREAKER_COOLDOWN_SECONDS)


def two_numbers() -> tuple[PhoneNumber, PhoneNumber]:
    return a_number(), a_number()


# --- opening ------------------------------------------------------------------------------------


def test_twenty_faults_in_a_row_open_the_numbers_breaker_and_the_others_carry_on():
    ill, well = two_numbers()

    assert report_calls(ill, DOWN, 19) is False
    assert report_calls(ill, DOWN, 1) is True

    assert (breaker_of(ill), breaker_of(well), account_breaker()) == ("OPEN", "CLOSED", "CLOSED")
    assert event_kinds(ill) == ["breaker_opened"]
    assert PhoneEvent.objects.get().detail == "20 of 20 calls: service_unavailable"
    assert {pool.reserve(25, now=NOW).number_id for _ in range(4)} == {well.pk}


def test_half_of_the_calls_is_too_much_and_less_is_not():
    ill, well = two_numbers()

    for number, good in ((ill, 20), (well, 21)):
        report_calls(number, DOWN, 1)  # the first fault begins the window
        report_calls(number, None, good)
        report_calls(number, DOWN, 19)

    assert (breaker_of(ill), breaker_of(well)) == ("OPEN", "CLOSED")


def test_faults_of_more_than_ten_seconds_are_not_added_up():
    number, _ = two_numbers()

    report_calls(number, DOWN, 19)
    report_calls(number, DOWN, 19, now=NOW + timedelta(seconds=breakers.WINDOW_SECONDS))

    assert breaker_of(number) == "CLOSED"


FAULTS = [NO_ANSWER, CONNECTION_LOST, UNREADABLE, SERVER_FAULT, NOT_SENT, CONNECT_TIMEOUT, DOWN]
NOT_FAULTS = [WITHDRAWN, DEADLINE_PASSED]
NOT_FAULTS += [classify(code) for code in (130429, 131026, 131056, 132000, 131049, 4)]


@pytest.mark.parametrize("failure", FAULTS, ids=lambda failure: failure.slug)
def test_what_is_the_numbers_or_metas_fault_counts(failure):
    number, _ = two_numbers()

    assert is_fault(failure)
    assert report_calls(number, failure) is True


@pytest.mark.parametrize("failure", NOT_FAULTS, ids=lambda failure: failure.slug)
def test_refusals_for_speed_and_what_is_about_a_recipient_never_open_a_breaker(failure):
    number, _ = two_numbers()

    report_calls(number, failure, 500)

    assert breaker_of(number) == "CLOSED"


def test_good_answers_of_a_healthy_number_cost_no_statement():
    number = a_number()
    good = [CallReport(number.pk, None, NOW.timestamp()), CallReport(number.pk, NOT_ON_WHATSAPP)]

    with CaptureQueriesContext(connection) as asked:
        pool.report_calls(good, now=NOW)

    assert len(asked) == 0


# --- trying again -------------------------------------------------------------------------------


def opened(**fields: object) -> PhoneNumber:
    """A number whose breaker opened at NOW, in an account that is well."""
    number = a_number(**fields)
    a_number(state=NumberState.STANDBY, role=Role.BACKUP)
    report_calls(number, DOWN)
    assert breaker_of(number) == "OPEN"
    return number


def test_an_open_breaker_lets_nothing_through_until_its_time():
    opened()

    assert pool.reserve(25, now=NOW + COOLDOWN - timedelta(seconds=0.1)) is None


def test_then_one_message_is_on_trial_and_no_other_until_it_ends():
    number, later = opened(), NOW + COOLDOWN

    trial = pool.reserve(25, now=later)

    assert (trial.number_id, trial.count, trial.recovering) == (number.pk, 1, True)
    assert breaker_of(number) == "HALF_OPEN"
    assert pool.reserve(25, now=later + timedelta(seconds=1)) is None
    assert pool.reserve(25, now=later + COOLDOWN).count == 1  # its answer never came


def test_a_stale_look_at_the_number_takes_no_more_than_the_trial():
    """The row was read before its breaker opened; the statement that takes slots knows better."""
    number = a_number()
    stale = PhoneNumber.objects.get()
    report_calls(number, DOWN)

    assert reservation.reserve(stale, 25, now=NOW) is None
    assert reservation.reserve(stale, 25, now=NOW + COOLDOWN) is None
    assert reservation.reserve(stale, 1, now=NOW + COOLDOWN).count == 1


def test_a_good_trial_closes_it_and_the_number_comes_back_gently():
    number, later = opened(), NOW + COOLDOWN
    pool.reserve(25, now=later)

    report_calls(number, None, 1, now=later)

    assert (breaker_of(number), event_kinds(number)) == (
        "CLOSED",
        ["breaker_opened", "breaker_closed"],
    )
    number.refresh_from_db()
    rates = [health.rate(number, later + timedelta(seconds=s)) for s in (0, 5, 8)]
    assert rates == [20, 60, 80]


@pytest.mark.parametrize("failure", [DOWN, NO_ANSWER, NO_TOKEN], ids=lambda f: f.slug)
def test_a_bad_trial_opens_it_again(failure):
    number, later = opened(), NOW + COOLDOWN
    pool.reserve(25, now=later)

    report_calls(number, failure, 1, now=later)

    assert breaker_of(number) == "OPEN"
    assert event_kinds(number)[-1] == "breaker_stays_open"
    assert pool.reserve(25, now=later + COOLDOWN / 2) is None
    assert pool.reserve(25, now=later + COOLDOWN).count == 1


@pytest.mark.parametrize("failure", [NOT_ON_WHATSAPP, TOO_FAST], ids=lambda f: f.slug)
def test_a_trial_that_is_refused_for_another_reason_shows_that_the_number_works(failure):
    number, later = opened(), NOW + COOLDOWN
    pool.reserve(25, now=later)

    report_calls(number, failure, 1, now=later)

    assert breaker_of(number) == "CLOSED"


@pytest.mark.parametrize("failure", [WITHDRAWN, DEADLINE_PASSED], ids=lambda f: f.slug)
def test_a_trial_that_was_called_off_says_nothing(failure):
    number, later = opened(), NOW + COOLDOWN
    pool.reserve(25, now=later)

    report_calls(number, failure, 1, now=later)

    assert breaker_of(number) == "HALF_OPEN"


def test_late_answers_of_calls_from_before_neither_close_nor_open_it():
    number, later = opened(), NOW + COOLDOWN
    before = NOW - timedelta(seconds=5)
    late = [
        CallReport(number.pk, failure, before.timestamp(), watched=True) for failure in (None, DOWN)
    ]

    pool.report_calls(late[:1] * 30, now=NOW + timedelta(seconds=1))
    assert breaker_of(number) == "OPEN"

    pool.reserve(25, now=later)
    report_calls(number, None, 1, now=later)
    pool.report_calls(late[1:] * 30, now=later + timedelta(seconds=1))
    assert breaker_of(number) == "CLOSED"


def test_a_human_who_mended_it_need_not_wait_for_the_trial():
    opened()

    breakers.retry_now(NOW + timedelta(seconds=1))

    assert pool.reserve(25, now=NOW + timedelta(seconds=1)).count == 1


def test_a_breaker_that_nobody_tries_any_more_is_forgotten():
    number = opened()
    long_after = NOW + COOLDOWN + timedelta(seconds=breakers.IDLE_SECONDS)

    assert breakers.close_idle(long_after) == 0
    assert breakers.close_idle(long_after + timedelta(seconds=1)) == 1
    assert breaker_of(number) == "CLOSED"


# --- the account --------------------------------------------------------------------------------


def test_when_every_number_fails_it_is_the_account_and_no_backup_is_burnt():
    first, second = two_numbers()
    ill_backup = a_number(state=NumberState.STANDBY, role=Role.BACKUP)
    for number in (first, second):
        report_calls(number, DOWN)
    assert account_breaker() == "CLOSED"  # the backup may help
    assert health.ensure_capacity(0, until=NOW, now=NOW) == [ill_backup.label]

    report_calls(ill_backup, DOWN)

    assert (account_breaker(), Portfolio.objects.get().breaker_reason) == (
        "OPEN",
        "20 of 20 calls: service_unavailable",
    )


def test_an_account_wide_refusal_opens_everything_at_once_and_wakes_nobody():
    number, other = two_numbers()
    backup = a_number(state=NumberState.STANDBY, role=Role.BACKUP)
    elsewhere = a_number(portfolio=Portfolio.objects.create(business_id="901"))

    assert report_calls(number, NO_TOKEN, 1) is True

    assert [breaker_of(n) for n in (number, other, backup, elsewhere)] == ["OPEN"] * 3 + ["CLOSED"]
    assert health.ensure_capacity(10**6, until=NOW, now=NOW) == []
    assert pool.reserve(25, now=NOW).number_id == elsewhere.pk


def test_one_good_trial_closes_the_account_and_each_number_tries_for_itself():
    number, other = two_numbers()
    backup = a_number(state=NumberState.STANDBY, role=Role.BACKUP)
    report_calls(number, NO_TOKEN, 1)
    later = NOW + COOLDOWN
    trial = PhoneNumber.objects.get(pk=pool.reserve(25, now=later).number_id)

    report_calls(trial, None, 1, now=later)

    left = other if trial == number else number
    assert account_breaker() == "CLOSED"
    assert [breaker_of(n) for n in (trial, left, backup)] == ["CLOSED", "OPEN", "CLOSED"]
    assert event_kinds(backup) == ["breaker_opened", "breaker_closed"]
    next_ones = [pool.reserve(25, now=later) for _ in range(3)]
    assert [r.count for r in next_ones if r.number_id == left.pk] == [1]


def test_a_backup_wakes_for_a_primary_whose_breaker_is_open():
    opened()
    backup = PhoneNumber.objects.get(role=Role.BACKUP)

    assert health.ensure_capacity(1, until=NOW + timedelta(hours=1), now=NOW) == [backup.label]
    assert pool.reserve(25, now=NOW).number_id == backup.pk


def test_a_backup_of_an_account_that_is_well_wakes_for_one_that_is_ill():
    number = a_number()
    well = Portfolio.objects.create(business_id="901")
    backup = a_number(portfolio=well, state=NumberState.STANDBY, role=Role.BACKUP)
    report_calls(number, DOWN)

    assert health.ensure_capacity(0, until=NOW, now=NOW) == [backup.label]


# --- laws ---------------------------------------------------------------------------------------

ANSWERS = st.lists(
    st.tuples(st.sampled_from([None, DOWN, NO_ANSWER, NOT_ON_WHATSAPP, TOO_FAST, NO_TOKEN]),
              st.integers(1, 30), st.floats(0, 20)),
    max_size=12,
)  # fmt: skip


@given(steps=ANSWERS)
@options(deadline=None)
def test_whatever_comes_an_open_breaker_lets_at_most_one_message_a_cooldown_through(steps):
    number, now = a_number(portfolio=a_portfolio()), NOW
    trials: list[datetime] = []
    try:
        for failure, times, pause in steps:
            now += timedelta(seconds=pause)
            report_calls(number, failure, times, now=now)
            was = breaker_of(number)
            slots = pool.reserve(25, now=now)
            if was == Breaker.CLOSED:
                trials.clear()
            elif slots is not None:
                assert slots.count == 1
                assert breaker_of(number) == Breaker.HALF_OPEN
                assert not trials or now - trials[-1] >= COOLDOWN
                trials.append(now)
    finally:
        Portfolio.objects.update(breaker=Breaker.CLOSED)
        PhoneNumber.objects.filter(pk=number.pk).update(state=NumberState.DISABLED)
