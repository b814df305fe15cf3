"""People who told WhatsApp of a new number: noted on their identity; consent does not move."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from subscribers.models import Status, Subscriber, WhatsAppIdentity


def note(
    subscriber_id: int, portfolio_id: str, *, new_user_id: str, at: datetime, now: datetime
) -> None:
    """Note the latest move, whatever the order in which they are told."""
    at = min(at, now)
    row, _ = WhatsAppIdentity.objects.get_or_create(
        subscriber_id=subscriber_id, portfolio_id=portfolio_id, defaults={"seen_at": at}
    )
    before = Q(moved_at=None) | Q(moved_at__lt=at)
    WhatsAppIdentity.objects.filter(before, pk=row.pk).update(
        moved_at=at, moved_user_id=new_user_id
    )


def still_written_to(since: datetime) -> list[str]:
    """The phones of those who moved since then and still get messages on the old number."""
    people = Subscriber.objects.filter(
        status=Status.ACTIVE, identities__moved_at__gte=since
    ).distinct()
    return list(people.order_by("pk").values_list("phone", flat=True))
