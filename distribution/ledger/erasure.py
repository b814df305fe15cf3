"""Erasure of one person's phone number from the ledger; the deliveries stay, for the sums."""

from __future__ import annotations

from datetime import datetime, timedelta

from distribution.models import Delivery, KeptAnswer, State
from distribution.models.deliveries import UNSETTLED

REPORTS_EXPECTED_FOR = timedelta(days=1)  # after acceptance


def remove_phone(subscriber_id: int, phone: str, replacement: str) -> None:
    """Replace the phone in this person's deliveries, and delete the stored API responses that
    contain it."""
    Delivery.objects.filter(subscriber_id=subscriber_id).update(phone=replacement)
    KeptAnswer.objects.filter(body__contains=phone).delete()


def objection(subscriber_id: int, now: datetime) -> str:
    """Why the phone cannot be removed yet, or an empty text: reports must still find their rows."""
    deliveries = Delivery.objects.filter(subscriber_id=subscriber_id)
    if deliveries.filter(state__in=UNSETTLED).exists():
        return "A message to this person is on its way: erase after the distribution has ended."
    recent = now - REPORTS_EXPECTED_FOR
    if deliveries.filter(state=State.ACCEPTED, accepted_at__gte=recent).exists():
        return "WhatsApp may still report on a message of the last 24 hours: erase tomorrow."
    return ""
