"""STOP and START from phones of no subscriber: kept, so that a later import obeys them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from subscribers.models import Suppression

E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def remember(
    phone: str, *, stops: bool, at: datetime, source: str, evidence: str, now: datetime
) -> None:
    """Keep the latest preference, whatever the order they arrive in; on equal times STOP holds.

    `phone` in E.164, or in WhatsApp's spelling without the plus; anything else is ignored.
    """
    e164 = f"+{phone.strip().removeprefix('+')}"
    if not E164.fullmatch(e164):
        return
    facts = {
        "holds": stops,
        "at": min(at, now),  # a clock that runs ahead must not outrank the next preference
        "source": source[:200],
        "evidence": evidence[:200],
        "recorded_at": now,
    }
    row, new = Suppression.objects.get_or_create(phone=e164, defaults=facts)
    if not new:
        older = Q(at__lt=facts["at"])
        if stops:
            older |= Q(at=facts["at"], holds=False)
        Suppression.objects.filter(older, pk=row.pk).update(**facts)


def find_suppressed(phones: Iterable[str]) -> dict[str, Suppression]:
    """Those of these phones (E.164) that said STOP, with the evidence."""
    rows = Suppression.objects.filter(phone__in=set(phones), holds=True)
    return {row.phone: row for row in rows}
