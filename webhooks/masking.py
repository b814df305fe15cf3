"""A webhook's body as staff may see it: without phone numbers, names and messages."""

from __future__ import annotations

import json
from typing import Any

from masking.placeholders import PERSONAL
from masking.texts import mask_text as mask_text

BODY_CHARACTERS_LIMIT = 20_000
PRIVATE_KEYS = frozenset(
    (
        "name",
        "username",
        "body",
        "caption",
        "title",
        "text",
        "user_id",
        "payload",
        "from_user_id",
        "recipient_user_id",
        "first_name",
        "last_name",
        "response_json",
    )
)
_TIME_KEYS = frozenset(("timestamp", "time"))


def mask_body(raw: bytes) -> str:
    """Indented JSON with everything private masked; of other bytes only the length."""
    try:
        shown = json.dumps(_masked(json.loads(raw)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return f"{len(raw)} bytes that are not JSON"
    if len(shown) > BODY_CHARACTERS_LIMIT:
        return f"{shown[:BODY_CHARACTERS_LIMIT]}\n… ({len(raw)} bytes in all)"
    return shown


def first_line(error: BaseException) -> str:
    """An error's type and first line: a database may add the whole row that it refused."""
    return f"{type(error).__name__}: {mask_text(str(error).partition(chr(10))[0])}"[:300]


def _masked(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {mask_text(name): _masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, key) for inner in value]
    if isinstance(value, str):
        if key in PRIVATE_KEYS and value:
            return PERSONAL
        return value if key in _TIME_KEYS else mask_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and key not in _TIME_KEYS:
        return int(value) if abs(value) < 10**6 else mask_text(str(value))
    return value
