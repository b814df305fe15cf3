"""STOP and START of nobody we know: kept, so that an import or a later introduction obeys them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from subscribers.consent import erased_phones
from subscribers.identity.matching import Contact
from subscribers.identity.spellings import spellings
from subscribers.models import Suppression


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person sent: `wants` is START, not `wants` is STOP. Phone or user id may be ''."""

    phone: str  # E.164
    wants: bool
    source: str
    evidence: str
    at: datetime
    user_id: str = ""
    portfolio_id: str = ""  # of the user id

    @property
    def contact(self) -> Contact:
        return Contact(self.phone, self.user_id, self.portfolio_id)


def remember(item: Preference, *, now: datetime) -> None:
    """Keep the latest preference, whatever the order they arrive in; on equal times STOP holds.

    By the phone if WhatsApp told it, else by the user id. Of erased people nothing is kept that
    names them, unless their START brings them back.
    """
    if erased_phones.stop_or_refuse(
        item.phone, item.user_id, wants=item.wants, at=item.at, now=now
    ):
        return
    facts = {
        "holds": not item.wants,
        "at": min(item.at, now),  # a clock that runs ahead must not outrank the next preference
        "source": item.source[:200],
        "evidence": item.evidence[:200],
        "recorded_at": now,
    }
    row, new = Suppression.objects.get_or_create(**_key(item), defaults=facts)
    if not new:
        older = Q(at__lt=facts["at"])
        if not item.wants:
            older |= Q(at=facts["at"], holds=False)
        Suppression.objects.filter(older, pk=row.pk).update(**facts)


def _key(item: Preference) -> dict[str, Any]:
    if item.phone:
        return {"phone": item.phone}
    return {"user_id": item.user_id, "portfolio_id": item.portfolio_id}


def find_suppressed(phones: Iterable[str]) -> dict[str, Suppression]:
    """Those of these phones (E.164) that said STOP in any spelling, with the evidence."""
    asked = {phone: spellings(phone) for phone in phones}
    rows = Suppression.objects.filter(
        phone__in={spelling for its_spellings in asked.values() for spelling in its_spellings}
    )
    said = {row.phone: row for row in rows}
    latest = {
        phone: max(
            (said[spelling] for spelling in its_spellings if spelling in said),
            key=lambda row: (row.at, row.holds),
            default=None,
        )
        for phone, its_spellings in asked.items()
    }
    return {phone: row for phone, row in latest.items() if row is not None and row.holds}


def unmatched_stops(since: datetime) -> int:
    """How many STOPs since then name their person by a user id only; erased people are out."""
    rows = Suppression.objects.filter(holds=True, at__gte=since).exclude(user_id=None)
    user_ids = list(rows.values_list("user_id", flat=True))
    erased = erased_phones.find_erased_user_ids(user_id for user_id in user_ids if user_id)
    return sum(user_id not in erased for user_id in user_ids)
