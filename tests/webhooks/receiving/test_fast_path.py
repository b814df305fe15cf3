from __future__ import annotations

import io
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.urls import resolve

from tests.webhooks.posts import URL, notice
from webhooks import views
from webhooks.models import WebhookEvent
from webhooks.receiving import fast_path, signature

BODY = notice("security", event="PIN_CHANGED")


def site(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"the site: " + environ["PATH_INFO"].encode()]


def call(path: str, body: bytes = b"", method: str = "POST") -> tuple[int, dict[str, str], bytes]:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_HUB_SIGNATURE_256": signature.sign(body, settings.WHATSAPP_APP_SECRETS[0]),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    started: list[Any] = []
    answer = fast_path.serve_first(site)(environ, lambda *given: started.append(given))
    ((status, headers),) = started
    return int(status[:3]), dict(headers), b"".join(answer)


@pytest.mark.parametrize("path", sorted(fast_path.PATHS))
def test_both_ways_lead_to_the_same_view(path):
    assert resolve(path).func is views.whatsapp
    assert URL in fast_path.PATHS


@pytest.mark.parametrize("path", ["/", "/admin/", "/webhooks/whatsapp/x", "/webhooks/"])
def test_everything_else_is_the_sites(path):
    assert call(path) == (200, {}, b"the site: " + path.encode())


@pytest.mark.django_db(transaction=True)
def test_a_webhook_is_stored_by_the_short_way():
    status, headers, answer = call(URL, BODY)

    assert (status, headers["Content-Length"], answer) == (200, "0", b"")
    assert bytes(WebhookEvent.objects.get().body) == BODY


def test_other_methods_are_not_allowed_here_either():
    assert call(URL, method="PUT")[0] == 405


@pytest.mark.django_db(transaction=True)
def test_an_error_of_ours_is_an_answer_and_the_next_webhook_is_taken(monkeypatch, settings):
    with monkeypatch.context() as patch:
        patch.setattr(signature, "verify", lambda *_: 1 / 0)
        assert call(URL, BODY)[0] == 500

    assert call(URL, BODY)[0] == 200


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_too_old_is_closed_as_after_any_request(monkeypatch):
    call(URL, BODY)
    kept = connection.connection
    connection.close_at = 0.0

    call(URL, BODY + b" ")
    assert connection.connection is None
    call(URL, BODY + b"  ")

    assert connection.connection is not kept
    assert WebhookEvent.objects.count() == 3
