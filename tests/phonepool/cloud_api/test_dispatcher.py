"""Many messages of many callers: their order, their pace, and how they are cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from phonepool.cloud_api.client import CloudApi, OutcomeKind
from phonepool.cloud_api.sends import Dispatch
from phonepool.errors import (
    WITHDRAWN,
)
from tests.phonepool.fake_transport import FakeTransport, wait_for
from tests.phonepool.hostile_server import ACCEPTED, HostileServer, never_respond, respond
from tests.phonepool.prepared import a_message, all_outcomes, send

MakeApi = Callable[..., CloudApi]


def test_messages_of_two_callers_start_in_the_order_of_their_slots(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    api, soon = make_api(transport=wire, concurrency=1), time.monotonic() + 0.3
    odd = send(api, [a_message(key, send_at=soon + key * 0.001) for key in (9, 7, 5, 3, 1)])
    even = send(api, [a_message(key, send_at=soon + key * 0.001) for key in (0, 2, 4, 6, 8)])
    assert len(all_outcomes(odd)) == len(all_outcomes(even)) == 5
    assert wire.sent == [f"attempt-{key}" for key in range(10)]


def test_no_message_leaves_before_its_slot(api: CloudApi, server: HostileServer) -> None:
    send_at = time.monotonic() + 0.15
    (outcome,) = all_outcomes(send(api, [a_message(send_at=send_at)]))
    assert server.heard[0].at >= send_at
    assert outcome.kind is OutcomeKind.ACCEPTED


def test_an_overdue_crowd_is_spread_over_the_numbers_limit(
    api: CloudApi, server: HostileServer
) -> None:
    past = time.monotonic() - 5
    crowd = [a_message(key, send_at=past, spacing=0.02) for key in range(40)]
    all_outcomes(send(api, crowd))
    arrivals = sorted(heard.at for heard in server.heard)
    assert arrivals[-1] - arrivals[0] > 39 * 0.02 * 0.8


def test_calls_whose_connections_stand_all_at_once_still_take_turns(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    wire.before_guard.clear()
    dispatch = send(make_api(transport=wire), [a_message(key, spacing=0.05) for key in range(10)])
    for _ in range(10):
        assert wire.connecting.acquire(timeout=60)
    wire.before_guard.set()
    all_outcomes(dispatch)
    assert max(wire.sent_at) - min(wire.sent_at) > 9 * 0.05 * 0.8


def test_two_numbers_do_not_wait_for_each_other(make_api: MakeApi, wire: FakeTransport) -> None:
    api, now = make_api(transport=wire), time.monotonic()
    slow = send(api, [a_message(key, phone_number_id="1", spacing=60.0) for key in range(3)])
    quick = send(api, [a_message(key, phone_number_id="2", send_at=now) for key in range(50)])
    assert len(all_outcomes(quick)) == 50
    slow.close()


def test_it_tells_by_how_much_a_numbers_calls_are_late(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    wire.before_answer.clear()
    api, now = make_api(transport=wire, concurrency=2), time.monotonic()
    first = send(api, [a_message(key, send_at=now - 9) for key in range(2)])
    wait_for(lambda: len(wire.sent) == 2)
    assert first.late_by("100200300") == 0.0  # they are under way, none waits

    behind = send(api, [a_message(key, send_at=now - 5 + key) for key in (0, 1)])
    send(api, [a_message(2, phone_number_id="2", send_at=now + 60)])
    assert 5.0 <= first.late_by("100200300") < 60
    assert first.late_by("2") == first.late_by("3") == 0.0

    wire.before_answer.set()
    assert len(all_outcomes(first)) == len(all_outcomes(behind)) == 2
    assert first.late_by("100200300") == 0.0


def test_calls_that_hang_hold_up_no_other_batch(make_api: MakeApi, server: HostileServer) -> None:
    api = make_api(server.url, concurrency=4, read_timeout=20)
    server.behaviour = never_respond
    hanging = send(api, [a_message(key) for key in range(3)])
    wait_for(lambda: len(server.heard) == 3)
    server.behaviour = respond(200, ACCEPTED)
    assert len(all_outcomes(send(api, [a_message(key) for key in range(10)]))) == 10
    server.hang_up_on_all()
    assert {outcome.kind for outcome in all_outcomes(hanging)} == {OutcomeKind.UNKNOWN}


def test_at_most_so_many_calls_are_under_way_at_once(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    wire.before_answer.clear()
    dispatch = send(make_api(transport=wire, concurrency=3), [a_message(key) for key in range(9)])
    wait_for(lambda: len(wire.sent) == 3)
    assert dispatch.collect(timeout=0.1) == []
    assert len(wire.sent) == 3
    wire.before_answer.set()
    assert len(all_outcomes(dispatch)) == 9


def test_closing_cancels_what_has_not_begun_and_lets_the_rest_end(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    wire.before_answer.clear()
    api = make_api(transport=wire, concurrency=1)
    dispatch = send(api, [a_message(key) for key in range(10)])
    wait_for(lambda: len(wire.sent) == 1)
    dispatch.close()
    wire.before_answer.set()
    outcomes = all_outcomes(dispatch)
    assert [outcome.kind for outcome in outcomes] == [
        OutcomeKind.ACCEPTED,
        *[OutcomeKind.NOT_SENT] * 9,
    ]
    assert {outcome.failure for outcome in outcomes[1:]} == {WITHDRAWN}
    assert wire.sent == ["attempt-0"]


def test_a_call_that_still_connects_is_cancelled_too(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    wire.before_guard.clear()
    with send(make_api(transport=wire), [a_message()]) as dispatch:
        assert wire.connecting.acquire(timeout=60)
    wire.before_guard.set()
    assert [outcome.failure for outcome in all_outcomes(dispatch)] == [WITHDRAWN]
    assert wire.sent == []


def test_a_caller_that_breaks_sends_nothing_more(make_api: MakeApi, wire: FakeTransport) -> None:
    api, now = make_api(transport=wire), time.monotonic()
    messages = [a_message(key, send_at=now + key * 0.25) for key in range(8)]

    def breaks_off(dispatch: Dispatch) -> None:
        with dispatch:
            wait_for(lambda: dispatch.collect(timeout=0.01))
            raise RuntimeError("a time limit, a bug")

    dispatch = send(api, messages)
    with pytest.raises(RuntimeError):
        breaks_off(dispatch)
    sent = list(wire.sent)
    assert [outcome.failure for outcome in all_outcomes(dispatch)].count(WITHDRAWN) == 8 - len(sent)
    assert len(sent) < 8
    time.sleep(0.3)  # the next slot passes
    assert wire.sent == sent


def test_a_dispatch_that_nobody_holds_any_more_is_cancelled(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    api = make_api(transport=wire)
    send(api, [a_message(send_at=time.monotonic() + 0.1)])
    after = send(api, [a_message(2, send_at=time.monotonic() + 0.2)])
    assert [outcome.kind for outcome in all_outcomes(after)] == [OutcomeKind.ACCEPTED]
    assert wire.sent == ["attempt-2"]


def test_a_closed_client_sends_nothing(make_api: MakeApi, wire: FakeTransport) -> None:
    api = make_api(transport=wire)
    waiting = send(api, [a_message(send_at=time.monotonic() + 60)])
    api.close()
    assert [outcome.failure for outcome in all_outcomes(waiting)] == [WITHDRAWN]
    assert [outcome.failure for outcome in all_outcomes(send(api, [a_message()]))] == [WITHDRAWN]
    assert wire.sent == []


def test_collecting_gathers_until_all_have_ended(make_api: MakeApi, wire: FakeTransport) -> None:
    dispatch = make_api(transport=wire).dispatch()
    dispatch.submit([a_message(key) for key in range(20)])
    assert len(dispatch.collect(timeout=20)) == 20
    asked = time.monotonic()
    assert dispatch.collect(timeout=20) == []
    assert time.monotonic() - asked < 10  # at once: nothing is out


def test_collecting_takes_what_is_there_when_the_time_is_over(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    wire.before_answer.clear()
    api = make_api(transport=wire)
    with api.dispatch() as dispatch:
        dispatch.submit([a_message(1)])
        assert dispatch.collect(timeout=0.01) == []
        dispatch.submit([a_message(2, to="nobody")])
        wait_for(lambda: [o.key for o in dispatch.collect(timeout=0.01)] == [2])
        assert dispatch.collect(timeout=0.01) == []
        wire.before_answer.set()
        assert [outcome.key for outcome in dispatch.collect(timeout=20)] == [1]


def test_outcomes_come_one_by_one_as_calls_end(make_api: MakeApi, wire: FakeTransport) -> None:
    wire.before_answer.clear()
    dispatch = send(make_api(transport=wire), [a_message(1), a_message(2, to="nobody")])
    wait_for(lambda: [outcome.key for outcome in dispatch.collect(timeout=0.01)] == [2])
    wire.before_answer.set()
    wait_for(lambda: [outcome.key for outcome in dispatch.collect(timeout=0.01)] == [1])
    assert all_outcomes(dispatch) == []


def test_many_callers_share_one_client(make_api: MakeApi, server: HostileServer) -> None:
    api, kept = make_api(server.url, concurrency=8), []

    def call(caller: int) -> None:
        messages = [a_message(caller * 100 + place) for place in range(20)]
        kept.append(sorted(outcome.key for outcome in all_outcomes(send(api, messages))))

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(kept) == [[caller * 100 + place for place in range(20)] for caller in range(10)]
    assert len(server.heard) == 200
    assert server.connections <= 8


@pytest.mark.parametrize("before", [0, 2])
def test_when_no_more_threads_can_be_had_messages_go_all_the_same(
    make_api: MakeApi, wire: FakeTransport, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    api = make_api(transport=wire)
    assert len(all_outcomes(send(api, [a_message(key) for key in range(before)]))) == before
    start = threading.Thread.start

    def refuses(thread: threading.Thread) -> None:
        if thread.name.startswith("cloud-api-") and not thread.name.endswith("pacer"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuses)
    for _ in range(2):
        assert len(all_outcomes(send(api, [a_message(key) for key in range(20)]))) == 20
    monkeypatch.undo()
    assert len(all_outcomes(send(api, [a_message(key) for key in range(20)]))) == 20
