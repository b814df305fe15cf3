"""The transport on real sockets: what left, what came back, and which connection was used."""

from __future__ import annotations

import time
from typing import Any

import pytest

from phonepool.cloud_api import connections
from phonepool.cloud_api.transport import (
    MAX_READ_RESPONSE_BYTES,
    MAX_SEND_RESPONSE_BYTES,
    CloudTransport,
)
from phonepool.errors import (
    CONNECT_TIMEOUT,
    CONNECTION_LOST,
    DEADLINE_PASSED,
    NO_ANSWER,
    NOT_SENT,
    UNREADABLE,
)
from phonepool.exceptions import NotSent, Unanswered
from tests.phonepool.hostile_server import (
    ACCEPTED,
    SHORT_TIMEOUTS,
    HostileServer,
    close_connection,
    never_respond,
    refusing_url,
    reset,
    respond,
    respond_byte_by_byte,
    response_bytes,
    send_raw,
    timeouts_for,
    unconnectable_url,
)
from tests.phonepool.transport_calls import PATH, Make, failure_of, no_guard


def test_a_request_arrives_whole_with_its_token_and_length(
    make: Make, server: HostileServer
) -> None:
    response = make(server.url).post(PATH, b'{"a":1}', guard=no_guard)
    heard = server.heard[0]
    assert (response.status, response.body) == (200, ACCEPTED)
    assert heard.line == "POST /v25.0/100200300/messages HTTP/1.1"
    assert heard.body == b'{"a":1}'
    assert heard.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "user-agent": "Daybreak",
        "authorization": "Bearer a-token-of-tests",
        "content-type": "application/json; charset=UTF-8",
        "content-length": "7",
    }


def test_header_names_of_an_answer_are_found_in_any_case(make: Make, server: HostileServer) -> None:
    server.behaviour = respond(400, b"{}", "retry-AFTER: 7")
    assert make(server.url).post(PATH, b"{}", guard=no_guard).headers.get("retry-after") == "7"


def test_a_read_sends_no_body(make: Make, server: HostileServer) -> None:
    make(server.url).get("/v25.0/1?fields=id")
    assert server.heard[0].line == "GET /v25.0/1?fields=id HTTP/1.1"
    assert "content-length" not in server.heard[0].headers


def test_connections_are_kept_and_used_again(make: Make, server: HostileServer) -> None:
    transport = make(server.url)
    for _ in range(5):
        transport.post(PATH, b"{}", guard=no_guard)
    assert server.connections == 1


def test_a_connection_idle_for_too_long_is_not_used_again(
    make: Make, server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = make(server.url)
    transport.post(PATH, b"{}", guard=no_guard)
    monkeypatch.setattr(connections, "MAX_IDLE_SECONDS", 0.0)
    transport.post(PATH, b"{}", guard=no_guard)
    assert [heard.connection for heard in server.heard] == [1, 2]


def test_a_connection_that_was_closed_while_idle_is_replaced(
    make: Make, server: HostileServer
) -> None:
    transport = make(server.url)
    good = server.behaviour

    def answers_once(connection: Any) -> bool:
        good(connection)
        return False

    server.behaviour = answers_once
    transport.post(PATH, b"{}", guard=no_guard)
    wait_until_closed(server)
    server.behaviour = good
    assert transport.post(PATH, b"{}", guard=no_guard).status == 200
    assert [heard.connection for heard in server.heard] == [1, 2]


def test_a_connection_that_closes_while_the_guard_waits_is_replaced(
    make: Make, server: HostileServer
) -> None:
    transport = make(server.url)
    transport.post(PATH, b"{}", guard=no_guard)
    asked = []

    def waits() -> None:
        asked.append(len(asked))
        if len(asked) == 1:
            server.hang_up_on_all()

    assert transport.post(PATH, b"{}", guard=waits).status == 200
    assert asked == [0, 1]  # after connecting again, the guard has its say again
    assert [heard.connection for heard in server.heard] == [1, 2]


def wait_until_closed(server: HostileServer) -> None:
    end = time.monotonic() + 5
    while server.open_connections() and time.monotonic() < end:
        time.sleep(0.005)


def test_a_connection_that_cannot_be_replaced_sent_nothing(
    make: Make, server: HostileServer
) -> None:
    transport = make(server.url)
    transport.post(PATH, b"{}", guard=no_guard)
    with pytest.raises(NotSent) as caught:
        transport.post(PATH, b"{}", guard=server.close)
    assert caught.value.failure is NOT_SENT
    assert len(server.heard) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_sent_nothing(make: Make, scheme: str) -> None:
    address = refusing_url().replace("http", scheme)
    assert failure_of(make(address), NotSent) is NOT_SENT


def test_a_name_that_does_not_exist_sent_nothing(make: Make) -> None:
    assert failure_of(make("http://nowhere.invalid"), NotSent) is NOT_SENT


def test_a_connection_that_never_comes_about_sent_nothing(make: Make) -> None:
    with unconnectable_url() as address:
        assert failure_of(make(address, **SHORT_TIMEOUTS), NotSent) is CONNECT_TIMEOUT


def test_what_the_guard_raises_ends_the_call_with_nothing_sent(
    make: Make, server: HostileServer
) -> None:
    def too_late() -> None:
        raise NotSent(DEADLINE_PASSED)

    transport = make(server.url)
    with pytest.raises(NotSent) as caught:
        transport.post(PATH, b"{}", guard=too_late)
    assert caught.value.failure is DEADLINE_PASSED
    assert transport.post(PATH, b"{}", guard=no_guard).status == 200
    assert len(server.heard) == 1


def test_the_guard_is_asked_when_the_connection_stands(make: Make, server: HostileServer) -> None:
    def look() -> None:
        end = time.monotonic() + 5
        while server.connections == 0 and time.monotonic() < end:
            time.sleep(0.005)
        seen.append((server.connections, len(server.heard)))

    seen: list[tuple[int, int]] = []
    make(server.url).post(PATH, b"{}", guard=look)
    assert seen == [(1, 0)]


def test_no_guard_is_asked_when_there_is_no_connection(make: Make) -> None:
    asked: list[int] = []
    with pytest.raises(NotSent):
        make(refusing_url()).post(PATH, b"{}", guard=lambda: asked.append(1))
    assert asked == []


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        (reset, CONNECTION_LOST),
        (close_connection, CONNECTION_LOST),
        (never_respond, NO_ANSWER),
        (respond_byte_by_byte, NO_ANSWER),
        (respond(200, ACCEPTED, length=len(ACCEPTED) + 1), CONNECTION_LOST),
        (send_raw(b"\x00\x01\x02 nothing like HTTP\r\n\r\n"), CONNECTION_LOST),
        (send_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), CONNECTION_LOST),
        (send_raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200), CONNECTION_LOST),
        (send_raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000), CONNECTION_LOST),
        (respond(200, b"x" * (MAX_SEND_RESPONSE_BYTES + 1)), UNREADABLE),
    ],
)
def test_after_the_first_byte_every_failure_is_unanswered(
    make: Make, server: HostileServer, behaviour: Any, failure: Any
) -> None:
    server.behaviour = behaviour
    transport = make(server.url, **timeouts_for(behaviour))
    assert failure_of(transport, Unanswered) is failure
    assert len(server.heard) == 1


