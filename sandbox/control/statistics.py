"""Counters of what happened so far, for tests and the demo."""

from __future__ import annotations

from collections import Counter

from sandbox.sandbox import Sandbox
from sandbox.world.accounts import Number


def statistics(sandbox: Sandbox) -> dict[str, object]:
    """The response to GET /control/stats."""
    numbers = sandbox.world.numbers.values()
    refused = Counter(sandbox.world.unknown_number_refusals)
    for number in numbers:
        refused.update(number.refused)
    return {
        "accepted": sum(number.accepted for number in numbers),
        "refused": refused,
        "requests": sandbox.requests,
        "journal_last_seq": sandbox.journal.last_seq,
        "held": len(sandbox.pacing.held),
        "replay_left_out": sandbox.replay.left_out,
        "numbers": {number.id: _number(number) for number in numbers},
        "faults": {"active": len(sandbox.faults.active), "finished": len(sandbox.faults.finished)},
        "webhooks": {
            **vars(sandbox.webhooks.counts),
            "pending": sandbox.webhooks.pending,
            "due": sandbox.webhooks.due,
        },
        "seconds_up": round(sandbox.clock.now() - sandbox.started_at, 3),
    }


def _number(number: Number) -> dict[str, object]:
    shown = ("display", "status", "quality", "rate", "requests", "accepted", "refused", "faulted")
    return {key: getattr(number, key) for key in shown} | {"peak_in_1_s": number.window.peak}
