"""Erasure in two steps: messages stop at once, the details are deleted later.

Rows stay without personal details, because deliveries and consent events refer to them and must add
up. Apps above that hold copies of a phone register here how to erase theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from subscribers import phones
from subscribers.consent import decisions, erased_phones
from subscribers.consent.decisions import Decision, Kind
from subscribers.details.values import NO_DETAILS
from subscribers.identity.spellings import spellings
from subscribers.models import (
    ErasedIdentity,
    Erasure,
    Status,
    Subscriber,
    Suppression,
    WhatsAppIdentity,
)

# Given the subscriber's id, the phone and its replacement.
Forget = Callable[[int, str, str], None]
# Given the subscriber's id and the time: why it cannot be purged yet, or an empty text.
Objection = Callable[[int, datetime], str]

_forget: list[Forget] = []
_objections: list[Objection] = []


class ErasureRefused(Exception):  # noqa: N818  # the word the page uses
    """It cannot be purged now; the message says why."""


def register_copies(forget: Forget, objection: Objection) -> None:
    """Register how an app above erases a phone, and why it cannot yet. Twice is once."""
    if forget not in _forget:
        _forget.append(forget)
        _objections.append(objection)


def request_erasure(subscriber: Subscriber, *, reason: str, by: str, now: datetime) -> Erasure:
    """Step one: send no more, and keep the hash by which later files are checked."""
    with transaction.atomic():
        erasure, _ = Erasure.objects.get_or_create(
            subscriber=subscriber,
            defaults={
                "phone_hash": erased_phones.phone_hash(subscriber.phone),
                "reason": reason[:200],
                "asked_by": by[:150],
                "asked_at": now,
            },
        )
        _keep_hashes(erasure, _ids_of(subscriber))
        withdrawal = Decision(subscriber.pk, Kind.OPT_OUT, "erasure", now, actor=by)
        decisions.record([withdrawal], now=now)
    return erasure


def objection(erasure: Erasure, *, now: datetime) -> str:
    """Why the details cannot be deleted yet, as a sentence; empty when they can."""
    if erasure.purged_at is not None:
        return "The details are gone already."
    if erasure.subscriber.status != Status.UNSUBSCRIBED:
        return "The person subscribed again after asking to be erased: ask them."
    objections = (object_to(erasure.subscriber_id, now) for object_to in _objections)
    return next((sentence for sentence in objections if sentence), "")


def purge(erasure: Erasure, *, now: datetime) -> None:
    """Step two: delete name, phone, email and attributes everywhere. Raises ErasureRefused."""
    with transaction.atomic():
        held = Subscriber.objects.select_for_update(no_key=True).get(pk=erasure.subscriber_id)
        erasure.refresh_from_db()
        if why := objection(erasure, now=now):
            raise ErasureRefused(why)
        blank = phones.blank(held.pk)
        for forget in _forget:
            forget(held.pk, held.phone, blank)
        ids = _ids_of(held)
        _keep_hashes(erasure, ids)
        Suppression.objects.filter(Q(phone__in=ids.phones) | Q(user_id__in=ids.user_ids)).delete()
        WhatsAppIdentity.objects.filter(subscriber=held).delete()
        Subscriber.objects.filter(pk=held.pk).update(phone=blank, updated_at=now, **NO_DETAILS)
        Erasure.objects.filter(pk=erasure.pk).update(purged_at=now)


def purge_due(now: datetime) -> int:
    """Purge erasures that are ERASURE_DAYS old and have nothing in flight; returns how many."""
    old = now - timedelta(days=settings.ERASURE_DAYS)
    due = Erasure.objects.filter(asked_at__lte=old, purged_at=None).select_related("subscriber")
    done = 0
    for erasure in due:
        try:
            purge(erasure, now=now)
        except ErasureRefused:
            continue
        done += 1
    return done


class _Ids(NamedTuple):
    """By what WhatsApp names a person."""

    phones: set[str]  # E.164: every spelling
    wa_ids: set[str]
    user_ids: set[str]


def _ids_of(subscriber: Subscriber) -> _Ids:
    rows = WhatsAppIdentity.objects.filter(subscriber=subscriber)
    told = list(rows.values_list("wa_id", "user_id", "moved_user_id"))
    wa_ids = {wa_id for wa_id, _, _ in told if wa_id}
    user_ids = {user_id for _, *both in told for user_id in both if user_id}
    phones = {*spellings(subscriber.phone), *(f"+{wa_id}" for wa_id in wa_ids)}
    return _Ids(phones, wa_ids, user_ids)


def _keep_hashes(erasure: Erasure, ids: _Ids) -> None:
    """Keep the hashes by which WhatsApp's names of the person are recognised, too."""
    hashes = erased_phones.identity_hashes(ids.wa_ids, ids.user_ids)
    ErasedIdentity.objects.bulk_create(
        [ErasedIdentity(erasure=erasure, identity_hash=digest) for digest in sorted(hashes)],
        ignore_conflicts=True,
    )
