from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import OperationalError, connections
from django.utils import timezone

from distribution import control, sending, state
from distribution.attempt_ids import AttemptKey, parse
from distribution.models import Alert, Attempt, Delivery, Distribution, DistributionState, State
from distribution.sending import Sent
from phonepool.cloud_api import Outcome, OutcomeKind, PreparedMessage
from phonepool.errors import CONNECTION_LOST, NO_ANSWER, NOT_SENT, classify
from phonepool.models import NumberState, PhoneNumber, Role
from subscribers.models import Status, Subscriber
from tests.builders import a_number, an_approved_content, an_open_distribution
from tests.fakes import FakeCloudApi, FakeDispatch

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> FakeCloudApi:
    return FakeCloudApi()


@pytest.fixture
def distribution(db) -> Distribution:
    """Fifty people, one batch, a number so fast that nobody waits for slots."""
    a_number(rate_per_second=1000)
    return an_open_distribution(50)


def send(distribution: Distribution, api: FakeCloudApi, batch_no: int = 0) -> Sent:
    return sending.send_batch(distribution.pk, batch_no, api=api)


def due() -> None:
    """The waiting rows' time has come."""
    Delivery.objects.update(next_at=timezone.now())


def states() -> dict[str, int]:
    return Delivery.objects.tally()


def receivers(api: FakeCloudApi) -> Counter[str]:
    return Counter(message.to for message in api.sent)


def everybody() -> Counter[str]:
    return Counter(Delivery.objects.values_list("phone", flat=True))


class ActingApi(FakeCloudApi):
    """Does something when each bundle is handed over, before it answers."""

    def __init__(self, act: Callable[[Sequence[PreparedMessage]], None]) -> None:
        super().__init__()
        self.act = act

    def dispatch(self) -> FakeDispatch:
        api = self

        class ActingDispatch(FakeDispatch):
            def submit(self, messages: Sequence[PreparedMessage]) -> None:
                api.act(messages)
                super().submit(messages)

        return ActingDispatch(self)


# --- sending once -----------------------------------------------------------------------------


def test_everybody_of_the_batch_gets_one_message(distribution, api):
    sent = send(distribution, api)

    assert receivers(api) == everybody()
    assert (sent.states, sent.retry_after) == (Counter({State.ACCEPTED: 50}), None)
    assert states() == {State.ACCEPTED: 50}
    assert Delivery.objects.filter(wamid__startswith="wamid.", attempt_no=1).count() == 50


def test_a_second_call_sends_nothing_twice(distribution, api):
    send(distribution, api)

    assert send(distribution, api) == Sent()
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
            together.wait(timeout=10)
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
    assert send(distribution, api) == Sent()


def test_nothing_is_sent_after_the_window(distribution):
    def let_time_pass(_: Sequence[PreparedMessage]) -> None:
        Distribution.objects.update(window_end=timezone.now())

    api = ActingApi(let_time_pass)
    send(distribution, api)

    assert len(api.sent) == 25
    assert states()[State.PENDING] == 25


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


def reload(distribution: Distribution) -> Distribution:
    return Distribution.objects.get(pk=distribution.pk)


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

    assert send(distribution, api) == Sent()


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
        (190, "token_invalid: Put in a valid access token."),
        (132015, "template_paused: Improve the message template or use the fallback."),
    ],
)
def test_what_hits_everybody_pauses_the_distribution(distribution, api, code, reason):
    PhoneNumber.objects.update(rate_per_second=50)  # the first answers come before the second half
    for phone in everybody():
        api.refuse(phone, code, times=1)

    send(distribution, api)

    assert len(api.sent) == 25
    assert states() == {State.RETRY_WAIT: 25, State.PENDING: 25}
    paused = reload(distribution)
    assert (paused.state, paused.state_reason) == (DistributionState.PAUSED, reason)
    assert Alert.objects.get().rule == "distribution_paused"

    api.answers.clear()  # mended
    control.resume(distribution.pk, now=timezone.now())
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


# --- late answers and broken transports -------------------------------------------------------


class SlowDispatch(FakeDispatch):
    """Answers when it is let go."""

    def __init__(self, api: SlowApi) -> None:
        super().__init__(api)
        self._let_go = api.let_go

    def collect(self, timeout: float) -> list[Outcome]:
        return super().collect(timeout) if self._let_go.wait(timeout) else []


