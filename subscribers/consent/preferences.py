"""STOP and START from phones, known or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from subscribers.consent import suppressions
from subscribers.consent.decisions import Decision, in_chunks, record
from subscribers.models import ConsentEvent, Subscriber

Kind = ConsentEvent.Kind


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person sent from a phone: `wants` is START, not `wants` is STOP."""

    phone: str  # E.164, or WhatsApp's spelling without the plus
    wants: bool
    source: str
    evidence: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PreferenceReport:
    """How many subscribers changed status, how many did not, and which phones are unknown."""

    changed: int
    unchanged: int
    unknown: tuple[str, ...]  # as they came: mask before showing


def apply_preferences(items: Sequence[Preference], *, now: datetime) -> PreferenceReport:
    """Many STOP and START at once, in any order.

    Unknown phones are returned, and their suppressions kept until a subscriber has the phone.
    """
    changed: set[int] = set()
    known: set[int] = set()
    unknown: list[str] = []
    for chunk in in_chunks(items):
        ids = _ids_by_phone(chunk)
        decisions = [_as_decision(item, ids[item.phone]) for item in chunk if item.phone in ids]
        for item in (item for item in chunk if item.phone not in ids):
            unknown.append(item.phone)
            suppressions.remember(
                item.phone,
                stops=not item.wants,
                at=item.at,
                source=item.source,
                evidence=item.evidence,
                now=now,
            )
        known |= set(ids.values())
        changed |= record(decisions, now=now)
    return PreferenceReport(len(changed), len(known - changed), tuple(unknown))


def _ids_by_phone(items: Sequence[Preference]) -> dict[str, int]:
    """Subscriber ids by the phones as the items spell them."""
    spelled = {item.phone: f"+{item.phone.strip().removeprefix('+')}" for item in items}
    known = Subscriber.objects.filter(phone__in=set(spelled.values()))
    ids = dict(known.values_list("phone", "pk"))
    return {spelling: ids[e164] for spelling, e164 in spelled.items() if e164 in ids}


def _as_decision(item: Preference, subscriber_id: int) -> Decision:
    kind = Kind.OPT_IN if item.wants else Kind.OPT_OUT
    return Decision(subscriber_id, kind, item.source, item.at, item.evidence)
