"""What one account's numbers meet stops these alone; what everybody seems to wish is no wish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.models import Alert, Delivery, Distribution, DistributionState, State
from phonepool.models import NumberState, PhoneNumber, Portfolio
from subscribers.models import Status, Subscriber
from tests.builders import a_number, a_waba
from tests.webhooks.posts import NUMBER, apply, in_flight, preference_change, status, statuses

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SENT_AT = NOW - timedelta(seconds=5)
pytestmark = pytest.mark.django_db


def failed(attempts, code, *, now=NOW):
    items = [
        status("failed", key, at=now, wamid=f"w{pk}", code=code) for pk, key in attempts.items()
    ]
    return statuses(*items)


def states() -> dict[str, int]:
    return Delivery.objects.count_by_state()


def number_states() -> dict[str, str]:
    return dict(PhoneNumber.objects.values_list("label", "state"))


@pytest.fixture
def two_accounts():
    """Two numbers of the account that is refused, one of another in another portfolio."""
    ours = a_waba(name="Ours")
    for label, meta_id in (("a1", NUMBER), ("a2", "a2")):
        a_number(label=label, meta_id=meta_id, waba=ours, portfolio=ours.portfolio)
    other = a_waba(name="Other", portfolio=Portfolio.objects.create(business_id="901"))
    return a_number(label="b1", waba=other, portfolio=other.portfolio)


@pytest.mark.parametrize("code", [131031, 131042, 368, 131048])
def test_an_account_that_is_refused_rests_while_another_is_healthy(
    two_accounts, code, django_capture_on_commit_callbacks
):
    distribution, attempts = in_flight(4, now=SENT_AT)

    with django_capture_on_commit_callbacks(execute=True):
        apply(failed(attempts, code), now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING
    assert number_states() == {"a1": "RESTING", "a2": "RESTING", "b1": "ACTIVE"}
    assert states() == {State.RETRY_WAIT: 4}
    message = Alert.objects.get(rule="account_notice").message
    assert "Its numbers are paused. Those of other accounts continue." in message


@pytest.mark.parametrize("code", [131031, 131042, 368, 131048])
def test_it_pauses_while_no_number_of_another_account_can_send(two_accounts, code):
    PhoneNumber.objects.filter(pk=two_accounts.pk).update(state=NumberState.DISABLED)
    distribution, attempts = in_flight(4, now=SENT_AT)

    apply(failed(attempts, code), now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED
    assert number_states() == {"a1": "ACTIVE", "a2": "ACTIVE", "b1": "DISABLED"}


@pytest.mark.parametrize("code", [190, 10])
def test_a_fault_of_the_token_is_everybodys(two_accounts, code):
    distribution, attempts = in_flight(4, now=SENT_AT)
    apply(failed(attempts, code), now=NOW)
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED


def test_a_storm_of_stopped_marketing_pauses_and_unsubscribes_nobody():
    distribution, attempts = in_flight(20, now=SENT_AT)

    apply(failed(attempts, 131050), now=NOW)

    distribution.refresh_from_db()
    assert (distribution.state, distribution.pause_cause) == (
        DistributionState.PAUSED,
        "marketing_opted_out",
    )
    assert "nobody is unsubscribed" in Alert.objects.get(rule="distribution_paused").message
    assert set(Subscriber.objects.values_list("status", flat=True)) == {Status.ACTIVE}
    assert not Distribution.objects.sending().exists()


def test_what_people_say_themselves_counts_during_the_storm():
    _, attempts = in_flight(20, now=SENT_AT)
    person = Subscriber.objects.order_by("pk")[0]

    switched = preference_change(person.phone, "stop", at=NOW)
    apply(failed(attempts, 131050), switched, now=NOW)

    gone = Subscriber.objects.filter(status=Status.UNSUBSCRIBED)
    assert list(gone) == [person]


def test_reports_that_follow_the_storm_unsubscribe_nobody_either():
    _, attempts = in_flight(24, now=SENT_AT)
    pks = sorted(attempts)
    apply(failed({pk: attempts[pk] for pk in pks[:20]}, 131050), now=NOW)
    apply(failed({pk: attempts[pk] for pk in pks[20:]}, 131050), now=NOW)
    assert not Subscriber.objects.filter(status=Status.UNSUBSCRIBED).exists()


def test_a_few_among_many_are_opted_out_as_ever():
    distribution, attempts = in_flight(60, now=SENT_AT)
    pks = sorted(attempts)
    good = [status("delivered", attempts[pk], at=NOW, wamid=f"w{pk}") for pk in pks[5:]]
    apply(statuses(*good), failed({pk: attempts[pk] for pk in pks[:5]}, 131050), now=NOW)
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING
    assert Subscriber.objects.filter(status=Status.UNSUBSCRIBED).count() == 5


def test_a_run_of_five_that_all_fail_for_the_template_pauses():
    distribution, attempts = in_flight(5, now=SENT_AT)
    apply(failed(attempts, 132000), now=NOW)
    distribution.refresh_from_db()
    assert (distribution.state, distribution.pause_cause) == (
        DistributionState.PAUSED,
        "parameter_count",
    )
