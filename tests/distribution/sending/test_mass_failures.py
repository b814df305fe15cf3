"""Answers that refuse everybody alike: the distribution pauses, and nobody is given up for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.engine import tick
from distribution.ledger.integrity.check import check_ledger
from distribution.lifecycle import control
from distribution.models import Delivery, Distribution, DistributionState, OutcomeTally, State
from phonepool.cloud_api.client import OutcomeKind
from phonepool.errors import PROXY_ANSWER
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import due, everybody, receivers, reload, send, states
from tests.distribution.controls import open_alerts
from tests.fakes import FakeCloudApi

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def distribution() -> Distribution:
    a_number()
    return an_open_distribution(150, now=timezone.now())


def refuse_all(api: FakeCloudApi, code: int) -> None:
    for phone in Delivery.objects.values_list("phone", flat=True):
        api.refuse(phone, code)


def send_all(distribution: Distribution, api: FakeCloudApi) -> None:
    due()
    for batch_no in range(distribution.batches):
        send(distribution, api, batch_no)


@pytest.mark.parametrize(
    ("code", "cause"),
    [(132000, "parameter_count"), (131053, "media_unusable"), (987654, "unlisted"), (100, None)],
)
def test_a_refusal_of_everybody_pauses_and_all_are_sent_to_once_it_is_over(
    distribution, code, cause
):
    """Cases A3, A5, A6: class K1."""
    api = FakeCloudApi()
    refuse_all(api, code)
    send_all(distribution, api)

    paused = reload(distribution)
    assert paused.state == DistributionState.PAUSED
    assert paused.pause_cause == cause or cause is None
    assert "messages failed for the same reason: " in paused.state_reason
    assert len(api.sent) <= 50
    assert set(states()) <= {State.PENDING, State.RETRY_WAIT}
    assert "distribution_paused" in open_alerts()

    api = FakeCloudApi()
    control.resume(distribution.pk, now=timezone.now())
    send_all(distribution, api)

    assert states() == {State.ACCEPTED: 150}
    assert receivers(api) == everybody()
    assert open_alerts() == set()
    checked = check_ledger(now=timezone.now(), distribution_id=distribution.pk)
    assert [finding for finding in checked if finding.broken] == []


def test_a_fault_that_is_still_there_after_the_resume_pauses_again_after_a_dozen_or_two(
    distribution,
):
    api = FakeCloudApi()
    refuse_all(api, 132000)
    send_all(distribution, api)
    control.resume(distribution.pk, now=timezone.now())
    before = len(api.sent)

    send_all(distribution, api)

    assert reload(distribution).state == DistributionState.PAUSED
    assert len(api.sent) - before <= 50
    assert State.FAILED not in states()


def test_a_few_bad_values_pause_nothing_and_fail_alone(distribution):
    api = FakeCloudApi()
    bad = list(Delivery.objects.values_list("phone", flat=True)[:5])
    for phone in bad:
        api.refuse(phone, 132018)

    send_all(distribution, api)

    assert states() == {State.ACCEPTED: 145, State.FAILED: 5}
    assert reload(distribution).state == DistributionState.SENDING


def test_pages_of_a_proxy_for_everybody_pause_and_only_a_person_resumes(distribution):
    """Class K7: whether these messages went out is unknown, so none is sent again for it."""
    api = FakeCloudApi()
    for phone in Delivery.objects.values_list("phone", flat=True):
        api.answer(phone, OutcomeKind.UNKNOWN, PROXY_ANSWER)
    send_all(distribution, api)

    assert reload(distribution).pause_cause == PROXY_ANSWER.slug
    assert {State.UNKNOWN, State.PENDING} >= set(states())
    assert states()[State.UNKNOWN] <= 50
    tick.check(timezone.now() + timedelta(minutes=5))
    assert reload(distribution).state == DistributionState.PAUSED


def test_each_message_is_counted_once(distribution):
    send_all(distribution, FakeCloudApi())

    assert sum(OutcomeTally.objects.values_list("count", flat=True)) == 150
    assert set(OutcomeTally.objects.values_list("channel", "reason")) == {("ANSWER", "")}
