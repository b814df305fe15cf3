"""Parses JSON bodies with limits on size and depth; rejects what the database cannot store."""

from __future__ import annotations

from collections import Counter
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils import json

from distribution.api.http.problems import Problem
from phonepool.json_values import DEPTH_LIMIT, is_deeper_than


class LimitedJsonParser(JSONParser):
    """`application/json`, refused if larger than API_BODY_BYTES or nested deeper than 32 levels."""

    def parse(self, stream: IO[Any], *_: Any, **__: Any) -> Any:
        body = stream.read(settings.API_BODY_BYTES + 1)
        if len(body) > settings.API_BODY_BYTES:
            raise Problem(413, "too_large", "Send at most 1 MB of JSON at once.")
        return loads(body)


def loads(body: bytes) -> Any:
    """The JSON value; ParseError if it is invalid, too deep, or holds characters no text can."""
    if is_deeper_than(DEPTH_LIMIT, body):
        raise ParseError(f"The body is nested deeper than {DEPTH_LIMIT} levels. Flatten it.")
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_without_repeated_names)
        text = json.dumps(value, ensure_ascii=False)
        text.encode("utf-8")  # raises for half of a surrogate pair
    except (ValueError, RecursionError):
        raise ParseError from None
    if "\\u0000" in text:
        raise ParseError("The body contains a NUL character. Remove it.")
    return value


def _without_repeated_names(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Reject repeated names: Python uses the last value, other parsers the first."""
    unique = dict(fields)
    if len(unique) < len(fields):
        name = next(name for name, times in Counter(n for n, _ in fields).items() if times > 1)
        raise ParseError(f"The field {name[:50]!r} is in one object twice. Send it once.")
    return unique
