"""No parameter and no body breaks a route of the API: told or taken, with a sentence."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from distribution.models import Scope
from tests.api.conftest import fresh_counters_and_caches
from tests.api.example_records import example_records
from tests.api.routes import NAMES, url_of
from tests.api.test_odd_texts import bodies, filters
from tests.api.tokens import a_key, a_program
from tests.hostile.values import VALUES

__all__ = ["example_records", "fresh_counters_and_caches"]
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.each_database,
    pytest.mark.usefixtures("example_records"),
]
# In the place of any value of a body, whatever its type is.
JSON_VALUES = [
    "²",
    "9" * 4_301,
    "9999-12-31T23:59:59-14:00",
    "0001-01-01",
    None,
    True,
    -1,
    10**20,
    1.5,
    [[1]],
    {"a": {"b": 1}},
]
RAW = {
    "nothing": b"",
    "blanks": b"  \n",
    "no JSON": b"{",
    "NUL": b'{"a": "\\u0000"}',
    "NaN": b'{"a": NaN}',
    "a huge number": b'{"content": ' + b"9" * 5_000 + b"}",
    "a huge float": b'{"content": 1e999}',
    "no UTF-8": b'{"a": "\xff"}',
    "half a surrogate": b'{"a": "\\ud800"}',
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "twice": b'{"a": 1, "a": 2}',
    "deep": b"[" * 5_000,
}


def with_another(value: Any, other: Any) -> Iterator[Any]:
    """`value` with each of its parts in turn, and itself, exchanged for the other."""
    yield other
    if isinstance(value, list):
        for place, inner in enumerate(value):
            for changed in with_another(inner, other):
                yield [*value[:place], changed, *value[place + 1 :]]
    elif isinstance(value, dict):
        for name, inner in value.items():
            for changed in with_another(inner, other):
                yield {**value, name: changed}


def refused_or_taken(where: str, query: str = "", **sent: Any) -> None:
    method, path = where.split()
    url = f"{url_of(NAMES[path])}{query}"
    answer = getattr(a_program(*Scope.values), method)(url, **sent, headers=a_key())
    assert answer.status_code < 500, (where, query[:80], str(sent)[:200])
    if answer.status_code >= 400:
        assert len(answer.json()["detail"]) > 20, (where, query[:80], str(sent)[:200])


@pytest.mark.parametrize(("where", "body"), list(bodies()))
def test_no_value_in_a_body_breaks_anything(where: str, body: Any) -> None:
    for value in JSON_VALUES:
        for other in with_another(body, value):
            refused_or_taken(where, data=copy.deepcopy(other), format="json")


@pytest.mark.parametrize("where", sorted({param.values[0] for param in bodies()}))
def test_no_body_breaks_anything(where: str) -> None:
    for raw in RAW.values():
        for kind in ("application/json", "multipart/form-data; boundary=x", "x"):
            refused_or_taken(where, data=raw, content_type=kind)


@pytest.mark.parametrize(("where", "name"), list(filters()))
def test_no_value_of_a_parameter_breaks_anything(where: str, name: str) -> None:
    for value in VALUES:
        sent = {"data": b"phone", "content_type": "text/csv"} if where.startswith("post") else {}
        refused_or_taken(where, f"?{name}={quote(value)}", **sent)
