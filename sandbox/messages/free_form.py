"""The content of a message without a template: what must be there, of which JSON type."""

from __future__ import annotations

from typing import Any

from sandbox.formats.errors import Refusal, require
from sandbox.formats.json_types import record, text
from sandbox.messages.envelope import MEDIA_TYPES
from sandbox.templates.parameters import check_location

_TEXT_LIMIT = 4096  # characters
_MEDIA_KEYS = ("id", "link", "caption", "filename")


def check_content(kind: str, content: Any) -> str:
    """The id of the uploaded file that is sent, if any. Raises Refusal 131008 for what is missing,
    100 for another JSON type."""
    if kind in MEDIA_TYPES:
        return _file(kind, content)
    if kind == "text":
        body = _required(content, "text", "body")
        require(len(body) <= _TEXT_LIMIT, 100, f"text['body']: at most {_TEXT_LIMIT} characters.")
    elif kind == "interactive":
        _required(content, "interactive", "type")
        action = record(content.get("action"), "interactive['action']")
        require(action, 131008, "The parameter interactive['action'] is required.")
    elif kind == "reaction":
        _required(content, "reaction", "message_id")
        text(content.get("emoji"), "reaction['emoji']")
    elif kind == "location":
        check_location("location", content)
    elif not all(isinstance(contact, dict) for contact in content):
        raise Refusal(100, "Param contacts must be an array of objects.")
    return ""


def _file(kind: str, content: dict[str, Any]) -> str:
    name, link, *_ = (text(content.get(key), f"{kind}['{key}']") for key in _MEDIA_KEYS)
    require(name or link, 131008, f"{kind}: an id or a link is required.")
    return name


def _required(content: dict[str, Any], kind: str, key: str) -> str:
    value = text(content.get(key), f"{kind}['{key}']")
    require(value, 131008, f"The parameter {kind}['{key}'] is required.")
    return value
