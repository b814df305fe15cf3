"""Who opts out, is erased, paused or found invalid after the claim is not written to."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import connections
from django.utils import timezone

from distribution.ledger import deliveries
from distribution.models import Attempt, Delivery, State
from distribution.sending import batch
from phonepool.cloud_api.client import CloudApi
from phonepool.models import PhoneNumber
from subscribers.models import Subscriber
from subscribers.people import erasure
from tests.builders import LEASE, a_number, an_open_distribution
from tests.distribution.batches import ActingApi, due, receivers, send, states
from tests.distribution.sending.test_withdrawal import Sink, in_a_thread, wait_until
from tests.subscribers.decide import opt_out, pause

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India


def leave(person: Subscriber) -> None:
    opt_out(person, source="test", at=timezone.now(), now=timezone.now())


def be_erased(person: Subscriber) -> None:
    erasure.request_erasure(person, reason="They asked.", by="test", now=timezone.now())


def be_paused(person: Subscriber) -> None:
    pause(person, source="test", at=timezone.now(), now=timezone.now())


def be_invalid(person: Subscriber) -> None:
    Subscriber.objects.filter(pk=person.pk).update(status="INVALID")


WAYS = pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param(leave, "opted_out", id="opts out"),
        pytest.param(be_erased, "opted_out", id="is erased"),
        pytest.param(be_paused, "person_paused", id="is paused"),
        pytest.param(be_invalid, "number_invalid", id="is invalid"),
    ],
)


def person_of(place: int) -> Subscriber:
    return Delivery.objects.order_by("pk")[place].subscriber


def ended(person: Subscriber) -> tuple[str, str]:
    row = Delivery.objects.get(subscriber=person)
    return row.state, row.reason


# --- the statements -----------------------------------------------------------------------------


@WAYS
@pytest.mark.django_db
def test_between_claim_and_mark(how, reason):
    distribution = an_open_distribution(3, now=NOW)
    claim = deliveries.claim(distribution.pk, 0, limit=50, now=NOW, lease=LEASE)
    gone = person_of(1)
    how(gone)

    marked = deliveries.mark_inflight(
        claim, claim.deliveries, number_id=a_number().pk, now=NOW, lease=LEASE
    )

    assert marked == {row.pk for row in claim.deliveries if row.subscriber_id != gone.pk}
    assert deliveries.skip_left(claim, [row.pk for row in claim.deliveries]) == 1
    assert ended(gone) == (State.SKIPPED, reason)
    assert states() == {State.INFLIGHT: 2, State.SKIPPED: 1}


@WAYS
@pytest.mark.django_db
def test_before_the_claim(how, reason):
    distribution = an_open_distribution(3, now=NOW)
    gone = person_of(1)
    how(gone)

    claim = deliveries.claim(distribution.pk, 0, limit=50, now=NOW, lease=LEASE)

    assert len(claim.deliveries) == 2
    assert ended(gone) == (State.SKIPPED, reason)


@pytest.mark.django_db
def test_what_is_somebody_elses_or_under_way_is_not_left_out():
    distribution = an_open_distribution(3, now=NOW)
    claim = deliveries.claim(distribution.pk, 0, limit=2, now=NOW, lease=LEASE)
    other = deliveries.claim(distribution.pk, 0, limit=1, now=NOW, lease=LEASE)
    first = claim.deliveries[:1]
    deliveries.mark_inflight(claim, first, number_id=a_number().pk, now=NOW, lease=LEASE)
    Subscriber.objects.update(status="UNSUBSCRIBED")

    pks = [row.pk for row in (*claim.deliveries, *other.deliveries)]

    assert deliveries.skip_left(claim, pks) == 1
    assert states() == {State.INFLIGHT: 1, State.SKIPPED: 1, State.CLAIMED: 1}


# --- a batch run --------------------------------------------------------------------------------


@WAYS
@pytest.mark.django_db
def test_while_the_batch_before_them_is_sent(how, reason):
    distribution = an_open_distribution(50)
    PhoneNumber.objects.update(rate_per_second=1000)
    gone = person_of(40)

    def act(messages):
        if len(messages) == 25 and not api.sent:
            how(gone)

    api = ActingApi(act)
    send(distribution, api)

    assert gone.phone not in receivers(api)
    assert ended(gone) == (State.SKIPPED, reason)
    assert states() == {State.ACCEPTED: 49, State.SKIPPED: 1}
    assert not Attempt.objects.exists()


@pytest.mark.django_db
def test_a_whole_micro_batch_that_left_does_not_stop_the_others(settings):
    settings.BATCH_SIZE = 75
    distribution = an_open_distribution(75)
    Delivery.objects.update(batch_no=0)  # as with a number of 1,000 messages per second
    PhoneNumber.objects.update(rate_per_second=1000)
    rows = list(Delivery.objects.order_by("pk"))
    leaving = {row.subscriber_id for row in rows[25:50]}

    def act(_messages):
        if not api.sent:
            Subscriber.objects.filter(pk__in=leaving).update(status="UNSUBSCRIBED")

    api = ActingApi(act)
    result = send(distribution, api)

    assert states() == {State.ACCEPTED: 50, State.SKIPPED: 25}
    assert result.states == {State.ACCEPTED: 50, State.SKIPPED: 25}
    assert result.retry_after is None


@pytest.mark.django_db
@pytest.mark.parametrize(("rate", "size"), [(80, 25), (20, 7), (2, 1)])
def test_a_slow_number_has_smaller_micro_batches(rate, size, settings):
    """From the mark to the last slot less than half a second passes, whatever the number's rate."""
    settings.SLOT_HORIZON_SECONDS = 60
    distribution = an_open_distribution(size + 1)
    PhoneNumber.objects.update(rate_per_second=rate)
    handed_over: list[tuple[int, float]] = []
    api = ActingApi(
        lambda messages: handed_over.append(
            (len(messages), messages[-1].send_at - time.monotonic())
        )
    )

    send(distribution, api)

    assert [count for count, _ in handed_over] == [size, 1]
    assert max(ahead for _, ahead in handed_over) < 0.5


