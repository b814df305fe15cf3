"""The numbers of WHATSAPP_PHONE_NUMBER_ID_1…3: two primaries and a backup.

The sync creates their rows, at the workers' start and every minute, before it asks Meta: they
cannot send until it has verified them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from phonepool.models import NumberState, PhoneNumber, Portfolio, Role


class Place(NamedTuple):
    """The label and the role of one of the variables, in their order."""

    label: str
    role: Role


PLACES = (
    Place("primary_1", Role.PRIMARY),
    Place("primary_2", Role.PRIMARY),
    Place("backup_1", Role.BACKUP),
)


def add_missing() -> int:
    """Creates the rows that are missing; how many. A number that is in the pool under any label is
    left as it is. Without WHATSAPP_BUSINESS_ID nobody knows whose numbers they are: none."""
    if not settings.WHATSAPP_BUSINESS_ID:
        return 0
    wanted = settings.WHATSAPP_PHONE_NUMBER_IDS
    known = set(PhoneNumber.objects.filter(meta_id__in=wanted).values_list("meta_id", flat=True))
    missing = [
        (meta_id, place)
        for meta_id, place in zip(wanted, PLACES, strict=True)
        if meta_id and meta_id not in known
    ]
    for meta_id, (label, role) in missing:
        add(meta_id, label=label, role=role, portfolio=first_portfolio())
    return len(missing)


def place_of(meta_id: str) -> Place:
    """What the variables say of a number; one that they do not name is a primary."""
    for wanted, place in zip(settings.WHATSAPP_PHONE_NUMBER_IDS, PLACES, strict=True):
        if wanted == meta_id:
            return place
    return PLACES[0]


def add(meta_id: str, *, label: str, role: Role, portfolio: Portfolio, **fields: Any) -> None:
    """Adds a number in the state that its role begins with, under a label that is free; nothing if
    another process was first."""
    backup = role == Role.BACKUP
    row = PhoneNumber(
        meta_id=meta_id,
        label=free_label(label),
        role=role,
        state=NumberState.STANDBY if backup else NumberState.ACTIVE,
        portfolio=portfolio,
        **fields,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        if not PhoneNumber.objects.filter(meta_id=meta_id).exists():
            raise


def free_label(label: str) -> str:
    """The label, or the next of its kind: `primary_1`, `primary_2`, …"""
    taken = set(PhoneNumber.objects.values_list("label", flat=True))
    stem, _, place = label.rpartition("_")
    number = int(place)
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def first_portfolio() -> Portfolio:
    """The portfolio of WHATSAPP_BUSINESS_ID. Until Meta tells its id, the account's stands in."""
    portfolio = Portfolio.objects.order_by("pk").first()
    if portfolio is not None:
        return portfolio
    return Portfolio.objects.get_or_create(business_id=settings.WHATSAPP_BUSINESS_ID)[0]