def test_a_connection_closed_at_once_is_unanswered(make: Make, server: HostileServer) -> None:
    """The bytes left, even though nobody read them."""
    server.at_accept = close_connection
    assert failure_of(make(server.url), Unanswered) is CONNECTION_LOST


def test_a_used_connection_that_breaks_is_unanswered(make: Make, server: HostileServer) -> None:
    transport = make(server.url)
    transport.post(PATH, b"{}", guard=no_guard)
    server.behaviour = close_connection
    assert failure_of(transport, Unanswered) is CONNECTION_LOST
    assert [heard.connection for heard in server.heard] == [1, 1]


def test_an_answer_that_drips_ends_in_time(make: Make, server: HostileServer) -> None:
    server.behaviour = respond_byte_by_byte
    began = time.monotonic()
    failure_of(make(server.url, **SHORT_TIMEOUTS), Unanswered)
    assert 0.4 < time.monotonic() - began < 3.0  # read timeout 0.4 s, patience 0.6 s


def test_a_dripping_body_ends_in_time_too(make: Make, server: HostileServer) -> None:
    def drips_the_body(connection: Any) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        return respond_byte_by_byte(connection)

    server.behaviour = drips_the_body
    began = time.monotonic()
    assert failure_of(make(server.url, **SHORT_TIMEOUTS), Unanswered) is NO_ANSWER
    assert time.monotonic() - began < 3.0


def test_a_call_after_a_failed_one_gets_its_own_answer(make: Make, server: HostileServer) -> None:
    """A late answer on the old socket must not be taken for the next one's."""
    transport = make(server.url, read_timeout=2)
    server.behaviour = never_respond
    failure_of(transport, Unanswered)
    server.behaviour = respond(200, b'{"second":1}')
    assert transport.post(PATH, b"{}", guard=no_guard).body == b'{"second":1}'


def test_redirects_are_answers_and_not_followed(make: Make, server: HostileServer) -> None:
    server.behaviour = respond(302, b"", f"Location: {server.url}/elsewhere")
    assert make(server.url).post(PATH, b"{}", guard=no_guard).status == 302
    assert len(server.heard) == 1


def test_reads_may_be_larger_than_answers_to_sends(make: Make, server: HostileServer) -> None:
    page = b"x" * (MAX_SEND_RESPONSE_BYTES + 1)
    server.behaviour = respond(200, page)
    assert make(server.url, read_timeout=5).get("/v25.0/1").body == page
    assert len(page) < MAX_READ_RESPONSE_BYTES


def test_answers_in_chunks_and_of_old_servers_are_read(make: Make, server: HostileServer) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    transport = make(server.url)
    for data in (
        chunked,
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        response_bytes(200, b"{}", "Connection: close"),
    ):
        server.behaviour = send_raw(data)
        assert transport.post(PATH, b"{}", guard=no_guard).body == b"{}"
        wait_until_closed(server)


def test_cookies_are_not_kept(make: Make, server: HostileServer) -> None:
    server.behaviour = respond(200, ACCEPTED, "Set-Cookie: a=b")
    transport = make(server.url)
    for _ in range(2):
        transport.post(PATH, b"{}", guard=no_guard)
    assert "cookie" not in server.heard[1].headers


def test_proxies_of_the_environment_are_not_used(
    make: Make, server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", refusing_url())
    assert make(server.url).post(PATH, b"{}", guard=no_guard).status == 200


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tök"])
def test_a_token_that_no_header_may_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValueError, match="access token") as caught:
        CloudTransport("http://127.0.0.1", token, connect_timeout=1, read_timeout=1, connections=1)
    assert token not in str(caught.value)


def test_errors_hold_neither_token_nor_request(make: Make) -> None:
    with pytest.raises(NotSent) as caught:
        make(refusing_url()).post(PATH, b"{}", guard=no_guard)
    assert caught.value.__context__ is None
    assert "token" not in repr(caught.value)