# --- what waits in the transport ----------------------------------------------------------------


@pytest.fixture
def api(transactional_db):
    sink = Sink()
    made = CloudApi(
        "http://nobody", "v1", "t", connect_timeout=1, read_timeout=1, concurrency=8, transport=sink
    )
    made.left = sink.left
    yield made
    made.close()


@WAYS
def test_a_call_that_waits_in_the_transport_is_withdrawn(how, reason, api, monkeypatch, settings):
    """Marked long before its slot, as on a number that is behind."""
    settings.SLOT_HORIZON_SECONDS = 60
    monkeypatch.setattr(batch, "MARKED_AHEAD_SECONDS", 100.0)
    distribution = an_open_distribution(10)
    PhoneNumber.objects.update(rate_per_second=3)
    gone = person_of(9)

    thread = in_a_thread(distribution, api)
    wait_until(lambda: Delivery.objects.filter(state=State.INFLIGHT).count() >= 8)
    how(gone)
    wait_until(lambda: ended(gone)[0] != State.INFLIGHT)
    thread.join(60)
    wait_until(lambda: Delivery.objects.filter(state=State.ACCEPTED).count() == 9)

    assert ended(gone) == (State.RETRY_WAIT, "withdrawn")
    assert len(api.left) == 9
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.reason) == ("NOT_SENT", "withdrawn")
    due()
    assert batch.send_batch(distribution.pk, 0, api=api).states == {}
    assert ended(gone) == (State.SKIPPED, reason)


def test_a_call_that_was_late_is_looked_at_again(api, monkeypatch):
    """All slots are over, but calls that hang hold every thread."""
    distribution = an_open_distribution(10)
    PhoneNumber.objects.update(rate_per_second=1000)
    free = threading.Event()
    began: list[float] = []
    post = api._context.transport.post

    def hang(path, body, *, guard):
        guard()
        began.append(time.monotonic())
        free.wait(60)
        return post(path, body, guard=lambda: None)

    monkeypatch.setattr(api._context.transport, "post", hang)
    thread = in_a_thread(distribution, api)
    wait_until(lambda: len(began) == 8)
    last = person_of(9)
    leave(last)
    wait_until(lambda: ended(last)[0] != State.INFLIGHT or free.is_set())
    free.set()
    thread.join(60)
    wait_until(lambda: Delivery.objects.filter(state=State.ACCEPTED).count() == 9)

    assert ended(last) == (State.RETRY_WAIT, "withdrawn")
    connections.close_all()
