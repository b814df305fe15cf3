"""What every address under /api/ does, whatever stands behind it."""

from __future__ import annotations

import pytest

from tests.api.tokens import a_program

pytestmark = pytest.mark.django_db
DOCUMENT = "/api/schema/"


def test_an_address_that_is_none_is_a_problem() -> None:
    answer = a_program().get("/api/no/such/thing")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert answer.json()["detail"].endswith("Check the path and the id.")


def test_nobody_is_asked_for_a_token() -> None:
    answer = a_program().get(DOCUMENT)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="daybreak"'
    assert answer.json()["code"] == "not_authenticated"


def test_a_token_without_the_scope_is_told_which() -> None:
    answer = a_program("content").get(DOCUMENT)
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"
    assert "“read”" in answer.json()["detail"]


def test_the_document_is_read_with_a_token() -> None:
    answer = a_program("read").get(DOCUMENT, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer["RateLimit-Remaining"] == "599"
