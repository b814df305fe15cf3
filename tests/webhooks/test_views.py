from __future__ import annotations

import gzip
import hashlib
import logging
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from tests.webhooks.posts import URL, envelope, messages, notice, post, status, statuses
from webhooks.models import WebhookEvent
from webhooks.receiving import signature

BODY = notice("security", datetime(2026, 11, 23, tzinfo=UTC), event="PIN_CHANGED")
TOKEN = settings.WHATSAPP_VERIFY_TOKEN
RIGHT = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": TOKEN}


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


def counted(answer: str) -> float:
    return REGISTRY.get_sample_value("daybreak_webhook_posts_total", {"answer": answer}) or 0.0


def test_the_log_names_who_sent_a_forgery_and_not_the_proxy(client, caplog, db):
    sender = {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 203.0.113.9", "REMOTE_ADDR": "127.0.0.1"}
    client.get(URL, {**RIGHT, "hub.verify_token": "wrong"}, **sender)
    forged = {signature.HEADER: "sha256=" + "0" * 64}
    client.post(URL, BODY, content_type="application/json", headers=forged, **sender)
    lines = [record.getMessage() for record in caplog.records if "from" in record.getMessage()]
    assert len(lines) == 2
    assert all("from 203.0.113.9" in line and "127.0.0.1" not in line for line in lines)


# --- the handshake --------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [URL, f"{URL}/"])
def test_the_handshake_answers_the_bare_challenge(client, url):
    answer = client.get(url, RIGHT)

    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer["Content-Type"] == "text/plain"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "change",
    [
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": ""},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": "<script>alert(1)</script>"},
        {"hub.challenge": "1" * 33},
        {"hub.challenge": ""},
    ],
)
def test_a_wrong_handshake_is_refused_and_nothing_of_it_comes_back(client, change):
    answer = client.get(URL, {**RIGHT, **change})

    assert (answer.status_code, answer.content) == (403, b"")


def test_without_a_token_of_ours_nobody_shakes_hands(client, settings):
    settings.WHATSAPP_VERIFY_TOKEN = ""

    assert client.get(URL, {**RIGHT, "hub.verify_token": ""}).status_code == 403


@pytest.mark.parametrize("method", ["put", "patch", "delete", "head", "options", "trace"])
def test_other_methods_are_not_allowed(client, method):
    answer = getattr(client, method)(URL)

    assert (answer.status_code, answer["Allow"]) == (405, "GET, POST")


# --- what is stored -------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("url", [URL, f"{URL}/"])
def test_a_signed_body_is_stored_as_it_came_and_answered_empty(client, url):
    before = timezone.now()
    header = signature.sign(BODY, settings.WHATSAPP_APP_SECRETS[0])

    answer = client.post(
        url, BODY, content_type="application/json", headers={signature.HEADER: header}
    )

    assert (answer.status_code, answer.content) == (200, b"")
    row = WebhookEvent.objects.get()
    assert bytes(row.body) == BODY
    assert row.digest == hashlib.sha256(BODY).hexdigest()
    assert before <= row.received_at <= timezone.now()
    assert (row.secret_no, row.processed_at, row.dead_at, row.tries) == (0, None, None, 0)


