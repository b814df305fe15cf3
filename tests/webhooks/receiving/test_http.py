"""What a real server and real sockets do to the door: chunks, caps, drips, a dead broker."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from django.conf import settings

from tests.webhooks.posts import URL, notice
from webhooks.models import WebhookEvent
from webhooks.receiving import nudger, signature

BODY = notice("security", event="PIN_CHANGED")
SECRET = settings.WHATSAPP_APP_SECRETS[0]


def head(body: bytes, *lines: str, signed: str | None = None) -> bytes:
    shown = signed if signed is not None else signature.sign(body, SECRET)
    given = [f"POST {URL} HTTP/1.1", "Host: localhost", f"{signature.HEADER}: {shown}", *lines]
    return "\r\n".join([*given, "", ""]).encode()


def chunked(body: bytes, size: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


@contextmanager
def linked(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        yield link


def status_of(link: socket.socket) -> int:
    """The status of the next answer; 0 when the server just hung up."""
    try:
        answer = link.recv(65536)
    except ConnectionError:
        return 0
    return int(answer[9:12]) if answer else 0


def send(port: int, *pieces: bytes) -> int:
    with linked(port) as link:
        try:
            for piece in pieces:
                link.sendall(piece)
        except ConnectionError:  # it answered and hung up in the middle of a long body
            pass
        return status_of(link)


def post(port: int, body: bytes) -> int:
    return send(port, head(body, f"Content-Length: {len(body)}") + body)


@pytest.mark.parametrize(
    "app", ["config.wsgi:application", "tests.webhooks.fast_path_app:short_way"]
)
def test_bodies_and_their_senders(serve: Callable[..., int], app: str):
    """One server for all of them: starting one takes longer than using it."""
    port = serve(app)
    limit = settings.WEBHOOK_BODY_LIMIT
    declared = "Content-Length: {}".format
    chunks = "Transfer-Encoding: chunked"

    def stored() -> int:
        return WebhookEvent.objects.count()

    # as Meta sends it, and the same again
    assert (post(port, BODY), post(port, BODY), stored()) == (200, 200, 1)

    # three megabytes, and exactly the limit
    for size in (3 * 1024 * 1024, limit):
        body = BODY.ljust(size)
        assert post(port, body) == 200
        assert bytes(WebhookEvent.objects.latest("pk").body) == body
    assert stored() == 3

    # in chunks, as a proxy may pass it on
    body = BODY.ljust(3_000_000, b" ")
    assert send(port, head(body, chunks), *chunked(body)) == 200
    assert bytes(WebhookEvent.objects.latest("pk").body) == body
    assert stored() == 4

    # over the limit: refused by its length before a byte of the body was sent
    with linked(port) as link:
        link.sendall(head(b"", declared(5 * 1024 * 1024), signed="sha256=" + "0" * 64))
        assert status_of(link) == 413

    # fifty megabytes in chunks: refused while they come
    endless = chunked(bytes(50 * 1024 * 1024))
    assert send(port, head(b"", chunks, signed="sha256=" + "0" * 64), *endless) in (413, 0)

    # without a signature the body is not even waited for
    with linked(port) as link:
        link.sendall(head(b"", declared(1000), signed="sha1=abc"))
        assert status_of(link) == 403

    # two signatures: one request cannot have both
    other = f"{signature.HEADER}: sha256={'0' * 64}"
    assert send(port, head(BODY, declared(len(BODY)), other) + BODY) in (400, 403)

    # two lengths, or a length that is none
    assert send(port, head(BODY, declared(len(BODY)), declared(3)) + BODY) == 400
    assert send(port, head(BODY, declared("x")) + BODY) == 400

    # a sender that hangs up half way is nobody's business
    with linked(port) as link:
        link.sendall(head(BODY, declared(len(BODY) + 1)) + BODY)
    assert (post(port, BODY + b"  "), stored()) == (200, 5)

    # the server is still well, and nothing but what was signed is in the inbox
    assert {row.secret_no for row in WebhookEvent.objects.all()} == {0}


def test_a_frozen_broker_delays_no_answer(serve: Callable[..., int]):
    with socket.create_server(("127.0.0.1", 0), backlog=128) as frozen:  # nobody ever accepts
        port = serve(REDIS_URL=f"redis://127.0.0.1:{frozen.getsockname()[1]}/0")
        post(port, BODY)  # opens the database
        slowest, end, sent = 0.0, time.monotonic() + 4, 0
        while time.monotonic() < end:  # long enough for a nudge to be stuck in the middle
            started = time.monotonic()
            sent += 1
            assert post(port, BODY.ljust(len(BODY) + sent)) == 200
            slowest = max(slowest, time.monotonic() - started)

    assert slowest < 1.0  # the broker's own limits are 2 and 5 seconds
    assert WebhookEvent.objects.count() == sent + 1


def test_many_webhooks_share_a_nudge(serve: Callable[..., int], broker_url: str):
    broker = redis.Redis.from_url(broker_url)
    broker.delete("daybreak:webhooks")
    port = serve(REDIS_URL=broker_url)

    started = time.monotonic()
    for place in range(60):
        assert post(port, BODY.ljust(len(BODY) + place)) == 200
    end = time.monotonic() + 20
    while not broker.llen("daybreak:webhooks") and time.monotonic() < end:
        time.sleep(0.05)
    took = time.monotonic() - started

    assert 1 <= broker.llen("daybreak:webhooks") <= took / nudger.NUDGE_INTERVAL_SECONDS + 1


@pytest.mark.slow
def test_a_drip_is_cut(serve: Callable[..., int]):
    port = serve()
    body = bytes(200_000)
    with linked(port) as link:
        link.sendall(head(body, f"Content-Length: {len(body)}"))
        started = time.monotonic()
        link.settimeout(0.5)
        status = None
        for start in range(0, len(body), 100):  # 200 bytes a second
            try:
                link.sendall(body[start : start + 100])
                status = status_of(link)
                break
            except TimeoutError:
                continue

    assert status == 408
    assert time.monotonic() - started < 17
