from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.alerts import proxy_answers
from distribution.ledger.attempts.ids import parse
from distribution.lifecycle import control
from distribution.models import Alert, Attempt, Delivery, DistributionState, State
from distribution.sending import batch
from distribution.sending.settling import BatchResult
from phonepool.cloud_api.client import CloudApi, OutcomeKind
from phonepool.cloud_api.transport import Response
from phonepool.errors import CONNECTION_LOST, NO_ANSWER, NOT_SENT, PROXY_ANSWER, classify
from phonepool.models import NumberState, PhoneNumber, Role
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import due, everybody, receivers, reload, send, states
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db


# --- outcomes ---------------------------------------------------------------------------------

REJECTED, NOT_OUT, UNKNOWN = OutcomeKind.REJECTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "failure", "after", "evidence"),
    [
        (OutcomeKind.ACCEPTED, None, State.ACCEPTED, ""),
        (OutcomeKind.HELD, None, State.HELD, ""),
        (REJECTED, classify(130429), State.RETRY_WAIT, "throughput_exceeded"),
        (REJECTED, classify(131056), State.RETRY_WAIT, "pair_rate_limited"),
        (REJECTED, classify(131016), State.RETRY_WAIT, "service_unavailable"),
        (REJECTED, classify(131000), State.RETRY_WAIT, "send_failed"),
        (REJECTED, classify(131026), State.FAILED, "undeliverable"),
        (REJECTED, classify(131049), State.FAILED, "marketing_capped"),
        (REJECTED, classify(131050), State.FAILED, "marketing_opted_out"),
        (REJECTED, classify(132000), State.FAILED, "parameter_count"),
        (NOT_OUT, NOT_SENT, State.RETRY_WAIT, "no_connection"),
        (UNKNOWN, NO_ANSWER, State.UNKNOWN, "no_answer"),
        (UNKNOWN, CONNECTION_LOST, State.UNKNOWN, "connection_lost"),
    ],
)
def test_an_outcome_is_written_down(db, api, kind, failure, after, evidence):
    a_number()
    distribution = an_open_distribution(1)
    api.answer(Delivery.objects.get().phone, kind, failure)

    sent = send(distribution, api)

    row = Delivery.objects.get()
    assert (row.state, row.reason, row.lease_until) == (after, evidence, None)
    assert sent.states == Counter({after: 1})
    assert [(kept.outcome, kept.reason) for kept in Attempt.objects.all()] == (
        [(kind.value, evidence)] if evidence else []
    )
    assert reload(distribution).state == DistributionState.SENDING


class Refusing:
    """A transport whose every answer is Meta's refusal of a recipient, telling the phone."""

    def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
        guard()
        error = {
            "code": 131026,
            "message": "(#131026) Message undeliverable",
            "error_data": {"details": f"Cannot be delivered to {json.loads(body)['to']}."},
            "fbtrace_id": "AbCdEfGh1234567",
        }
        return Response(400, {}, json.dumps({"error": error}).encode())

    def get(self, path: str) -> Response:
        raise AssertionError("nothing is read here")

    def close(self) -> None:
        """Nothing is open."""


def test_metas_words_and_trace_id_are_kept_and_shown(db):
    a_number()
    distribution = an_open_distribution(1)
    phone = Delivery.objects.get().phone
    api = CloudApi(
        "http://nobody",
        "v1",
        "t",
        connect_timeout=1,
        read_timeout=1,
        concurrency=1,
        transport=Refusing(),
    )

    batch.send_batch(distribution.pk, 0, api=api)
    api.close()

    kept = Attempt.objects.get()
    masked = f"{phone[:3]}******{phone[-4:]}"
    assert kept.details == f"Cannot be delivered to {masked}."
    assert kept.fbtrace_id == "AbCdEfGh1234567"
    page = a_client("Viewer").get(f"/admin/distribution/attempt/{kept.pk}/change/")
    assert f"Cannot be delivered to {masked}." in page.content.decode()
    assert "AbCdEfGh1234567" in page.content.decode()


def test_what_is_due_again_is_told_and_sent_again(db, api):
    a_number()
    distribution = an_open_distribution(1)
    phone = Delivery.objects.get().phone
    api.refuse(phone, 131016, times=2)

    retries = []
    for _ in range(4):
        retries.append(send(distribution, api).retry_after)
        due()

    assert retries == [5.0, 10.0, None, None]
    assert receivers(api) == {phone: 3}
    assert [parse(message.attempt_id).attempt_no for message in api.sent] == [1, 2, 3]
    assert Delivery.objects.get().state == State.ACCEPTED


def test_a_row_that_is_not_due_is_not_sent(db, api):
    a_number()
    distribution = an_open_distribution(1)
    api.refuse(Delivery.objects.get().phone, 131016)
    send(distribution, api)

    assert send(distribution, api) == BatchResult()


