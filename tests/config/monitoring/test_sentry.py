"""One event per fault, not per message."""

from __future__ import annotations

from typing import Any

from config.monitoring import sentry
from config.monitoring.sentry import Faults


def test_a_fault_is_told_again_after_a_minute_and_others_at_once() -> None:
    clock = [0.0]
    faults = Faults(lambda: clock[0])

    def event(kind: str, line: int = 7) -> dict[str, Any]:
        frames = {"frames": [{"module": "x", "function": "f", "lineno": line}]}
        return {"exception": {"values": [{"type": kind, "stacktrace": frames}]}}

    assert faults.is_new(event("A"))
    assert not faults.is_new(event("A"))
    assert faults.is_new(event("B"))
    assert faults.is_new(event("A", line=8))
    clock[0] = sentry.REPEAT_SECONDS
    assert faults.is_new(event("A"))
    for odd in ({"type": "check_in"}, {}, {"exception": None}, {"exception": {"values": []}}):
        assert faults.is_new(odd)
        assert faults.is_new(odd)
