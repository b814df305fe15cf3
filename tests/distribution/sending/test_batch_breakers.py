from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from distribution.alerts import phone_pool
from distribution.lifecycle import control
from distribution.models import Alert, Delivery, DistributionState, State
from phonepool.cloud_api.client import OutcomeKind, PreparedMessage
from phonepool.errors import NO_ANSWER, classify
from phonepool.models import Breaker, NumberState, PhoneNumber, Portfolio, Quality, Role
from phonepool.numbers import breakers, pool
from phonepool.numbers.breakers import CallReport
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import due, everybody, reload, send, states
from tests.fakes import FakeCloudApi

pytestmark = pytest.mark.django_db


def open_alerts() -> set[tuple[str, str]]:
    return set(Alert.objects.filter(closed_at=None).values_list("rule", "scope"))


def cool_down() -> None:
    """The cooldown is over, and the rows are due."""
    PhoneNumber.objects.update(breaker_until=0.0)
    due()


class IllNumber(FakeCloudApi):
    """Calls by one number get no answer; by the others all is well."""

    def __init__(self, ill: PhoneNumber, failure=NO_ANSWER) -> None:
        super().__init__()
        self.ill, self.failure = ill, failure

    def outcome(self, message: PreparedMessage):
        if message.phone_number_id == self.ill.meta_id:
            unknown = self.failure is NO_ANSWER
            kind = OutcomeKind.UNKNOWN if unknown else OutcomeKind.REJECTED
            self.answer(message.to, kind, self.failure)
        return super().outcome(message)


def test_a_number_whose_calls_fail_is_left_alone_and_a_backup_takes_its_people(db):
    ill = a_number(rate_per_second=1000)
    backup = a_number(rate_per_second=1000, role=Role.BACKUP, state=NumberState.STANDBY)
    distribution = an_open_distribution(150)
    api = IllNumber(ill, classify(131016))

    for batch in range(3):
        send(distribution, api, batch)

    ill.refresh_from_db()
    backup.refresh_from_db()
    assert (ill.breaker, backup.state, backup.state_reason) == (
        "OPEN",
        "ACTIVE",
        "a primary is lost",
    )
    assert sum(message.phone_number_id == ill.meta_id for message in api.sent) <= 50
    assert open_alerts() == {("number_breaker", f"number {ill.pk}")}

    due()
    for batch in range(3):
        send(distribution, api, batch)
    assert states() == {State.ACCEPTED: 150}

    api.failure = None
    cool_down()
    breakers.apply_reports(ill.pk, [CallReport(ill.pk, None)], now=timezone.now())
    phone_pool.refresh(timezone.now())
    assert open_alerts() == set()
    assert Alert.objects.get().closed_at is not None


def test_while_the_accounts_breaker_is_open_nobody_is_burnt_and_all_wait(db):
    number = a_number(rate_per_second=1000)
    distribution = an_open_distribution(150)
    api = IllNumber(number, classify(131016))

    for _ in range(5):
        for batch in range(3):
            send(distribution, api, batch)
        Delivery.objects.filter(state=State.PENDING).update(next_at=timezone.now())

    burnt = len(api.sent)
    assert burnt <= 50
    assert states() == {State.RETRY_WAIT: burnt, State.PENDING: 150 - burnt}
    assert open_alerts() == {("account_breaker", f"portfolio {number.portfolio_id}")}
    assert reload(distribution).state == DistributionState.SENDING

    cool_down()
    api.failure = None
    api.ill = a_number(state=NumberState.DISABLED)
    for _ in range(3):
        for batch in range(3):
            due()
            send(distribution, api, batch)
    assert states() == {State.ACCEPTED: 150}
    assert Delivery.objects.filter(attempt_no=1).count() == 150 - burnt
    phone_pool.refresh(timezone.now())
    assert open_alerts() == set()


