"""A web server's application with a download that never ends."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

from subscribers import slots, stalled_readers

stalled_readers.STALL_MILLISECONDS = 2_000
places = slots.Slots(9, 9)


def application(environ: dict[str, Any], start: Any) -> Iterable[Any]:
    if environ["PATH_INFO"] == "/long":
        start("200 OK", [("Content-Type", "text/plain")])
        return slots.Download(repeat(b"x" * 1000), places.take("caller"))
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(places.taken()).encode()]
