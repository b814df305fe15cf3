"""Corrections of a subscriber's details: what fills their messages, never whether they get any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from subscribers import phones
from subscribers.models import Erasure, Status, Subscriber


class ErasureRequested(Exception):  # noqa: N818  # reads as what it is
    """The subscriber is to be erased: no details are stored any more."""


def change(
    subscriber_id: int, details: Mapping[str, Any], attributes: Mapping[str, str], *, now: datetime
) -> list[str]:
    """Change these details and attributes, removing empty ones; returns the names of the fields
    that differ now. Raises ErasureRequested.
    """
    with transaction.atomic():
        person = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber_id)
        if phones.is_blank(person.phone):
            raise ErasureRequested(_("They were removed, so nothing can be recorded about them."))
        if (
            person.status == Status.UNSUBSCRIBED
            and Erasure.objects.filter(subscriber=person).exists()
        ):
            raise ErasureRequested(
                _("They asked to be erased, so nothing can be recorded about them.")
            )
        merged = {**person.attributes, **attributes}
        after = {**details, "attributes": {name: text for name, text in merged.items() if text}}
        changed = {name: value for name, value in after.items() if getattr(person, name) != value}
        if changed:
            Subscriber.objects.filter(pk=person.pk).update(**changed, updated_at=now)
    return sorted(changed)
