"""One message, one outcome, and the right one: the classification of `reliability.md` C.4."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from phonepool.cloud_api.client import CloudApi, OutcomeKind
from phonepool.cloud_api.lease import Lease
from phonepool.cloud_api.sends import SendOutcome
from phonepool.errors import (
    BAD_RECIPIENT,
    CONNECT_TIMEOUT,
    CONNECTION_LOST,
    DEADLINE_PASSED,
    NO_ANSWER,
    NOT_SENT,
    PROXY_ANSWER,
    SERVER_FAULT,
    UNREADABLE,
    UNSENDABLE,
    WITHDRAWN,
    Failure,
    classify,
)
from tests.phonepool.fake_transport import FakeTransport
from tests.phonepool.hostile_server import (
    ACCEPTED,
    SHORT_TIMEOUTS,
    WAMID,
    HostileServer,
    close_connection,
    never_respond,
    refusing_url,
    reset,
    respond,
    respond_byte_by_byte,
    send_raw,
    timeouts_for,
    unconnectable_url,
)
from tests.phonepool.prepared import a_message, all_outcomes, send

MakeApi = Callable[..., CloudApi]


def refusal(code: int, details: str = "") -> bytes:
    return json.dumps({"error": {"code": code, "message": f"(#{code}) No {details}"}}).encode()


def only(api: CloudApi, **fields: Any) -> SendOutcome:
    """The outcome of one message."""
    (outcome,) = all_outcomes(send(api, [a_message(**fields)]))
    return outcome


def test_a_message_arrives_as_the_cloud_api_wants_it(api: CloudApi, server: HostileServer) -> None:
    parts = [{"type": "body", "parameters": [{"type": "text", "text": "नमस्ते"}]}]
    only(api, key=7, language="en-US", components=parts)
    heard = server.heard[0]
    assert heard.line == "POST /v25.0/100200300/messages HTTP/1.1"
    assert json.loads(heard.body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+919812345678",
        "type": "template",
        "template": {
            "name": "daily_update",
            "language": {"code": "en_US"},
            "components": parts,
        },
        "biz_opaque_callback_data": "attempt-7",
    }


def test_an_accepted_message_gives_its_id_and_times(api: CloudApi) -> None:
    before = datetime.now(UTC)
    outcome = only(api, key=7)
    assert (outcome.kind, outcome.wamid, outcome.failure) == (OutcomeKind.ACCEPTED, WAMID, None)
    assert (outcome.key, outcome.http_status) == (7, 200)
    assert before <= outcome.started_at <= outcome.ended_at <= datetime.now(UTC)


def test_a_phone_number_id_cannot_lead_elsewhere(api: CloudApi, server: HostileServer) -> None:
    only(api, phone_number_id="../me?x=#")
    assert server.heard[0].line == "POST /v25.0/..%2Fme%3Fx%3D%23/messages HTTP/1.1"


@pytest.mark.parametrize(
    ("behaviour", "kind", "failure"),
    [
        (respond(200, ACCEPTED), OutcomeKind.ACCEPTED, None),
        (
            respond(200, ACCEPTED.replace(b'"accepted"', b'"held_for_quality_assessment"')),
            OutcomeKind.HELD,
            None,
        ),
        (respond(400, refusal(130429)), OutcomeKind.REJECTED, classify(130429)),
        (respond(400, refusal(131056)), OutcomeKind.REJECTED, classify(131056)),
        (respond(401, refusal(190)), OutcomeKind.REJECTED, classify(190)),
        (respond(503, refusal(131016)), OutcomeKind.REJECTED, classify(131016)),
        (respond(500, refusal(131000)), OutcomeKind.UNKNOWN, SERVER_FAULT),
        (respond(500, refusal(1)), OutcomeKind.UNKNOWN, SERVER_FAULT),
        (respond(200, b"{}"), OutcomeKind.UNKNOWN, UNREADABLE),
        (respond(200, b"OK"), OutcomeKind.UNKNOWN, UNREADABLE),
        (respond(502, b"<html>Bad Gateway</html>"), OutcomeKind.UNKNOWN, UNREADABLE),
        (respond(503, b""), OutcomeKind.UNKNOWN, UNREADABLE),
        (respond(404, b"<html>"), OutcomeKind.UNKNOWN, PROXY_ANSWER),
        (respond(429, b"<html>"), OutcomeKind.REJECTED, classify(130429)),
        (respond(302, b"", "Location: /"), OutcomeKind.UNKNOWN, UNREADABLE),
        (respond(200, b"x" * 65_537), OutcomeKind.UNKNOWN, UNREADABLE),
        (respond(200, ACCEPTED, length=9_999), OutcomeKind.UNKNOWN, CONNECTION_LOST),
        (send_raw(b""), OutcomeKind.UNKNOWN, CONNECTION_LOST),
        (send_raw(b"HTTP/1.1 200 OK\r\nContent-Le"), OutcomeKind.UNKNOWN, CONNECTION_LOST),
        (reset, OutcomeKind.UNKNOWN, CONNECTION_LOST),
        (close_connection, OutcomeKind.UNKNOWN, CONNECTION_LOST),
        (never_respond, OutcomeKind.UNKNOWN, NO_ANSWER),
        (respond_byte_by_byte, OutcomeKind.UNKNOWN, NO_ANSWER),
    ],
)
def test_what_the_server_does_decides_the_outcome(
    make_api: MakeApi,
    server: HostileServer,
    behaviour: Any,
    kind: OutcomeKind,
    failure: Failure | None,
) -> None:
    server.behaviour = behaviour
    outcome = only(make_api(server.url, **timeouts_for(behaviour)))
    assert (outcome.kind, outcome.failure) == (kind, failure)
    assert len(server.heard) == 1
    assert bool(outcome.wamid) is (kind in (OutcomeKind.ACCEPTED, OutcomeKind.HELD))


def test_a_connection_closed_before_reading_is_unknown(
    api: CloudApi, server: HostileServer
) -> None:
    server.at_accept = close_connection
    outcome = only(api)
    assert (outcome.kind, outcome.failure) == (OutcomeKind.UNKNOWN, CONNECTION_LOST)


def test_a_stale_connection_that_breaks_is_unknown_and_not_repeated(
    api: CloudApi, server: HostileServer
) -> None:
    only(api)
    server.behaviour = close_connection
    outcome = only(api)
    assert (outcome.kind, outcome.failure) == (OutcomeKind.UNKNOWN, CONNECTION_LOST)
    assert [heard.connection for heard in server.heard] == [1, 1]


def test_without_a_connection_nothing_is_sent(make_api: MakeApi, server: HostileServer) -> None:
    with unconnectable_url() as black_hole:
        expected = {
            refusing_url(): NOT_SENT,
            "http://nowhere.invalid": NOT_SENT,
            black_hole: CONNECT_TIMEOUT,
        }
        for address, failure in expected.items():
            limits = SHORT_TIMEOUTS if failure is CONNECT_TIMEOUT else {}
            outcome = only(make_api(address, **limits))
            assert (outcome.kind, outcome.failure) == (OutcomeKind.NOT_SENT, failure)
            assert outcome.started_at <= outcome.ended_at


def test_after_the_deadline_not_even_a_connection_is_made(
    api: CloudApi, server: HostileServer
) -> None:
    outcome = only(api, deadline=time.monotonic() - 0.001)
    assert (outcome.kind, outcome.failure) == (OutcomeKind.NOT_SENT, DEADLINE_PASSED)
    assert server.connections == 0


def test_the_deadline_is_checked_again_when_the_connection_stands(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    """A process that was suspended while it connected must not write."""
    wire.before_guard.clear()
    deadline = time.monotonic() + 0.3
    dispatch = send(make_api(transport=wire), [a_message(deadline=deadline)])
    assert wire.connecting.acquire(timeout=60)
    time.sleep(max(0.0, deadline - time.monotonic()) + 0.01)
    wire.before_guard.set()
    (outcome,) = all_outcomes(dispatch)
    assert (outcome.kind, outcome.failure) == (OutcomeKind.NOT_SENT, DEADLINE_PASSED)
    assert wire.sent == []


def test_a_number_that_went_to_another_process_meanwhile_is_not_sent_from(
    make_api: MakeApi, wire: FakeTransport
) -> None:
    """The lease is asked when the connection stands, on a clock that runs on while frozen."""
    wire.before_guard.clear()
    clock = [100.0]
    lease = Lease(105.0, lambda: clock[0])
    dispatch = send(make_api(transport=wire), [a_message(lease=lease)])
    assert wire.connecting.acquire(timeout=60)
    clock[0] = 105.0
    wire.before_guard.set()
    (outcome,) = all_outcomes(dispatch)
    assert (outcome.kind, outcome.failure) == (OutcomeKind.NOT_SENT, DEADLINE_PASSED)
    assert wire.sent == []


def test_a_turn_that_comes_after_the_deadline_is_not_taken(make_api: MakeApi) -> None:
    wire, now = FakeTransport(), time.monotonic()
    crowd = [a_message(key, send_at=now, deadline=now + 0.5, spacing=0.2) for key in range(8)]
    outcomes = all_outcomes(send(make_api(transport=wire), crowd))
    sent = [outcome.kind for outcome in outcomes].count(OutcomeKind.ACCEPTED)
    assert sent == len(wire.sent) <= 4
    late = [outcome for outcome in outcomes if outcome.kind is OutcomeKind.NOT_SENT]
    assert {outcome.failure for outcome in late} == {DEADLINE_PASSED}
    assert sent + len(late) == 8


@pytest.mark.parametrize("to", ["919812345678", "+0123456789", "", "+91 98123 45678", "+1" * 20])
def test_a_recipient_that_is_no_number_is_never_sent(
    api: CloudApi, server: HostileServer, to: str
) -> None:
    outcome = only(api, to=to)
    assert (outcome.kind, outcome.failure) == (OutcomeKind.REJECTED, BAD_RECIPIENT)
    assert server.connections == 0


@pytest.mark.parametrize("value", [Decimal(1), float("nan"), {1, 2}, datetime.now(UTC)])
def test_values_that_are_no_json_are_never_sent(
    api: CloudApi, server: HostileServer, value: Any
) -> None:
    outcome = only(api, components=[{"type": "body", "parameters": [value]}])
    assert (outcome.kind, outcome.failure) == (OutcomeKind.REJECTED, UNSENDABLE)
    assert server.connections == 0


def test_a_bug_in_the_transport_still_ends_in_an_outcome(
    make_api: MakeApi, wire: FakeTransport, caplog: pytest.LogCaptureFixture
) -> None:
    wire.error = KeyError("oops")
    outcome = only(make_api(transport=wire))
    assert (outcome.kind, outcome.failure) == (OutcomeKind.UNKNOWN, NO_ANSWER)
    assert "attempt-1" in caplog.text


def test_metas_words_and_trace_come_with_the_outcome(api: CloudApi, server: HostileServer) -> None:
    server.behaviour = respond(400, refusal(100, "for +919812345678"), "Retry-After: 7")
    outcome = only(api)
    assert (outcome.code, outcome.http_status, outcome.retry_after) == (100, 400, 7.0)
    assert outcome.details == "(#100) No for +91******5678"


def test_what_is_withdrawn_is_not_sent_and_what_has_begun_is(make_api: MakeApi) -> None:
    transport = FakeTransport()
    api = make_api(transport=transport)
    later = time.monotonic() + 1.0
    dispatch = send(api, [a_message(1), a_message(2, send_at=later), a_message(3, send_at=later)])
    while dispatch.not_begun() != [2, 3]:
        time.sleep(0.005)

    dispatch.withdraw([1, 2])

    first, second, third = all_outcomes(dispatch)
    assert (first.kind, third.kind) == (OutcomeKind.ACCEPTED, OutcomeKind.ACCEPTED)
    assert (second.kind, second.failure) == (OutcomeKind.NOT_SENT, WITHDRAWN)
    assert dispatch.not_begun() == []


def test_a_call_that_had_to_connect_again_for_long_is_withdrawn(make_api: MakeApi) -> None:
    """Between its two turns nobody could withdraw it."""

    class Reconnecting(FakeTransport):
        def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Any:
            guard()
            time.sleep(0.6)
            return super().post(path, body, guard=guard)

    outcome = only(make_api(transport=Reconnecting()))
    assert (outcome.kind, outcome.failure) == (OutcomeKind.NOT_SENT, WITHDRAWN)