class SlowApi(FakeCloudApi):
    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def dispatch(self) -> SlowDispatch:
        return SlowDispatch(self)


@pytest.mark.django_db(transaction=True)
def test_slow_answers_are_written_down_behind_the_batchs_back(monkeypatch):
    monkeypatch.setattr(sending, "LINGER", 0.05)
    a_number(rate_per_second=1000)
    distribution, api = an_open_distribution(50), SlowApi()

    assert send(distribution, api) == Sent()
    assert states() == {State.INFLIGHT: 50}

    api.let_go.set()
    for thread in threading.enumerate():
        if thread.name == "late answers":
            thread.join(timeout=10)
    assert states() == {State.ACCEPTED: 50}


def test_answers_of_the_first_micro_batch_are_written_down_while_the_second_waits(db):
    a_number(rate_per_second=25)  # a second between the two
    distribution = an_open_distribution(50)
    seen = []
    api = ActingApi(lambda _: seen.append(states()))

    send(distribution, api)

    assert seen[1] == {State.ACCEPTED: 25, State.INFLIGHT: 25}


class BrokenDispatch(FakeDispatch):
    """Answers, but what it answers cannot be handed over the first time."""

    broken = True

    def collect(self, timeout: float) -> list[Outcome]:
        if self.broken and self._done:
            type(self).broken = False
            raise OSError("no more threads")
        return super().collect(timeout)


def test_a_pass_that_breaks_gives_back_the_rest_and_keeps_the_answers(
    distribution, api, monkeypatch
):
    monkeypatch.setattr(BrokenDispatch, "broken", True)
    monkeypatch.setattr(api, "dispatch", lambda: BrokenDispatch(api))
    PhoneNumber.objects.update(rate_per_second=50)  # so that it collects in the middle

    with pytest.raises(OSError, match="no more threads"):
        send(distribution, api)

    assert states() == {State.ACCEPTED: 25, State.PENDING: 25}


# --- against the odds ---------------------------------------------------------------------------


def test_a_process_frozen_right_after_marking_may_not_send_any_more(db, api, monkeypatch):
    """Else it wakes when somebody else has long sent the message again."""
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(1)
    mark, clock, frozen = state.mark_inflight, time.monotonic, [0.0]

    def mark_and_freeze(*args, **kwargs):
        marked = mark(*args, **kwargs)
        frozen[0] = 3600.0
        return marked

    monkeypatch.setattr(sending.state, "mark_inflight", mark_and_freeze)
    monkeypatch.setattr(sending.time, "monotonic", lambda: clock() + frozen[0])
    send(distribution, api)

    assert api.sent[0].deadline < time.monotonic()


def test_an_accepted_message_ends_a_numbers_row_of_rests(distribution, api):
    PhoneNumber.objects.update(failures=3)

    send(distribution, api)

    assert PhoneNumber.objects.get().failures == 0


def test_one_person_whose_message_cannot_be_made_spoils_nobody(db, api, monkeypatch):
    monkeypatch.setattr(sending, "LINGER", 0.01)
    monkeypatch.setattr(sending._Pass, "_finish_behind", lambda _: None)  # it would never end
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(3)
    spoiler = Subscriber.objects.first()
    Subscriber.objects.filter(pk=spoiler.pk).update(attributes=["not", "a", "mapping"])

    send(distribution, api)

    assert states() == {State.ACCEPTED: 2, State.FAILED: 1}


def failing_once(function: Callable[..., object]) -> Callable[..., object]:
    """The database is away for a moment."""
    errors = [OperationalError("server closed the connection unexpectedly")]

    def call(*args: object, **kwargs: object) -> object:
        if errors:
            raise errors.pop()
        return function(*args, **kwargs)

    return call


@pytest.mark.xfail(reason="answers in hand are dropped when the database fails", strict=True)
@pytest.mark.parametrize("step", ["settle", "give_back"])
def test_answers_in_hand_survive_a_database_that_is_away_for_a_moment(
    distribution, api, monkeypatch, step
):
    PhoneNumber.objects.update(daily_capacity=30)  # twenty are given back
    monkeypatch.setattr(state, step, failing_once(getattr(state, step)))

    with contextlib.suppress(OperationalError):
        send(distribution, api)

    assert states()[State.ACCEPTED] == len(api.sent) == 30
