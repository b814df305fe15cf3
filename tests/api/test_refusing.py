"""What the API does not take: problems that programs and people can both act on."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from distribution.access import rate_limits, tokens
from distribution.models import Distribution, Scope
from tests.api.tokens import a_key, a_program
from tests.distribution.staff import a_member

pytestmark = pytest.mark.django_db
STATUS, TRIGGER = "/api/distribution/status", "/api/distribution/trigger"


def post(client: APIClient, body: bytes, content_type: str = "application/json") -> Any:
    return client.generic("POST", TRIGGER, body, content_type=content_type, headers=a_key())


def test_a_problem_has_everything_that_rfc_9457_names() -> None:
    answer = post(a_program("distribute"), b'{"content": "7", "dry_run": "yes", "when": 1}')
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["type"].endswith("/invalid")
    assert (told["title"], told["status"], told["code"]) == ("Bad Request", 400, "invalid")
    assert {one["field"] for one in told["errors"]} == {"content", "dry_run"}
    unknown = post(a_program("distribute"), b'{"when": 1}').json()["errors"]
    assert [(one["field"], one["code"]) for one in unknown] == [("when", "unknown")]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"date": NaN}', b"\xff", b'{"date": "\\u0000"}', b'{"date": "\\ud800"}', b"[]"],
)
def test_what_is_no_object_of_json_is_refused(body: bytes) -> None:
    answer = post(a_program("distribute"), body)
    assert answer.status_code in (400, 409)
    assert not Distribution.objects.exists()


def test_a_field_that_stands_twice_is_refused() -> None:
    answer = post(a_program("distribute"), b'{"dry_run": true, "dry_run": false}')
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
    assert "'dry_run' is in one object twice" in answer.json()["detail"]


def test_json_that_is_too_deep_or_too_large_is_not_read() -> None:
    client = a_program("distribute")
    deep = b'{"a":' * 33 + b"1" + b"}" * 33
    assert "deeper than 32" in post(client, deep).json()["detail"]
    brackets = json.dumps({"date": "[" * 100}).encode()
    assert "deeper" not in post(client, brackets).json()["detail"]
    large = b'"' + b"x" * 1024 * 1024 + b'"'
    answer = post(client, large)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_another_format_is_415_and_another_answer_406() -> None:
    answer = post(a_program("distribute"), b"a=1", "application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    answer = a_program("read").get(STATUS, headers={"Accept": "application/xml"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer dbk_no", "Bearer é", "Basic x"])
def test_a_header_that_is_no_token_is_401(header: str) -> None:
    answer = APIClient().get(STATUS, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_nothing_internal_is_told_when_something_breaks(monkeypatch: Any) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("distribution.api.resources.status._requested", broken)
    client = a_program("read")
    client.raise_request_exception = False
    answer = client.get(STATUS)
    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert b"secret" not in answer.content
    assert b"Traceback" not in answer.content


def test_a_database_that_is_away_is_503_with_a_time(monkeypatch: Any) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("could not connect to 10.0.0.7")

    monkeypatch.setattr("distribution.api.resources.status._requested", away)
    answer = a_program("read").get(STATUS)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b"10.0.0.7" not in answer.content


def test_a_program_that_asks_too_often_is_told_when_to_ask_again(settings: Any) -> None:
    settings.API_RATES = {**settings.API_RATES, "read": 3}
    client, other = a_program("read", "distribute"), a_program("read")
    with time_machine.travel("2026-11-24T00:30:10Z", tick=False):
        left = [client.get(STATUS)["RateLimit-Remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        answer = client.get(STATUS)
        assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
        assert answer["Retry-After"] == answer["RateLimit-Reset"] == "50"
        assert other.get(STATUS).status_code != 429  # each token has its own count
        assert post(client, b"{}").status_code != 429  # and each scope
    with time_machine.travel("2026-11-24T00:31:00Z", tick=False):
        assert client.get(STATUS).status_code != 429


def test_strangers_are_told_to_wait_and_programs_beside_them_are_not(settings: Any) -> None:
    settings.API_RATE_STRANGERS = 2
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    rate_limits.reset()
    stranger, program = Client(headers={"X-Forwarded-For": "203.0.113.7"}), a_program("read")
    guess = {"Authorization": "Bearer dbk_a_guess", "X-Forwarded-For": "203.0.113.7"}
    with time_machine.travel("2026-11-24T00:32:10Z", tick=False):
        assert [stranger.get(STATUS).status_code for _ in range(2)] == [401, 401]
        answer = stranger.get(STATUS, headers=guess)
        assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
        assert answer["Retry-After"] == answer["RateLimit-Reset"] == "50"
        assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("2", "0")
        from_there = {"X-Forwarded-For": "203.0.113.7"}
        assert program.get(STATUS, headers=from_there).status_code not in (401, 429)
        elsewhere = stranger.get(STATUS, headers={"X-Forwarded-For": "203.0.113.8"})
        assert elsewhere.status_code == 401
    with time_machine.travel("2026-11-24T00:33:00Z", tick=False):
        assert stranger.get(STATUS).status_code == 401


def test_rates_are_shared_by_redis_and_kept_without_it(broker_url: str, settings: Any) -> None:
    settings.REDIS_URL = broker_url
    rate_limits.reset()
    assert [rate_limits.increment("a") for _ in range(2)] == [1, 2]
    rate_limits.local_counts.clear()
    assert rate_limits.increment("a") == 3  # another process would go on from there, too
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    rate_limits.reset()
    assert [rate_limits.increment("a") for _ in range(2)] == [1, 2]


def test_a_view_that_names_no_scope_answers_nobody() -> None:
    class Forgetful(APIView):
        def get(self, request: Any) -> HttpResponse:
            return HttpResponse("everything")

    asked = APIRequestFactory().get("/api/forgetful")
    force_authenticate(asked, user=User.objects.create_superuser("root"))
    assert Forgetful.as_view()(asked).status_code == 405


def test_the_key_stands_in_no_log_and_no_answer(caplog: Any) -> None:
    user, now = a_member(), timezone.now()
    _, key = tokens.issue("x", Scope.values, user=user, by=user, expires_at=None, now=now)
    client = Client(headers={"Authorization": f"Bearer {key}"})
    for url in (STATUS, "/api/none", "/api/distribution/7/deliveries"):
        assert key.encode() not in client.get(url).content
    assert key not in caplog.text
