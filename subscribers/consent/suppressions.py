"""STOP and START from phones of no subscriber: kept, so that a later import obeys them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from subscribers.models import Suppression


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person sent from a phone: `wants` is START, not `wants` is STOP."""

    phone: str  # E.164
    wants: bool
    source: str
    evidence: str
    at: datetime


def remember(item: Preference, *, now: datetime) -> None:
    """Keep the latest preference, whatever the order they arrive in; on equal times STOP holds."""
    facts = {
        "holds": not item.wants,
        "at": min(item.at, now),  # a clock that runs ahead must not outrank the next preference
        "source": item.source[:200],
        "evidence": item.evidence[:200],
        "recorded_at": now,
    }
    row, new = Suppression.objects.get_or_create(phone=item.phone, defaults=facts)
    if not new:
        older = Q(at__lt=facts["at"])
        if not item.wants:
            older |= Q(at=facts["at"], holds=False)
        Suppression.objects.filter(older, pk=row.pk).update(**facts)


def find_suppressed(phones: Iterable[str]) -> dict[str, Suppression]:
    """Those of these phones (E.164) that said STOP, with the evidence."""
    rows = Suppression.objects.filter(phone__in=set(phones), holds=True)
    return {row.phone: row for row in rows}
