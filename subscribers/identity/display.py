"""What WhatsApp calls a subscriber, as pages, answers and files show it: masked, or in full."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from masking.phones import mask_phone
from masking.user_ids import mask_user_id
from subscribers.models import Subscriber, WhatsAppIdentity


class ShownIdentity(NamedTuple):
    """One row of what is known; '' for what is not."""

    portfolio_id: str
    wa_id: str
    user_id: str
    moved_user_id: str
    seen_at: datetime
    moved_at: datetime | None


def identities_of(person: Subscriber, *, in_full: bool) -> list[ShownIdentity]:
    """What WhatsApp calls the person in each portfolio, the latest first."""
    rows: Iterable[WhatsAppIdentity] = person.identities.all()  # perhaps prefetched
    latest = sorted(rows, key=lambda row: (row.seen_at, row.pk), reverse=True)
    return [
        ShownIdentity(
            row.portfolio_id,
            row.wa_id if in_full or not row.wa_id else mask_phone(row.wa_id),
            _user_id(row.user_id, in_full),
            _user_id(row.moved_user_id, in_full),
            row.seen_at,
            row.moved_at,
        )
        for row in latest
    ]


def _user_id(user_id: str, in_full: bool) -> str:
    return user_id if in_full or not user_id else mask_user_id(user_id)
