"""Production's process for webhooks alone: it takes them, and knows nothing else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from distribution.access import tokens
from distribution.models import Heartbeat, Scope, StatusFeed
from tests.webhooks.posts import URL, notice
from tests.webhooks.receiving.test_presence import awaited
from webhooks.models import WebhookEvent
from webhooks.receiving import signature

RECEIVER = "config.receiver:application"
BODY = notice("security", event="PIN_CHANGED")
HANDSHAKE = {
    "hub.mode": "subscribe",
    "hub.challenge": "1158201444",
    "hub.verify_token": settings.WHATSAPP_VERIFY_TOKEN,
}
SHUT = [
    "/",
    "/admin/",
    "/admin/login/",
    "/dashboard/",
    "/static/admin/css/base.css",
    "/api/distribution/health",
    "/api/distribution/subscribers",
    "/api/schema/",
    "/api/",
    "/webhooks/",
    "/webhooks/whatsapp/x",
    "//admin/",
    "/webhooks/../admin/",
    "/health/",
]


def ask(
    port: int, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> tuple[int, str, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        link.request(method, path, body, headers)
        answer = link.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        link.close()


@pytest.mark.parametrize("app", [RECEIVER, "config.wsgi:application"])
def test_over_plain_http_nothing_is_taken_at_any_door(serve: Callable[..., int], app: str):
    port = serve(app, HTTPS="true")
    signed = {signature.HEADER: signature.sign(BODY, settings.WHATSAPP_APP_SECRETS[0])}
    through_proxy = {"X-Forwarded-Proto": "https"}

    assert ask(port, URL, "POST", BODY, **signed)[0] == 403
    assert ask(port, f"{URL}/", "POST", BODY, **signed, **{"X-Forwarded-Proto": "http"})[0] == 403
    assert ask(port, f"{URL}?{urlencode(HANDSHAKE)}")[::2] == (403, b"HTTPS only.\n")
    assert not WebhookEvent.objects.exists()
    assert ask(port, URL, "POST", BODY, **signed, **through_proxy)[0] == 200
    assert ask(port, f"{URL}?{urlencode(HANDSHAKE)}", **through_proxy)[::2] == (200, b"1158201444")


def test_it_answers_meta_and_those_who_watch_it_and_nobody_else(serve: Callable[..., int]):
    port = serve(RECEIVER)  # its REDIS_URL leads nowhere
    by = User.objects.create_superuser("root")
    now = timezone.now()
    _, key = tokens.issue("crm", Scope.values, user=by, by=by, expires_at=None, now=now)
    entitled = {"Authorization": f"Bearer {key}"}
    signed = {signature.HEADER: signature.sign(BODY, settings.WHATSAPP_APP_SECRETS[0])}

    assert ask(port, URL, "POST", BODY, **signed)[0] == 200
    assert bytes(WebhookEvent.objects.get().body) == BODY
    assert ask(port, URL, "POST", BODY, **{signature.HEADER: "sha256=" + "0" * 64})[0] == 403
    status, _, challenge = ask(port, f"{URL}?{urlencode(HANDSHAKE)}")
    assert (status, challenge) == (200, b"1158201444")

    assert ask(port, "/health/live")[0] == 200
    status, _, ready = ask(port, "/health/ready")
    assert (status, json.loads(ready)) == (200, {"status": "ok", "database": "ok"})
    status, _, counts = ask(port, "/metrics")
    assert (status, b'posts_total{answer="stored"} 1.0' in counts) == (200, True)
    assert ask(port, "/metrics", **{"X-Forwarded-For": "203.0.113.7"})[0] == 404

    for path in SHUT:
        for method in ("GET", "POST"):
            assert ask(port, path, method, **entitled) == (404, "text/plain", b"Not found.\n"), path


def test_without_a_database_it_is_not_ready_and_takes_nothing(serve: Callable[..., int], tmp_path):
    nowhere = "postgresql://nobody:word@127.0.0.1:9/none"
    port = serve(RECEIVER, DATABASE_URL=nowhere, SECRET_KEY=settings.SECRET_KEY)
    signed = {signature.HEADER: signature.sign(BODY, settings.WHATSAPP_APP_SECRETS[0])}

    assert ask(port, "/health/ready")[0] == 503
    assert ask(port, URL, "POST", BODY, **signed)[0] == 503


# --- two doors, and one of them shut ------------------------------------------------------------


def door(name: str) -> QuerySet[Heartbeat]:
    return Heartbeat.objects.filter(pk=f"door:{name}")


def test_it_says_under_a_name_of_its_own_that_it_is_there(serve: Callable[..., int]):
    before = timezone.now()
    serve(RECEIVER)

    assert awaited(door("receiver").first).at > before
    assert awaited(lambda: StatusFeed.current().receiver_away_at) > before
    assert not door("web").exists()


@pytest.mark.django_db
def test_who_lives_does_not_speak_for_who_is_silent():
    """Else silence would count as heard at the very door that Meta knocks at in vain."""
    now, second = timezone.now(), timedelta(seconds=1)
    StatusFeed.receiver_seen(now, receiver="receiver")
    StatusFeed.receiver_seen(now + second, receiver="web")
    StatusFeed.receiver_seen(now + 600 * second, receiver="web")

    assert StatusFeed.current().receiver_seen_at == now

    back = now + 601 * second
    StatusFeed.receiver_seen(back, receiver="receiver", away_at=back)

    assert StatusFeed.current().receiver_seen_at == now + 600 * second
    assert StatusFeed.current().receiver_away_at == back


@pytest.mark.django_db
def test_who_was_taken_away_is_waited_for_until_the_next_day():
    now, hour = timezone.now(), timedelta(hours=1)
    StatusFeed.receiver_seen(now, receiver="receiver")

    StatusFeed.receiver_seen(now + 23 * hour, receiver="web")
    assert StatusFeed.current().receiver_seen_at == now

    StatusFeed.receiver_seen(now + 24 * hour, receiver="web")
    assert StatusFeed.current().receiver_seen_at == now + 24 * hour
