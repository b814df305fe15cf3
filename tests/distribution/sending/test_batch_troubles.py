from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from distribution.ledger import deliveries
from distribution.ledger.integrity.check import check_ledger
from distribution.models import Attempt, State
from distribution.runtime import database_retry
from distribution.sending import batch
from distribution.sending.settling import BatchResult
from phonepool.cloud_api.client import PreparedMessage, SendOutcome
from phonepool.models import PhoneNumber
from subscribers.models import Subscriber
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import ActingApi, due, everybody, receivers, send, states
from tests.fakes import FakeCloudApi, FakeDispatch

pytestmark = pytest.mark.django_db


# --- late answers and broken transports -------------------------------------------------------


class SlowDispatch(FakeDispatch):
    """Answers when it is let go."""

    def __init__(self, api: SlowApi) -> None:
        super().__init__(api)
        self._let_go = api.let_go

    def collect(self, timeout: float) -> list[SendOutcome]:
        return super().collect(timeout) if self._let_go.wait(timeout) else []


class SlowApi(FakeCloudApi):
    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def dispatch(self) -> SlowDispatch:
        return SlowDispatch(self)


@pytest.mark.django_db(transaction=True)
def test_slow_answers_are_written_down_behind_the_batchs_back(monkeypatch):
    monkeypatch.setattr(batch, "LAST_ANSWER_WAIT_SECONDS", 0.05)
    a_number(rate_per_second=1000)
    distribution, api = an_open_distribution(50), SlowApi()
    api.refuse(distribution.deliveries.order_by("pk")[7].phone, 131016)
    again: list[float] = []

    sent = batch.send_batch(distribution.pk, 0, api=api, again=again.append)
    assert sent == BatchResult()
    assert states() == {State.INFLIGHT: 50}
    assert again == []

    api.let_go.set()
    for thread in threading.enumerate():
        if thread.name == "late answers":
            thread.join(timeout=60)
    assert states() == {State.ACCEPTED: 49, State.RETRY_WAIT: 1}
    assert again == [5.0]  # else it would wait for the regular check
    assert sent == BatchResult()


def test_answers_of_the_first_micro_batch_are_written_down_while_the_second_waits(db):
    a_number(rate_per_second=80)  # a third of a second between the two
    distribution = an_open_distribution(50)
    seen = []
    api = ActingApi(lambda _: seen.append(states()))

    send(distribution, api)

    assert seen[1] == {State.ACCEPTED: 25, State.INFLIGHT: 25}


class BrokenDispatch(FakeDispatch):
    """Answers, but what it answers cannot be handed over the first time."""

    broken = True

    def collect(self, timeout: float) -> list[SendOutcome]:
        if self.broken and self._done:
            type(self).broken = False
            raise OSError("no more threads")
        return super().collect(timeout)


def test_a_pass_that_breaks_gives_back_the_rest_and_keeps_the_answers(
    distribution, api, monkeypatch
):
    monkeypatch.setattr(BrokenDispatch, "broken", True)
    monkeypatch.setattr(api, "dispatch", lambda: BrokenDispatch(api))
    PhoneNumber.objects.update(rate_per_second=80)  # so that it collects in the middle

    with pytest.raises(OSError, match="no more threads"):
        send(distribution, api)

    assert states() == {State.ACCEPTED: 25, State.PENDING: 25}


# --- against the odds ---------------------------------------------------------------------------


def test_a_process_frozen_right_after_marking_may_not_send_any_more(db, api, monkeypatch):
    """Else it wakes when somebody else has long sent the message again."""
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(1)
    mark, clock, frozen = deliveries.mark_inflight, time.monotonic, [0.0]

    def mark_and_freeze(*args, **kwargs):
        marked = mark(*args, **kwargs)
        frozen[0] = 3600.0
        return marked

    monkeypatch.setattr(batch.deliveries, "mark_inflight", mark_and_freeze)
    monkeypatch.setattr(batch.time, "monotonic", lambda: clock() + frozen[0])
    send(distribution, api)

    assert api.sent[0].deadline < time.monotonic()


def test_an_accepted_message_ends_a_numbers_row_of_rests(distribution, api):
    PhoneNumber.objects.update(failures=3)

    send(distribution, api)

    assert PhoneNumber.objects.get().failures == 0


