"""Every address of the project, with chosen values in the places of its path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

PLACE = re.compile(r"<[^>]+>|\(\?P<\w+>[^)]*\)")


def patterns(resolver: URLResolver | None = None, before: str = "/") -> Iterator[str]:
    """The path of each route; its places read `{}`."""
    for one in (resolver or get_resolver()).url_patterns:
        path = before + _written(one)
        if isinstance(one, URLResolver):
            yield from patterns(one, path)
        else:
            yield path


def _written(one: URLPattern | URLResolver) -> str:
    text = PLACE.sub("{}", str(one.pattern))
    if isinstance(one.pattern, RoutePattern):
        return text
    return re.sub(r"[\^$?]|\\Z", "", text)


def filled(path: str, value: str) -> str:
    """The path with this value, quoted, in all its places."""
    return path.replace("{}", quote(value, safe=""))
