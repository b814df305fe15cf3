"""Counters of what happened so far, for tests and the demo."""

from __future__ import annotations

from collections import Counter

from sandbox.sandbox import Sandbox
from sandbox.state import Number
from sandbox.webhooks import Webhooks


def statistics(sandbox: Sandbox) -> dict[str, object]:
    """The response to GET /control/stats."""
    numbers = sandbox.world.numbers.values()
    refused = Counter(sandbox.world.unknown_number_refusals)
    for number in numbers:
        refused.update(number.refused)
    return {
        "accepted": sum(number.accepted for number in numbers),
        "refused": _by_code(refused),
        "requests": dict(sandbox.requests),
        "journal_last_seq": sandbox.journal.last_seq,
        "held": len(sandbox.held),
        "numbers": {number.id: _number(number) for number in numbers},
        "faults": {"active": len(sandbox.faults.active), "finished": len(sandbox.faults.finished)},
        "webhooks": _webhooks(sandbox.webhooks),
        "seconds_up": round(sandbox.clock.now() - sandbox.started_at, 3),
    }


def _number(number: Number) -> dict[str, object]:
    return {
        "display": number.display,
        "status": number.status,
        "quality": number.quality,
        "rate": number.rate,
        "requests": number.requests,
        "accepted": number.accepted,
        "refused": _by_code(number.refused),
        "faulted": dict(number.faulted),
        "peak_in_1_s": number.window.peak,
    }


def _webhooks(webhooks: Webhooks) -> dict[str, object]:
    counts, poster = webhooks.counts, webhooks.poster
    return {
        "planned": dict(counts.planned),
        "acknowledged": dict(counts.acknowledged),
        "pending": webhooks.pending,
        "due": webhooks.due,
        "lost": counts.lost,
        "dropped": counts.dropped,
        "duplicated": counts.duplicated,
        "reordered": counts.reordered,
        "unrouted": counts.unrouted,
        "posted": poster.posted,
        "ok": poster.ok,
        "failed": poster.failed,
        "retried": poster.retried,
        "given_up": poster.given_up,
        "answers": dict(poster.answers),
        "most_updates_in_a_post": poster.largest_updates,
    }


def _by_code(counts: Counter[int]) -> dict[str, int]:
    return {str(code): times for code, times in sorted(counts.items())}
