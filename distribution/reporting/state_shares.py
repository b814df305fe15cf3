"""A distribution's deliveries by state and by reason, labelled for display."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from distribution.analytics.counts import Tally
from distribution.analytics.grouped_counts import DeliveryGroup
from distribution.ledger.reasons import Explanation, explain
from distribution.models import State
from distribution.runtime.text_formats import percent

BAR_WIDTH = 1000  # units of the SVG that shows the shares side by side
DELIVERED = "DELIVERED"  # shown as a state although it is progress of an accepted delivery

# In the order of a delivery's life: (label, colour).
STATE_LABELS: dict[str, tuple[str | Promise, str]] = {
    DELIVERED: (_("Delivered"), "good"),
    State.ACCEPTED: (_("Accepted, not delivered yet"), "fair"),
    State.HELD: (_("Held back by WhatsApp"), "fair"),
    State.PENDING: (_("Waiting"), "calm"),
    State.CLAIMED: (_("Queued"), "calm"),
    State.INFLIGHT: (_("Being sent"), "calm"),
    State.RETRY_WAIT: (_("Will retry"), "warn"),
    State.UNKNOWN: (_("No answer yet"), "warn"),
    State.UNCONFIRMED: (_("Unconfirmed"), "bad"),
    State.FAILED: (_("Failed"), "bad"),
    State.SKIPPED: (_("Skipped"), "calm"),
}

# States whose reasons are listed, the worst first.
REASON_LABELS: dict[str, str | Promise] = {
    State.FAILED: _("failed"),
    State.UNCONFIRMED: _("unconfirmed"),
    State.UNKNOWN: _("no answer yet"),
    State.RETRY_WAIT: _("will retry"),
    State.SKIPPED: _("skipped"),
}


@dataclass(frozen=True, slots=True)
class StateShare:
    """Deliveries in one state; the shares of a snapshot sum to its recipients."""

    state: str
    label: str
    colour: str  # good, fair, warn, bad, calm
    count: int
    share: float  # 0..1 of the recipients
    starts: float = 0.0  # left edge in the bar, 0..BAR_WIDTH

    @property
    def percent(self) -> str:
        return percent(self.share)

    @property
    def width(self) -> float:
        return round(self.share * BAR_WIDTH, 2)


@dataclass(frozen=True, slots=True)
class FailureReason:
    """One reason why deliveries are not accepted, their number, and what helps."""

    state: str
    reason: str
    explanation: Explanation
    count: int

    @property
    def state_label(self) -> str:
        return str(REASON_LABELS[self.state])


def state_shares(groups: Iterable[DeliveryGroup]) -> list[StateShare]:
    """The audience by state, in the order of a delivery's life; empty states are left out."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[DELIVERED if group.is_delivered else group.state] += group.count
    total, shares, preceding = counts.total(), [], 0
    for state, (label, colour) in STATE_LABELS.items():
        if count := counts[state]:
            starts = round(preceding / total * BAR_WIDTH, 2)
            shares.append(StateShare(state, str(label), colour, count, count / total, starts))
            preceding += count
    return shares


def failure_reasons(tally: Tally) -> list[FailureReason]:
    """Failed, unknown, retried and left-out deliveries by reason, the commonest first."""
    states = list(REASON_LABELS)
    reasons = [
        FailureReason(state, reason, explain(reason), count)
        for state in states
        for reason, count in tally.reasons.get(State(state), Counter()).items()
    ]
    return sorted(reasons, key=lambda row: (states.index(row.state), -row.count, row.reason))
