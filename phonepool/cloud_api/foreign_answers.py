"""Answers that are not the Graph API's: of a proxy, a gateway or a captive portal on the way."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from phonepool.cloud_api.connections import Response
from phonepool.json_values import as_array, as_integer, as_object, objects_in

TOO_MANY_REQUESTS = 429
# With a page instead of Graph's JSON these come from a proxy: whether it passed the call on, nobody
# knows. A page with another status may be anybody's.
PROXY_STATUSES = (401, 403, 404, 407)
_TITLE = re.compile(rb"<title[^<>]*>(.{0,200}?)</title", re.I | re.S)
# In the order in which they are worth reading.
_NAMING_HEADERS = ("via", "proxy-agent", "proxy-status", "proxy-authenticate", "server")
MAX_NAME_CHARACTERS = 120


def is_throttling(status: int, document: Any) -> bool:
    """Whether it says "too many requests": by its status, whatever the body (RFC 6585, section 4),
    or in a list of errors."""
    if status == TOO_MANY_REQUESTS:
        return True
    errors = objects_in(as_object(document).get("errors")) + objects_in(document)
    return 400 <= status < 500 and any(
        as_integer(error.get("code")) == TOO_MANY_REQUESTS for error in errors
    )


def first_of_list(document: Any) -> Any:
    """The first element if the document is a list, else the document."""
    elements = as_array(document)
    return elements[0] if elements else document


def description(response: Response) -> str:
    """Its status and who sent it: a header field that names a program, else the page's title."""
    return f"HTTP {response.status}, {_sender(response)[:MAX_NAME_CHARACTERS]}"


def _sender(response: Response) -> str:
    for name in _NAMING_HEADERS:
        if value := response.headers.get(name, "").strip():
            return f"{name.title()}: {value}"
    if title := _TITLE.search(response.body):
        return f'page "{" ".join(unescape(title[1].decode("utf-8", "replace")).split())}"'
    return f"{response.headers.get('content-type') or 'nameless'} page"
