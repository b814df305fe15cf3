"""Who has a delivery, in whatever state: the undo of an import leaves them alone."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from distribution.models import Delivery


def has_delivery() -> Exists:
    """Of rows with `subscriber_id`: whether the subscriber was written to, or is to be."""
    return Exists(Delivery.objects.filter(subscriber=OuterRef("subscriber_id")))
