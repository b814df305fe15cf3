"""Ids in Meta's formats: message ids and trace ids."""

from __future__ import annotations

import base64
import random

_rng = random.Random()  # seeded once by the system; faster than os.urandom per id
_OUTBOUND = b"\x15\x02\x00\x11\x18"
_INBOUND = b"\x15\x02\x00\x12\x18"


def new_wamid(phone: str, *, inbound: bool = False) -> str:
    """A message id; `phone` is digits. Never seeded: a restarted sandbox must not repeat one."""
    length = 20 if inbound else 18
    tail = f"{_rng.getrandbits(4 * length):0{length}X}".encode()
    digits = phone.encode()
    head = b"\x1c\x18" + bytes((len(digits),)) + digits
    middle = (_INBOUND if inbound else _OUTBOUND) + bytes((len(tail),))
    return "wamid." + base64.b64encode(head + middle + tail + b"\x00").decode()


def new_trace() -> str:
    """`A` and 22 url-safe characters, as in `fbtrace_id`."""
    return "A" + base64.urlsafe_b64encode(_rng.randbytes(17)).decode()[:22]
