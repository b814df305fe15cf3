"""JSON without blanks, ASCII only, other characters as escapes with lower-case hex.

What is written for every message is put together from `quoted` texts: that costs a tenth of
encoding an object, and the sandbox must never be what a test waits for.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quoted

__all__ = ["compact", "compact_bytes", "quoted"]

compact = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def compact_bytes(value: object) -> bytes:
    """Any JSON value as bytes."""
    return compact(value).encode()
