"""Texts that nobody would type, wherever the document takes one: told or taken, never a crash."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from distribution.models import Scope
from tests.api.example_records import example_records
from tests.api.routes import NAMES, url_of
from tests.api.test_examples import operations
from tests.api.tokens import a_key, a_program
from tests.hostile.values import share

__all__ = ["example_records"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("example_records")]
ODD = {
    "nothing to be seen": "\u200b\u2060\ufeff",
    "only blanks": " \t\n\u00a0\u3000",
    "a control character": "\x07",
    "a line break": "one\ntwo",
    "right to left": "\u202eahsA",
    "beyond the basic plane": "\U0001f600",
    "a combining mark alone": "\u0301",
    "a formula": "=1+1",
    "a placeholder": "{name} {unknown} {",
    "percent and quotes": "%s %(x)s '\" \\",
    "digits of another script": "९८१२३४५६०१",
    "long": "x" * 5000,
}


def bodies() -> Iterator[Any]:
    for where, operation in operations():
        told = operation.get("requestBody", {}).get("content", {})
        for name, one in told.get("application/json", {}).get("examples", {}).items():
            yield pytest.param(where, one["value"], id=f"{where} {name}")


def filters() -> Iterator[Any]:
    for where, operation in operations():
        for one in operation.get("parameters", []):
            if one["in"] == "query":
                name = one["name"]
                yield pytest.param(where, name, id=f"{where} {name}")


def with_another(value: Any, text: str) -> Iterator[Any]:
    """`value` with each of its texts, and each name of a field that is free, exchanged for it."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for other in with_another(inner, text):
                yield [*value[:place], other, *value[place + 1 :]]
    elif isinstance(value, dict):
        for name, inner in value.items():
            for other in with_another(inner, text):
                yield {**value, name: other}
            if name in ("attributes", "button_variables"):
                yield {**value, name: {text: "x"}}


def _ask(where: str, query: str = "", **sent: Any) -> int:
    method, path = where.split()
    url = f"{url_of(NAMES[path])}{query}"
    answer = getattr(a_program(*Scope.values), method)(url, **sent, headers=a_key())
    assert answer.status_code < 500, (where, query, sent)
    assert str(answer.status_code) in dict(operations())[where]["responses"]
    return int(answer.status_code)


@pytest.mark.parametrize(("where", "body"), list(bodies()))
def test_a_body_with_an_odd_text_is_taken_or_refused(where: str, body: Any) -> None:
    for odd in share(list(ODD.values()), len(str(body))):
        for other in with_another(body, odd):
            _ask(where, data=copy.deepcopy(other), format="json")


@pytest.mark.parametrize(("where", "name"), list(filters()))
def test_an_address_with_an_odd_text_is_taken_or_refused(where: str, name: str) -> None:
    for odd in share(list(ODD.values()), len(where + name)):
        sent = {"data": b"phone", "content_type": "text/csv"} if where.startswith("post") else {}
        _ask(where, f"?{name}={quote(odd[:900])}", **sent)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_form_with_an_odd_text_is_taken_or_refused(odd: str) -> None:
    where = "post /api/distribution/subscribers/import"
    for fields in ({"consent_source": odd}, {"dry_run": odd}, {"consent_source": "x", "y": odd}):
        file = SimpleUploadedFile(odd or "x", f"phone,name\n9812345601,{odd}".encode())
        _ask(where, data={"file": file, **fields}, format="multipart")
