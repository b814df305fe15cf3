"""Somebody's details corrected: what their messages are filled with, never whether they get any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from subscribers.models import Erasure, Status, Subscriber


class ErasureRequested(Exception):  # noqa: N818  # reads as what it is
    """They asked to be erased: nothing about them is written down any more."""


def change(
    subscriber_id: int, details: Mapping[str, Any], attributes: Mapping[str, str], *, now: datetime
) -> list[str]:
    """Take over these details and attributes, of which an empty one goes; the names of the fields
    that are others now. Raises ErasureRequested.
    """
    with transaction.atomic():
        person = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber_id)
        if person.status == Status.UNSUBSCRIBED and _is_to_go(person):
            raise ErasureRequested("They asked to be erased: nothing is written down about them.")
        merged = {**person.attributes, **attributes}
        after = {**details, "attributes": {name: text for name, text in merged.items() if text}}
        changed = {name: value for name, value in after.items() if getattr(person, name) != value}
        if changed:
            Subscriber.objects.filter(pk=person.pk).update(**changed, updated_at=now)
    return sorted(changed)


def _is_to_go(person: Subscriber) -> bool:
    return Erasure.objects.filter(subscriber=person).exists()
