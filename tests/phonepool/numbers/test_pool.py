from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from phonepool.errors import classify
from phonepool.models import NumberState, PhoneNumber, Portfolio, Role
from phonepool.numbers import health, pool
from phonepool.numbers.breakers import CallReport
from tests.builders import a_number, a_portfolio

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
TOO_FAST, GONE, NOT_ON_WHATSAPP = classify(130429), classify(133010), classify(131026)


def reserved(times: int, count: int = 25, *, now: datetime = NOW) -> Counter[int]:
    """Slots by number after so many reservations."""
    taken = [pool.reserve(count, now=now) for _ in range(times)]
    slots: Counter[int] = Counter()
    for one in taken:
        if one is not None:
            slots[one.number_id] += one.count
    return slots


def test_equal_numbers_take_turns():
    first, second, third = a_number(), a_number(), a_number()

    assert reserved(12) == {first.pk: 100, second.pk: 100, third.pk: 100}


def test_unequal_numbers_share_by_their_rates():
    fast, slow = a_number(rate_per_second=80), a_number(rate_per_second=40)

    shares = reserved(24)

    assert shares[fast.pk] == 400
    assert shares[slow.pk] == 200


def test_a_number_without_room_passes_the_turn_to_the_next():
    full, free = a_number(daily_capacity=25), a_number(rate_per_second=20)

    assert reserved(4) == {full.pk: 25, free.pk: 75}


def test_no_room_anywhere_is_none():
    a_number(daily_capacity=25)
    a_number(state=NumberState.RESTING)
    a_number(state=NumberState.STANDBY, role=Role.BACKUP)
    pool.reserve(25, now=NOW)

    assert pool.reserve(1, now=NOW) is None


def test_an_empty_pool_has_no_room():
    assert pool.reserve(1, now=NOW) is None


def test_everybodys_slots_together_fill_the_horizon_and_no_more():
    a_number(), a_number()
    most = int(80 * settings.SLOT_UTILISATION * settings.SLOT_HORIZON_SECONDS)

    assert 2 * most - 2 <= reserved(200).total() <= 2 * most  # less the crumbs of a last slot


def test_a_number_that_is_refused_rests_and_its_share_moves():
    lost, left = a_number(), a_number()

    pool.report_calls([CallReport(lost.pk, GONE)] * 2, now=NOW)

    assert reserved(4) == {left.pk: 100}
    lost.refresh_from_db()
    assert (lost.state, lost.state_reason, lost.failures) == ("RESTING", GONE.slug, 1)


def test_a_fifth_of_refusals_for_speed_cuts_the_rate_and_a_few_stray_ones_do_not():
    stray, storm = a_number(), a_number()

    answers = [CallReport(stray.pk, TOO_FAST)] * 2 + [CallReport(stray.pk, None)] * 9
    answers += [CallReport(storm.pk, TOO_FAST)] * 2 + [CallReport(storm.pk, None)] * 8
    pool.report_calls(answers, now=NOW)

    rates = {n.pk: health.rate(n, NOW) for n in PhoneNumber.objects.all()}
    assert rates == {stray.pk: 80, storm.pk: 40}


def test_a_recipients_own_failure_says_nothing_of_the_number():
    number = a_number()
    before = PhoneNumber.objects.values().get()

    pool.report_calls([CallReport(number.pk, NOT_ON_WHATSAPP)] * 50, now=NOW)

    assert PhoneNumber.objects.values().get() == before


def test_a_number_that_recovered_takes_its_share_again():
    lost, left = a_number(), a_number()
    pool.report_calls([CallReport(lost.pk, GONE)], now=NOW)
    later = NOW + timedelta(seconds=settings.NUMBER_REST_SECONDS)
    health.wake_rested(later)
    assert reserved(4, now=later) == {lost.pk: 1, left.pk: 75}  # at first a hundredth of it

    PhoneNumber.objects.update(next_slot=0, day_count=0)
    PhoneNumber.objects.filter(pk=lost.pk).update(return_share=100)
    assert reserved(4, now=later) == {lost.pk: 50, left.pk: 50}


# --- the portfolios' limit --------------------------------------------------------------------


def test_numbers_of_one_portfolio_share_its_limit():
    portfolio = a_portfolio(recipient_limit=2_000)
    a_number(portfolio=portfolio), a_number(portfolio=portfolio)

    assert pool.recipient_limit() == 2_000


def test_limits_of_portfolios_add_up_unless_one_has_none():
    a_number(portfolio=a_portfolio(recipient_limit=2_000))
    a_number(portfolio=Portfolio.objects.create(business_id="901", recipient_limit=250))
    assert pool.recipient_limit() == 2_250

    a_number(portfolio=Portfolio.objects.create(business_id="902"))
    assert pool.recipient_limit() is None


def test_a_portfolio_whose_numbers_are_all_out_lends_no_room():
    a_number(portfolio=a_portfolio(recipient_limit=2_000))
    out = Portfolio.objects.create(business_id="901", recipient_limit=250)
    a_number(portfolio=out, state=NumberState.DISABLED)

    assert pool.recipient_limit() == 2_000


def test_with_the_primaries_lost_the_backups_limit_counts():
    a_number(state=NumberState.RESTING)
    backups = Portfolio.objects.create(business_id="901", recipient_limit=250)
    a_number(portfolio=backups, role=Role.BACKUP, state=NumberState.STANDBY)

    assert pool.recipient_limit() == 250
