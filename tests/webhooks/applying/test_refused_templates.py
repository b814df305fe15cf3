"""A message template that one of our accounts has lost, while another account's numbers send it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.content import template_accounts
from distribution.lifecycle import recovery
from distribution.mirror import templates
from distribution.models import (
    Alert,
    Delivery,
    Distribution,
    DistributionState,
    MessageTemplate,
    State,
)
from distribution.sending import batch
from phonepool.models import Portfolio
from tests.builders import a_number, a_template, a_waba, an_approved_content, an_open_distribution
from tests.fakes import FakeCloudApi
from tests.webhooks.posts import apply, envelope, messages, put_in_flight, status, statuses

NOW = timezone.now().replace(microsecond=0)
SENT_AT = NOW - timedelta(seconds=5)
BODY = [{"type": "BODY", "text": "Hello {{1}}, {{2}}"}]
pytestmark = pytest.mark.django_db


@pytest.fixture(params=["two portfolios", "one portfolio"])
def pool(request):
    """Two accounts with a number and the template each."""
    portfolio = Portfolio.objects.create(business_id="901")
    first = a_waba("102290129340398", portfolio=portfolio)
    if request.param == "two portfolios":
        portfolio = Portfolio.objects.create(business_id="902")
    second = a_waba("102290129340399", portfolio=portfolio)
    return [
        (
            a_number(waba=waba, portfolio=waba.portfolio),
            a_template(name="daily", waba=waba, components=BODY),
        )
        for waba in (first, second)
    ]


@pytest.fixture
def run(pool) -> Distribution:
    content = an_approved_content(message_template=pool[0][1])
    return an_open_distribution(4, content=content, now=SENT_AT)


def refuse(pool, run, *accounts: int, code: int = 132015, at=NOW, **item) -> None:
    """Late refusals of messages that the numbers of these accounts sent, in one webhook."""
    bodies = []
    for pk, key in put_in_flight(run, pool[accounts[0]][0], now=SENT_AT).items():
        number = pool[accounts[pk % len(accounts)]][0]
        Delivery.objects.filter(pk=pk).update(number=number)
        failed = status("failed", key, at=at, wamid=f"w{pk}", code=code)
        bodies.append(statuses(failed, number=number.meta_id))
    apply(*bodies, now=at)


def states(pool) -> list[str]:
    return [MessageTemplate.objects.get(pk=template.pk).status for _, template in pool]


def state(run) -> tuple[str, str]:
    run.refresh_from_db()
    return run.state, run.pause_cause


def send(run, api: FakeCloudApi, *, after: float = 60) -> set[int]:
    """What is due then; the numbers that sent it."""
    Delivery.objects.update(next_at=SENT_AT)
    for batch_no in range(run.batches):
        batch.send_batch(run.pk, batch_no, api=api)
    accepted = Delivery.objects.filter(state=State.ACCEPTED)
    return set(accepted.values_list("number_id", flat=True))


@pytest.mark.parametrize(
    ("code", "word"),
    [(132015, "PAUSED"), (132016, "DISABLED"), (132001, "OTHER"), (131064, "OTHER")],
)
def test_a_late_refusal_in_one_account_leaves_its_numbers_out(pool, run, code, word):
    (refused, _), (other, _) = pool

    refuse(pool, run, 0, code=code)

    assert state(run) == (DistributionState.SENDING, "")
    assert states(pool) == [word, "APPROVED"]
    alert = Alert.objects.get(rule="template_not_approved", closed_at=None)
    assert alert.severity == "WARNING"
    assert f"Not sent by {refused.label}" in alert.message
    assert send(run, FakeCloudApi()) == {other.pk}
    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 4}


def test_refusals_in_both_accounts_pause_the_distribution(pool, run):
    refuse(pool, run, 0, 1)

    assert state(run) == (DistributionState.PAUSED, "template_paused")
    assert Delivery.objects.count_by_state() == {State.RETRY_WAIT: 4}


def test_the_second_account_to_refuse_pauses_and_its_return_resumes(pool, run):
    refuse(pool, run, 0)
    Delivery.objects.update(next_at=SENT_AT)

    refuse(pool, run, 1, at=NOW + timedelta(seconds=9))
    assert state(run) == (DistributionState.PAUSED, "template_paused")
    second = pool[1][1]
    for word in ("PAUSED", "APPROVED"):  # as the mirror reads it then
        templates.write_status(
            MessageTemplate.objects.get(pk=second.pk), word, reason="", now=timezone.now()
        )
        recovery.check(timezone.now())

    assert state(run) == (DistributionState.SENDING, "")
    assert send(run, FakeCloudApi()) == {pool[1][0].pk}


def test_an_answer_of_one_account_leaves_its_numbers_out(pool, run):
    """The same code in the answer means the same."""
    api = FakeCloudApi()
    for phone in Delivery.objects.values_list("phone", flat=True):
        api.refuse(phone, 132015, times=1)

    assert send(run, api) == set()
    assert state(run)[0] == DistributionState.SENDING
    assert states(pool).count("PAUSED") == 1
    send(run, api)
    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 4}
    assert template_accounts.can_be_sent(pool[0][1])


def test_an_error_about_one_accounts_number_leaves_its_numbers_out(pool, run):
    put_in_flight(run, pool[0][0], now=SENT_AT)
    trouble = messages(pool[0][0].meta_id, errors=[{"code": 132015, "title": "…"}])

    apply(envelope(trouble, time=NOW), now=NOW)

    assert state(run) == (DistributionState.SENDING, "")
    assert states(pool) == ["PAUSED", "APPROVED"]


def test_a_notice_that_one_account_lost_it_names_the_numbers_until_it_is_back(pool, run):
    lost = pool[0][1]
    for word, is_open in (("PAUSED", True), ("APPROVED", False)):
        row = MessageTemplate.objects.get(pk=lost.pk)
        templates.write_status(row, word, reason="", now=NOW)
        alerts = Alert.objects.filter(rule="template_not_approved", closed_at=None)
        assert alerts.exists() == is_open


def test_a_refusal_from_before_our_own_reading_changes_nothing(pool, run):
    MessageTemplate.objects.update(synced_at=NOW + timedelta(minutes=2))

    refuse(pool, run, 0)

    assert states(pool) == ["APPROVED", "APPROVED"]
    assert state(run) == (DistributionState.SENDING, "")


def test_a_number_of_unknown_account_pauses_as_before(pool, run):
    number = pool[0][0]
    number.waba = None
    number.save()

    refuse(pool, run, 0)

    assert state(run) == (DistributionState.PAUSED, "template_paused")


def test_an_account_whose_numbers_are_all_flagged_is_no_way_out(pool, run):
    number = pool[1][0]
    number.quality = "FLAGGED"
    number.save()

    refuse(pool, run, 0)

    assert state(run) == (DistributionState.PAUSED, "template_paused")


def test_what_was_held_and_dropped_pauses_all_and_is_never_sent_again(pool, run):
    """It may be the pacing of the portfolio, whose review the other account would send into."""
    attempts = put_in_flight(run, pool[0][0], now=SENT_AT)
    one, *rest = sorted(attempts)
    Delivery.objects.filter(pk=one).update(state=State.HELD, accepted_at=SENT_AT, lease_until=None)
    Delivery.objects.filter(pk__in=rest).update(state=State.PENDING, lease_until=None)
    failed = status("failed", attempts[one], at=NOW, wamid="w", code=132015)

    apply(statuses(failed, number=pool[0][0].meta_id), now=NOW)

    assert state(run) == (DistributionState.PAUSED, "template_pacing")
    assert states(pool) == ["APPROVED", "APPROVED"]
    assert Delivery.objects.count_by_state() == {State.FAILED: 1, State.PENDING: 3}
