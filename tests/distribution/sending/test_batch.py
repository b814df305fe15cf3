from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from distribution.content import template_schema
from distribution.ledger.attempts.ids import AttemptKey, parse
from distribution.lifecycle import control
from distribution.models import Content, Delivery, Distribution, State
from distribution.sending.settling import BatchResult
from phonepool.cloud_api.client import PreparedMessage
from phonepool.models import NumberState, PhoneNumber
from subscribers.models import Status, Subscriber
from tests.builders import a_number, an_approved_content, an_open_distribution
from tests.distribution.batches import ActingApi, due, everybody, receivers, send, states

pytestmark = pytest.mark.django_db


# --- sending once -----------------------------------------------------------------------------


def test_everybody_of_the_batch_gets_one_message(distribution, api):
    sent = send(distribution, api)

    assert receivers(api) == everybody()
    assert (sent.states, sent.retry_after) == (Counter({State.ACCEPTED: 50}), None)
    assert states() == {State.ACCEPTED: 50}
    assert Delivery.objects.filter(wamid__startswith="wamid.", attempt_no=1).count() == 50


def test_a_second_call_sends_nothing_twice(distribution, api):
    send(distribution, api)

    assert send(distribution, api) == BatchResult()
    assert len(api.sent) == 50


def test_only_the_asked_batch_is_sent(db, api):
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(60)

    send(distribution, api, batch_no=1)

    assert states() == {State.PENDING: 50, State.ACCEPTED: 10}


@pytest.mark.django_db(transaction=True)
def test_eight_callers_at_once_send_nothing_twice(api):
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(50)
    together = threading.Barrier(8)

    def call(_: int) -> int:
        try:
            together.wait(timeout=60)
            return send(distribution, api).states.total()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as callers:
        assert sum(callers.map(call, range(8))) == 50
    assert receivers(api) == everybody()


def test_who_opted_out_meanwhile_gets_nothing(distribution, api):
    gone = Subscriber.objects.first()
    Subscriber.objects.filter(pk=gone.pk).update(status=Status.UNSUBSCRIBED)

    send(distribution, api)

    assert gone.phone not in receivers(api)
    assert states() == {State.ACCEPTED: 49, State.SKIPPED: 1}


# --- the messages -----------------------------------------------------------------------------


def test_each_message_is_complete(db, api):
    number = a_number(rate_per_second=1000)
    content = an_approved_content(body_variables=["{name}"])
    distribution = an_open_distribution(1, content=content)
    Subscriber.objects.update(name="Asha")
    began, wall = time.monotonic(), time.time()

    send(distribution, api)

    (message,), row = api.sent, Delivery.objects.get()
    assert (message.key, message.to, message.phone_number_id) == (row.pk, row.phone, number.meta_id)
    assert parse(message.attempt_id) == AttemptKey(row.pk, 1, row.claim_token)
    template = content.message_template
    assert (message.template, message.language) == (template.name, template.language)
    body = {"type": "body", "parameters": [{"type": "text", "text": "Asha"}]}
    assert list(message.components) == [body]
    # Its slot is a moment from now, told by the clock that never jumps.
    assert 0 <= message.send_at - began < 1 + time.time() - wall
    assert 0 < message.deadline - began < settings.LEASE_SECONDS / 2 + 1


def test_the_template_is_parsed_once_for_all_of_a_batch(distribution, api, monkeypatch):
    Content.objects.update(body_variables=["{name}, good morning"])
    parsed, parse = [], template_schema.parse
    monkeypatch.setattr(
        template_schema, "parse", lambda found: (parsed.append(found), parse(found))[1]
    )

    send(distribution, api)

    assert (len(parsed), len(api.sent)) == (1, 50)


def test_messages_go_at_their_slots(distribution, api):
    PhoneNumber.objects.update(rate_per_second=100)

    send(distribution, api)

    gaps = [later.send_at - earlier.send_at for earlier, later in pairwise(api.sent)]
    inside = [gap for place, gap in enumerate(gaps, 1) if place % settings.MICRO_BATCH_SIZE]
    spacing = 1 / (100 * settings.SLOT_UTILISATION)
    assert inside == pytest.approx([spacing] * 48, abs=1e-6)
    assert min(gaps) > spacing - 0.005  # the two clocks are read one after the other
    assert all(1 / 100 < message.spacing <= spacing for message in api.sent)


def test_micro_batches_are_marked_just_before_they_go(distribution):
    seen = []
    api = ActingApi(lambda messages: seen.append((len(messages), states())))

    send(distribution, api)

    assert seen[0] == (25, {State.INFLIGHT: 25, State.CLAIMED: 25})
    size, then = seen[1]
    assert size == 25
    assert then[State.INFLIGHT] >= 25
    assert State.CLAIMED not in then


def test_nothing_is_sent_that_was_not_marked_before(distribution):
    """Whoever took a row away between the claim and the mark keeps it."""
    taken = []

    def take_some_away(_: Sequence[PreparedMessage]) -> None:
        if not taken:
            claimed = Delivery.objects.filter(state=State.CLAIMED).values_list("pk", flat=True)[:5]
            taken.extend(claimed)
            Delivery.objects.filter(pk__in=taken).update(claim_token=7)

    api = ActingApi(take_some_away)
    send(distribution, api)

    assert len(api.sent) == 45
    assert not set(taken) & {message.key for message in api.sent}
    assert states() == {State.ACCEPTED: 45, State.CLAIMED: 5}


# --- no room ----------------------------------------------------------------------------------


def test_without_a_number_everybody_is_given_back(distribution, api):
    PhoneNumber.objects.update(state=NumberState.RESTING)
    before = timezone.now()

    sent = send(distribution, api)

    assert (api.sent, sent.states, sent.retry_after) == ([], Counter(), 2.0)
    assert states() == {State.PENDING: 50}
    assert set(Delivery.objects.values_list("attempt_no", "tries_charged")) == {(0, 0)}
    assert Delivery.objects.earliest("next_at").next_at >= before + timedelta(seconds=2)


def test_what_finds_no_room_is_given_back_and_sent_later(distribution, api):
    PhoneNumber.objects.update(daily_capacity=30)
    assert send(distribution, api).retry_after == 2.0
    assert states() == {State.ACCEPTED: 30, State.PENDING: 20}

    PhoneNumber.objects.update(daily_capacity=1000)
    due()
    send(distribution, api)

    assert receivers(api) == everybody()


def test_an_odd_rest_of_slots_is_used(distribution, api):
    PhoneNumber.objects.update(daily_capacity=7)
    a_number(rate_per_second=1000, daily_capacity=11)

    send(distribution, api)

    assert states() == {State.ACCEPTED: 18, State.PENDING: 32}


# --- pausing and ending -----------------------------------------------------------------------


@pytest.mark.parametrize("stop", [control.pause, control.cancel], ids=["paused", "cancelled"])
def test_a_stop_in_the_middle_lets_nothing_more_out(distribution, stop):
    api = ActingApi(
        lambda _: (
            Distribution.objects.sending().exists()
            and stop(distribution.pk, reason="by an operator", now=timezone.now())
        )
    )

    send(distribution, api)

    assert len(api.sent) == 25
    assert states() == {State.ACCEPTED: 25, State.PENDING: 25}
    assert send(distribution, api) == BatchResult()


def test_nothing_is_sent_after_the_window(distribution):
    def let_time_pass(_: Sequence[PreparedMessage]) -> None:
        Distribution.objects.update(window_end=timezone.now())

    api = ActingApi(let_time_pass)
    send(distribution, api)

    assert len(api.sent) == 25
    assert states()[State.PENDING] == 25