def test_what_may_lie_in_the_message_is_tried_three_times_more(db, api):
    a_number()
    distribution = an_open_distribution(1)
    api.refuse(Delivery.objects.get().phone, 131000)

    for _ in range(6):
        send(distribution, api)
        due()

    assert len(api.sent) == 4
    assert (Delivery.objects.get().state, Attempt.objects.count()) == (State.FAILED, 4)


def test_an_unknown_outcome_is_not_sent_again(distribution, api):
    for phone in everybody():
        api.answer(phone, UNKNOWN, NO_ANSWER)

    send(distribution, api)
    due()
    send(distribution, api)

    assert receivers(api) == everybody()
    assert states() == {State.UNKNOWN: 50}


def test_one_refused_person_spoils_nobody(distribution, api):
    unlucky = Delivery.objects.order_by("pk")[7].phone
    api.refuse(unlucky, 131026)

    send(distribution, api)

    assert states() == {State.ACCEPTED: 49, State.FAILED: 1}
    assert Delivery.objects.get(state=State.FAILED).phone == unlucky


# --- refusals that concern everybody ----------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (190, "token_invalid: Set a valid access token."),
        (132015, "template_paused: Improve the message template or use the fallback."),
    ],
)
def test_what_hits_everybody_pauses_the_distribution(distribution, api, code, reason):
    PhoneNumber.objects.update(rate_per_second=80)  # the first answers come before the second half
    for phone in everybody():
        api.refuse(phone, code, times=1)

    send(distribution, api)

    assert len(api.sent) == 25
    assert states() == {State.RETRY_WAIT: 25, State.PENDING: 25}
    paused = reload(distribution)
    assert (paused.state, paused.state_reason) == (DistributionState.PAUSED, reason)
    assert Alert.objects.filter(rule="distribution_paused", closed_at=None).count() == 1

    api.answers.clear()  # mended
    control.resume(distribution.pk, now=timezone.now())
    for _ in range(2):  # after a trouble of the account one message goes ahead of the others
        due()
        send(distribution, api)
    assert states() == {State.ACCEPTED: 50}


def test_a_number_that_is_gone_rests_and_another_takes_its_people(db, api):
    gone = a_number(rate_per_second=1000)
    backup = a_number(rate_per_second=1000, role=Role.BACKUP, state=NumberState.STANDBY)
    distribution = an_open_distribution(50)
    for phone in everybody():
        api.refuse(phone, 133010, times=1)

    assert send(distribution, api).retry_after == 0.0
    gone.refresh_from_db()
    backup.refresh_from_db()
    assert (gone.state, backup.state) == (NumberState.RESTING, NumberState.ACTIVE)

    api.answers.clear()
    due()
    send(distribution, api)
    assert states() == {State.ACCEPTED: 50}
    assert set(Delivery.objects.values_list("number_id", flat=True)) == {backup.pk}
    assert {m.phone_number_id for m in api.sent} == {gone.meta_id, backup.meta_id}


def test_a_storm_of_throughput_refusals_slows_the_number_and_fails_nobody(distribution, api):
    for phone in everybody():
        api.refuse(phone, 130429, times=1)

    send(distribution, api)
    due()
    send(distribution, api)

    assert PhoneNumber.objects.get().cut_rate == 500
    assert states() == {State.ACCEPTED: 50}


def test_what_is_over_the_retry_budget_waits_longer_and_fails_nobody(distribution, api):
    for phone in everybody():
        api.refuse(phone, 131000, times=1)

    send(distribution, api)

    assert states() == {State.RETRY_WAIT: 50}
    rows = Delivery.objects.order_by("next_at")
    attempts = dict(Attempt.objects.values_list("delivery_id", "ended_at"))
    delays = [round((row.next_at - attempts[row.pk]).total_seconds(), 3) for row in rows]
    assert delays[:12] == [5.0] * 12  # the few, and a tenth of the first 25
    assert delays[20] > 5
    assert max(delays) < 60


def test_refusals_for_speed_do_not_wait_for_a_budget(distribution, api):
    for phone in everybody():
        api.refuse(phone, 130429, times=1)

    assert send(distribution, api).retry_after == 5.0
    waits = {row.next_at for row in Delivery.objects.filter(state=State.RETRY_WAIT)}
    latest = max(Attempt.objects.values_list("ended_at", flat=True))
    assert max(waits) == latest + timedelta(seconds=5)


def test_answers_of_a_proxy_are_unknown_and_alerted_until_they_end(db, api):
    """Case A11."""
    a_number()
    distribution = an_open_distribution(2)
    for row in Delivery.objects.all():
        api.answer(row.phone, UNKNOWN, PROXY_ANSWER)

    send(distribution, api)

    assert states() == {State.UNKNOWN: 2}
    alert = Alert.objects.get(rule="proxy_answers")
    assert (alert.severity, alert.scope, alert.closed_at) == ("CRITICAL", "", None)
    now = timezone.now()
    proxy_answers.close_if_over(now + timedelta(minutes=9))
    alert.refresh_from_db()
    assert alert.closed_at is None
    proxy_answers.close_if_over(now + timedelta(minutes=11))
    alert.refresh_from_db()
    assert alert.closed_at is not None
