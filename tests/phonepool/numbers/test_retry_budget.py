from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from phonepool.errors import (
    CONNECT_TIMEOUT,
    DEADLINE_PASSED,
    NO_ANSWER,
    NOT_SENT,
    SERVER_FAULT,
    WITHDRAWN,
    classify,
)
from phonepool.models import PhoneNumber
from phonepool.numbers import pool, retry_budget
from phonepool.numbers.retry_budget import (
    FREE_RETRIES,
    FREE_RETRIES_PER_SECOND,
    MEMORY_SECONDS,
    Budget,
    spend,
)
from tests.builders import a_number

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
FRESH = Budget(0.0, 0, 0.0)


@pytest.mark.parametrize("code", [2, 131016, 133004, 131000, 1, 131056, 135000])
def test_tries_after_metas_failures_and_a_messages_own_count(code):
    assert retry_budget.uses_budget(classify(code))


@pytest.mark.parametrize("failure", [NO_ANSWER, SERVER_FAULT], ids=lambda failure: failure.slug)
def test_a_resend_after_no_answer_counts(failure):
    assert retry_budget.uses_budget(failure)


@pytest.mark.parametrize("code", [130429, 4, 80007, 133010, 131037, 190, 131042, 132015])
def test_refusals_of_the_pool_the_account_and_the_template_are_free(code):
    assert not retry_budget.uses_budget(classify(code))


@pytest.mark.parametrize("failure", [NOT_SENT, CONNECT_TIMEOUT, WITHDRAWN, DEADLINE_PASSED])
def test_what_never_left_this_machine_is_free(failure):
    assert not retry_budget.uses_budget(failure)


def test_a_tenth_of_the_slots_goes_at_once_and_the_rest_waits_its_turn():
    account, waits = spend(FRESH, 120, slots=1000, rate=80, now=1000.0)

    assert waits[:110] == [0.0] * 110  # the few, and a tenth
    pace = FREE_RETRIES_PER_SECOND + 0.1 * 1000 / 1000
    assert waits[110:] == pytest.approx([place / pace for place in range(1, 11)])
    assert account == Budget(-10.0, 1120, 1000.0)


def test_what_was_earned_is_earned_once():
    account, _ = spend(FRESH, 110, slots=1000, rate=80, now=1000.0)

    _, waits = spend(account, 1, slots=1000, rate=80, now=1001.0)
    assert waits[0] > 0

    _, waits = spend(account, 9, slots=1110 + 90, rate=80, now=1001.0)
    assert waits == [0.0] * 9


def test_a_debt_is_paid_by_time_alone_at_the_end_of_a_morning():
    account, _ = spend(FRESH, 40, slots=100, rate=80, now=1000.0)
    assert account.credit == -20

    later, waits = spend(account, 1, slots=140, rate=80, now=1010.0)
    assert (later.credit, waits) == (-11.0, [pytest.approx(11.0)])
    assert spend(account, 1, slots=140, rate=80, now=1020.0)[1] == [pytest.approx(1.0)]


def test_credit_that_is_not_used_for_two_minutes_is_forgotten():
    account, _ = spend(FRESH, 1, slots=1000, rate=80, now=1000.0)
    assert account.credit == 109

    later, _ = spend(account, 0, slots=1001, rate=80, now=1000.0 + MEMORY_SECONDS + 1)
    assert later.credit == FREE_RETRIES


def test_no_more_is_saved_up_than_two_minutes_could_earn():
    account, _ = spend(FRESH, 0, slots=100_000, rate=80, now=1000.0)

    assert account.credit == 0.1 * 80 * MEMORY_SECONDS + FREE_RETRIES


STEPS = st.lists(
    st.tuples(st.floats(0, 30), st.integers(0, 400), st.integers(0, 60)), min_size=1, max_size=30
)


@given(steps=STEPS)
@options(deadline=None)
def test_what_goes_at_once_is_never_more_than_was_earned(steps):
    account, now, slots, at_once = Budget(0.0, 0, 1000.0 - MEMORY_SECONDS - 1), 1000.0, 0, 0
    began = now
    for pause, more, retries in steps:
        now, slots = now + pause, slots + more
        account, waits = spend(account, retries, slots=slots, rate=80, now=now)
        at_once += sum(wait == 0 for wait in waits)
        assert waits == sorted(waits)
        assert all(
            wait <= (retries + max(0.0, -account.credit)) / FREE_RETRIES_PER_SECOND
            for wait in waits
        )
        earned = FREE_RETRIES + 0.1 * slots + FREE_RETRIES_PER_SECOND * (now - began)
        assert at_once <= earned + 1e-6


@pytest.mark.django_db
def test_the_budget_is_the_numbers_row_and_starts_again_with_the_day():
    number = a_number()
    for _ in range(40):
        pool.reserve(25, now=NOW)
    slots = PhoneNumber.objects.get().day_count
    free = int(FREE_RETRIES + 0.1 * slots)

    waits = retry_budget.waits(number.pk, free + 1, now=NOW)
    assert (waits[free - 1], waits[free] > 0) == (0.0, True)

    tomorrow = NOW + timedelta(days=1)
    pool.reserve(25, now=tomorrow)
    assert retry_budget.waits(number.pk, 13, now=tomorrow)[11:] == [
        0.0,
        pytest.approx(0.5 / 1.0, rel=0.2),
    ]