@pytest.mark.django_db
def test_the_same_body_again_is_welcome_and_stored_once(client):
    answers = [post(client, BODY).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert WebhookEvent.objects.count() == 1


@pytest.mark.django_db
def test_storing_is_one_statement_and_asks_for_no_session(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        answer = post(client, BODY)

    assert answer.cookies == {}


@pytest.mark.django_db
def test_both_secrets_are_taken_while_one_replaces_the_other(client, settings):
    settings.WHATSAPP_APP_SECRETS = ["the-new-one", "the-old-one"]

    by_new = post(client, BODY, sign_with="the-new-one")
    by_old = post(client, BODY + b" ", sign_with="the-old-one")

    assert (by_new.status_code, by_old.status_code) == (200, 200)
    signers = WebhookEvent.objects.order_by("pk").values_list("secret_no", flat=True)
    assert list(signers) == [0, 1]


@pytest.mark.django_db
def test_a_batch_of_a_thousand_in_three_megabytes_is_taken(client):
    now = timezone.now()
    items = [
        {**status("sent", at=now, wamid=f"wamid.{place}"), "padding": "x" * 2950}
        for place in range(1000)
    ]
    body = envelope(messages(statuses=items))
    assert 3_000_000 < len(body) < 3_300_000

    assert post(client, body).status_code == 200
    assert bytes(WebhookEvent.objects.get().body) == body


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body", [b"", b"no json", b"\x00\xff", b"[" * 1000, b'{"a":' + b"9" * 5000]
)
def test_what_is_signed_is_stored_even_if_it_is_nonsense(client, body):
    assert post(client, body).status_code == 200
    assert bytes(WebhookEvent.objects.get().body) == body


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "answer"),
    [
        (None, "unsigned"),
        ("", "unsigned"),
        ("sha1=0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33", "unsigned"),
        (signature.sign(BODY, "test-app-secret").upper().replace("SHA", "sha"), "unsigned"),
        (f"{signature.sign(BODY, 'test-app-secret')},{'0' * 64}", "unsigned"),
        (signature.sign(BODY, "not-our-secret"), "forged"),
        (signature.sign(BODY, ""), "forged"),
        (signature.sign(BODY + b" ", "test-app-secret"), "forged"),
    ],
)
def test_what_meta_did_not_sign_is_refused_and_only_counted(client, caplog, header, answer):
    before = counted(answer)
    headers = {} if header is None else {signature.HEADER: header}
    right = signature.sign(BODY, "test-app-secret")

    with caplog.at_level(logging.DEBUG):
        got = client.post(URL, BODY, content_type="application/json", headers=headers)

    assert (got.status_code, got.content) == (403, b"")
    assert not WebhookEvent.objects.exists()
    assert counted(answer) == before + 1
    assert right not in caplog.text
    assert "PIN_CHANGED" not in caplog.text
    assert (hashlib.sha256(BODY).hexdigest()[:16] in caplog.text) == (answer == "forged")


@pytest.mark.django_db
def test_an_older_sha1_signature_beside_the_right_one_is_not_looked_at(client):
    assert post(client, BODY, **{"X-Hub-Signature": "sha1=nonsense"}).status_code == 200


@pytest.mark.django_db
def test_without_a_secret_nothing_can_be_verified_so_meta_must_come_again(client, settings, caplog):
    settings.WHATSAPP_APP_SECRETS = []

    assert post(client, BODY, sign_with="").status_code == 503
    assert not WebhookEvent.objects.exists()
    assert "WHATSAPP_APP_SECRET is not set" in caplog.text


@pytest.mark.django_db
def test_one_byte_over_the_limit_is_too_large(client, settings):
    settings.WEBHOOK_BODY_LIMIT = len(BODY)

    assert post(client, BODY + b" ").status_code == 413
    assert post(client, BODY).status_code == 200
    assert WebhookEvent.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
def test_compressed_bodies_are_not_taken(client, encoding):
    packed = gzip.compress(BODY)

    assert post(client, packed, **{"Content-Encoding": encoding}).status_code == 415
    assert not WebhookEvent.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["-1", "many", "1e3", "٣"])
def test_a_length_that_is_none_is_refused(client, length):
    answer = client.generic(
        "POST", URL, BODY, CONTENT_LENGTH=length, headers={signature.HEADER: "sha256=" + "0" * 64}
    )

    assert answer.status_code == 400


# --- the database is ill --------------------------------------------------------------------------


@contextmanager
def without_the_table():
    """The inbox's table has another name meanwhile."""
    rename = "ALTER TABLE {} RENAME TO {}"
    with connection.cursor() as cursor:
        cursor.execute(rename.format("webhooks_webhookevent", "hidden"))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(rename.format("hidden", "webhooks_webhookevent"))


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_stored_is_answered_503_and_taken_once_it_can(client, caplog):
    body = statuses(status("sent", at=timezone.now()))
    with without_the_table():
        answer = post(client, body)

    assert (answer.status_code, answer.content) == (503, b"")
    assert "webhook not stored" in caplog.text
    assert "919812345678" not in caplog.text
    assert not WebhookEvent.objects.exists()
    assert post(client, body).status_code == 200
    assert WebhookEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_read_only_database_is_answered_503(client, own_session):
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    answer = post(client, BODY)
    connection.close()

    assert answer.status_code == 503
    assert not WebhookEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_went_stale_between_two_requests_costs_nothing(client, own_session):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    other.close()

    assert post(client, BODY).status_code == 200
    assert WebhookEvent.objects.count() == 1