@pytest.mark.parametrize(
    "gone",
    [{"breaker": Breaker.OPEN}, {"state": NumberState.RESTING}, {"quality": Quality.FLAGGED}],
    ids=lambda gone: "".join(gone),
)
def test_slots_of_a_number_that_fell_out_meanwhile_are_not_used(
    distribution, api, monkeypatch, gone
):
    reserve = pool.reserve

    def reserve_and_lose_the_number(*args, **kwargs):
        slots = reserve(*args, **kwargs)
        PhoneNumber.objects.update(**gone)
        return slots

    monkeypatch.setattr(pool, "reserve", reserve_and_lose_the_number)
    send(distribution, api)

    assert (api.sent, states()) == ([], {State.PENDING: 50})


def test_a_refusal_of_the_account_stops_other_distributions_too_and_resuming_tries_at_once(
    distribution, api
):
    for phone in everybody():
        api.refuse(phone, 190, times=1)
    send(distribution, api)
    assert reload(distribution).state == DistributionState.PAUSED
    assert PhoneNumber.objects.get().breaker == "OPEN"
    waiting = states()[State.RETRY_WAIT] + states().get(State.PENDING, 0)
    assert waiting == 50

    control.resume(distribution.pk, now=timezone.now())
    api.answers.clear()
    sent_before = len(api.sent)
    due()
    send(distribution, api)
    assert len(api.sent) == sent_before + 1  # one goes ahead
    due()
    send(distribution, api)
    assert states() == {State.ACCEPTED: 50}


def test_an_incident_is_one_alert_until_it_is_over(db):
    number = a_number()
    a_number()
    now = timezone.now()
    breakers.apply_reports(number.pk, [CallReport(number.pk, NO_ANSWER)] * 20, now=now)

    for _ in range(3):
        phone_pool.refresh(now)
        PhoneNumber.objects.filter(pk=number.pk).update(breaker=Breaker.HALF_OPEN)

    assert Alert.objects.count() == 1
    phone_pool.refresh(now + timedelta(seconds=breakers.IDLE_SECONDS + 60))
    assert open_alerts() == set()


@pytest.mark.parametrize(("code", "told", "pause"), [(80007, 7.0, 7), (4, 20.0, 20), (4, None, 60)])
def test_a_limit_of_the_account_pauses_all_its_numbers_as_long_as_meta_asks(code, told, pause):
    numbers = [a_number(rate_per_second=1000) for _ in range(2)]
    distribution = an_open_distribution(100)
    api = FakeCloudApi()
    api.retry_after = told
    for row in Delivery.objects.filter(batch_no=0):
        api.refuse(row.phone, code, times=1)

    send(distribution, api)
    burnt = len(api.sent)
    assert burnt <= settings.MICRO_BATCH_SIZE * 2  # slots given out before the answer are lost
    began = timezone.now()
    due()
    for batch in (0, 1):
        send(distribution, api, batch)
    assert len(api.sent) == burnt
    phone_pool.refresh(timezone.now())
    assert open_alerts() == {("account_paused", f"portfolio {numbers[0].portfolio_id}")}

    [until] = Portfolio.objects.values_list("paused_until", flat=True)
    assert abs(until - began.timestamp() - pause) < 5
    assert pool.reserve(1, now=began + timedelta(seconds=pause - 6)) is None
    Portfolio.objects.update(paused_until=timezone.now().timestamp())  # it is over
    phone_pool.refresh(timezone.now())
    assert open_alerts() == set()
    due()
    for batch in (0, 1):
        send(distribution, api, batch)
        due()
        send(distribution, api, batch)
    assert states() == {State.ACCEPTED: 100}
    assert {number.state for number in PhoneNumber.objects.all()} == {NumberState.ACTIVE}


def test_a_limit_of_one_account_leaves_the_numbers_of_others_alone():
    mine = a_number()
    other = a_number(portfolio=Portfolio.objects.create(business_id="another"))

    pool.report_calls([CallReport(mine.pk, classify(80007), wait=30.0)], now=timezone.now())
    taken = [pool.reserve(10, now=timezone.now()) for _ in range(3)]
    assert {slots.number_id for slots in taken if slots} == {other.pk}

    pool.report_calls([CallReport(mine.pk, classify(4), wait=30.0)], now=timezone.now())
    assert pool.reserve(10, now=timezone.now()) is None
