"""Answers that are not the Graph API's: pages of proxies, limits of speed, lists of errors."""

from __future__ import annotations

from typing import Any

import pytest

from phonepool.cloud_api.responses import OutcomeKind, read_object, read_send
from phonepool.errors import PROXY_ANSWER, THROUGHPUT_EXCEEDED
from phonepool.exceptions import Rejected
from tests.phonepool.cloud_api.test_responses import refusal, response


@pytest.mark.parametrize(
    "document",
    [
        b"<html>429 Too Many Requests</html>",
        b"",
        {},
        {"errors": [{"code": 429}]},
        {"error": {"message": "Slow down"}},
        [{"message": "Slow down"}],
        [{"error": {"message": "Slow down"}}],
        "Slow down",
    ],
)
def test_a_429_is_a_refusal_for_speed_whatever_its_body(document: Any) -> None:
    """Case A11: it was unknown for ten minutes."""
    answer = read_send(response(429, document, Retry_After="3.5"))

    assert (answer.kind, answer.failure) == (OutcomeKind.REJECTED, THROUGHPUT_EXCEEDED)
    assert (answer.code, answer.http_status, answer.retry_after) == (None, 429, 3.5)
    with pytest.raises(Rejected) as caught:
        read_object(response(429, document, Retry_After="3.5"))
    assert (caught.value.failure, caught.value.retry_after) == (THROUGHPUT_EXCEEDED, 3.5)


@pytest.mark.parametrize(
    ("status", "document", "slug"),
    [
        (400, {"errors": [{"code": 429}]}, "throughput_exceeded"),
        (403, [{"code": 429}], "throughput_exceeded"),
        (400, [{"error": {"code": 130429}}], "throughput_exceeded"),
        (400, [{"error": {"code": 131026}}, {"error": {"code": 100}}], "undeliverable"),
    ],
)
def test_a_list_of_errors_is_read_like_one(status: int, document: Any, slug: str) -> None:
    """Case A11."""
    answer = read_send(response(status, document))

    assert answer.failure is not None
    assert (answer.kind, answer.failure.slug) == (OutcomeKind.REJECTED, slug)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize(
    "document",
    [[{"error": {"code": 130429}}], {"errors": [{"code": 429}]}, {"error": {"message": "?"}}],
)
def test_a_5xx_of_another_form_leaves_the_outcome_open(status: int, document: Any) -> None:
    assert read_send(response(status, document)).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("headers", "body", "details"),
    [
        ({"Server": "squid/6.1"}, b"<html>", "Server: squid/6.1"),
        ({"Server": "squid/6.1", "Via": "1.1 gate"}, b"", "Via: 1.1 gate"),
        ({"Proxy_Authenticate": "Basic"}, b"", "Proxy-Authenticate: Basic"),
        ({}, b"<HTML><title>\n Sign in &amp; go </title>", 'page "Sign in & go"'),
        ({"Content_Type": "text/plain"}, b"no", "text/plain page"),
        ({"Server": "for 919812345678"}, b"", "Server: for 91******5678"),
    ],
)
@pytest.mark.parametrize("status", [401, 403, 404, 407])
def test_a_proxys_page_is_unknown_and_says_who_answered(
    status: int, headers: dict[str, str], body: bytes, details: str
) -> None:
    """Case A11."""
    answer = read_send(response(status, body, **headers))

    assert (answer.kind, answer.failure) == (OutcomeKind.UNKNOWN, PROXY_ANSWER)
    assert answer.details == f"HTTP {status}, {details}"


@pytest.mark.parametrize(
    ("status", "error", "kind", "slug"),
    [
        (400, {"message": "No"}, OutcomeKind.REJECTED, "unlisted"),
        (403, {"message": "No"}, OutcomeKind.REJECTED, "unlisted"),
        (401, {"message": "Log in"}, OutcomeKind.REJECTED, "not_authenticated"),
        (429, {"message": "Slow"}, OutcomeKind.REJECTED, "throughput_exceeded"),
        (500, {"message": "Oops"}, OutcomeKind.UNKNOWN, "answer_unreadable"),
        (401, {"code": 0, "message": "?"}, OutcomeKind.REJECTED, "not_authenticated"),
        (400, {"code": 0, "message": "?"}, OutcomeKind.REJECTED, "unlisted"),
        (500, {"code": 0, "message": "?"}, OutcomeKind.UNKNOWN, "server_fault"),
    ],
)
def test_an_error_without_a_code_or_with_0_is_judged_by_its_http_status(
    status: int, error: dict[str, Any], kind: OutcomeKind, slug: str
) -> None:
    """Case A29: one was unknown for ten minutes, the other paused everything."""
    answer = read_send(response(status, {"error": error}))

    assert answer.failure is not None
    assert (answer.kind, answer.failure.slug) == (kind, slug)


def test_a_redirect_is_no_refusal_whatever_it_says() -> None:
    assert read_send(response(302, refusal(130429))).kind is OutcomeKind.UNKNOWN