def test_one_person_whose_message_cannot_be_made_spoils_nobody(db, api, monkeypatch):
    monkeypatch.setattr(batch, "LAST_ANSWER_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(batch.late_answers, "collect", lambda _: None)  # it would never end
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(3)
    spoiler = Subscriber.objects.first()
    really = batch.rendering.prepare

    def prepare(wording, person, **more):
        if person.subscriber_id == spoiler.pk:
            raise ValueError("cannot be written as JSON")
        return really(wording, person, **more)

    monkeypatch.setattr(batch.rendering, "prepare", prepare)

    send(distribution, api)

    assert states() == {State.ACCEPTED: 2, State.FAILED: 1}


def failing_once(
    function: Callable[..., object], *, errors: list[Exception] | None = None
) -> Callable[..., object]:
    """The database is away for a moment."""
    if errors is None:
        errors = [OperationalError("server closed the connection unexpectedly")]

    def call(*args: object, **kwargs: object) -> object:
        if errors:
            raise errors.pop()
        return function(*args, **kwargs)

    return call


@pytest.mark.parametrize("step", ["settle", pytest.param("release_claim", id="give_back")])
def test_answers_in_hand_survive_a_database_that_is_away_for_a_moment(
    distribution, api, monkeypatch, step
):
    PhoneNumber.objects.update(daily_capacity=30)  # twenty are given back
    monkeypatch.setattr(deliveries, step, failing_once(getattr(deliveries, step)))

    with contextlib.suppress(OperationalError):
        send(distribution, api)

    assert states()[State.ACCEPTED] == len(api.sent) == 30


def test_answers_that_cannot_be_written_in_time_become_unknown_and_nobody_is_asked_again(
    distribution, api, monkeypatch, settings
):
    settings.OUTCOME_PATIENCE_SECONDS = 0.3
    settle, away = deliveries.settle, OperationalError("the database system is shutting down")
    monkeypatch.setattr(deliveries, "settle", failing_once(settle, errors=[away] * 100))

    send(distribution, api)
    assert states() == {State.INFLIGHT: 50}

    monkeypatch.setattr(deliveries, "settle", settle)
    lapsed = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS + 1)
    assert deliveries.expire_leases(lapsed) == (0, 50)
    due()
    send(distribution, api)
    assert (states(), receivers(api)) == ({State.UNKNOWN: 50}, everybody())


def test_patience_is_one_for_all_that_is_in_hand(monkeypatch):
    monkeypatch.setattr(database_retry.time, "sleep", lambda _: None)
    clock = count()
    monkeypatch.setattr(database_retry.time, "monotonic", lambda: next(clock))
    asked = []

    def away() -> None:
        asked.append("again")
        raise OperationalError

    retry = database_retry.DatabaseRetry(3)
    for tries in (4, 1):  # the second one finds it used up
        with pytest.raises(OperationalError):
            retry.run(away)
        assert len(asked) == tries
        asked.clear()
    assert retry.run(lambda: "written") == "written"
    with pytest.raises(OperationalError):
        retry.run(away)
    assert len(asked) == 4


def test_a_mark_whose_word_was_lost_lets_nothing_out_and_leaves_nobody_in_doubt(
    distribution, api, monkeypatch
):
    mark = deliveries.mark_inflight

    def mark_and_lose_the_answer(*args: object, **kwargs: object) -> None:
        mark(*args, **kwargs)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(deliveries, "mark_inflight", mark_and_lose_the_answer)
    with pytest.raises(OperationalError):
        send(distribution, api)

    assert api.sent == []
    assert states() == {State.RETRY_WAIT: 25, State.PENDING: 25}
    kept = Attempt.objects.values_list("outcome", "reason", "number")
    assert list(kept) == [("NOT_SENT", "withdrawn", PhoneNumber.objects.get().pk)] * 25
    monkeypatch.setattr(deliveries, "mark_inflight", mark)
    due()
    send(distribution, api)
    assert (states(), receivers(api)) == ({State.ACCEPTED: 50}, everybody())
    assert [one.rule for one in check_ledger(now=timezone.now()) if one.broken] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_answers_are_written_over_a_fresh_connection_when_the_server_ends_the_old_one():
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(25)

    def end_the_connection(_: Sequence[PreparedMessage]) -> None:
        with contextlib.suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    acting = ActingApi(end_the_connection)
    send(distribution, acting)

    assert (states(), receivers(acting)) == ({State.ACCEPTED: 25}, everybody())
