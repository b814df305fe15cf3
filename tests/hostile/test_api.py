"""No parameter and no body breaks a route of the API: told or taken, with a sentence.

Every place of a body and every parameter gets some of the values, others at the next place, so that
each kind of place meets all of them; all places times all values take five times as long.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any
from urllib.parse import quote
from zlib import crc32

import pytest
from django.conf import settings
from rest_framework.test import APIClient

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
    pytest.mark.skipif(
        settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"),
        reason="only on PostgreSQL, which refuses more values than SQLite does",
    ),
    pytest.mark.usefixtures("example_records"),
]
EACH = 2  # values in one place of a body
EACH_PARAMETER = 5
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


def places(value: Any) -> Iterator[Any]:
    """Functions that exchange one part of `value`, or all of it, for something else."""
    yield lambda other: other
    if isinstance(value, list):
        for place, inner in enumerate(value):
            for change in places(inner):
                yield lambda other, p=place, c=change: [*value[:p], c(other), *value[p + 1 :]]
    elif isinstance(value, dict):
        for name, inner in value.items():
            for change in places(inner):
                yield lambda other, n=name, c=change: {**value, n: c(other)}


class Turns:
    """Which values come next: others in each test, the same ones in each run."""

    def __init__(self, name: str) -> None:
        self._numbers = count(crc32(name.encode()))

    def some(self, values: Sequence[Any], number: int) -> list[Any]:
        """The next `number` of the values, from the beginning again after the last."""
        first = next(self._numbers) * number
        return [values[(first + place) % len(values)] for place in range(number)]


@pytest.fixture
def turns(request: pytest.FixtureRequest) -> Turns:
    return Turns(request.node.name)


@pytest.fixture
def program() -> APIClient:
    return a_program(*Scope.values)


def refused_or_taken(program: APIClient, where: str, query: str = "", **sent: Any) -> None:
    method, path = where.split()
    url = f"{url_of(NAMES[path])}{query}"
    answer = getattr(program, method)(url, **sent, headers=a_key())
    assert answer.status_code < 500, (where, query[:80], str(sent)[:200])
    if answer.status_code >= 400:
        assert len(answer.json()["detail"]) > 20, (where, query[:80], str(sent)[:200])


@pytest.mark.parametrize(("where", "body"), list(bodies()))
def test_no_value_in_a_body_breaks_anything(
    program: APIClient, turns: Turns, where: str, body: Any
) -> None:
    for exchange in places(body):
        for value in turns.some(JSON_VALUES, EACH):
            refused_or_taken(program, where, data=copy.deepcopy(exchange(value)), format="json")


@pytest.mark.parametrize("where", sorted({param.values[0] for param in bodies()}))
def test_no_body_breaks_anything(program: APIClient, turns: Turns, where: str) -> None:
    for raw in RAW.values():
        refused_or_taken(program, where, data=raw, content_type="application/json")
    for kind in ("multipart/form-data; boundary=x", "x"):
        for raw in turns.some([*RAW.values()], 2):
            refused_or_taken(program, where, data=raw, content_type=kind)


@pytest.mark.parametrize(("where", "name"), list(filters()))
def test_no_value_of_a_parameter_breaks_anything(
    program: APIClient, turns: Turns, where: str, name: str
) -> None:
    sent = {"data": b"phone", "content_type": "text/csv"} if where.startswith("post") else {}
    for value in turns.some(VALUES, EACH_PARAMETER):
        refused_or_taken(program, where, f"?{name}={quote(value)}", **sent)
