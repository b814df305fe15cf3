"""Erasure in two steps: messages stop at once, the details are deleted later.

Rows stay without personal details, because deliveries and consent events refer to them and must add
up. `personal_data` lists the tables; apps above register theirs there, and their objections here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q

from subscribers import phones
from subscribers.consent import decisions, erased_phones
from subscribers.consent.decisions import Decision, Kind
from subscribers.details.values import NO_DETAILS
from subscribers.identity.spellings import spellings
from subscribers.models import ErasedIdentity, Erasure, Status, Subscriber, WhatsAppIdentity
from subscribers.people import personal_data, places
from subscribers.people.traces import MIN_NAME, Person

# Given the subscriber's id and the time: why it cannot be purged yet, or an empty text.
Objection = Callable[[int, datetime], str]

SEARCH_SECONDS = 5.0  # of one purge in stored webhooks; a regular task goes on where it stopped
LONG_SEARCH_SECONDS = 240.0  # of the regular task
RUNNING_IMPORT = "A list that may contain this person is being imported. Erase them afterwards."

_objections: list[Objection] = []


class ErasureRefused(Exception):  # noqa: N818  # the word the page uses
    """It cannot be purged now; the message says why."""


def register_objection(objection: Objection) -> None:
    """Register why an app above cannot erase somebody yet. Twice is once."""
    if objection not in _objections:
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
        return "The details are already deleted."
    if erasure.subscriber.status != Status.UNSUBSCRIBED:
        return "This person subscribed again after asking to be erased. Ask them."
    objections = (object_to(erasure.subscriber_id, now) for object_to in _objections)
    if found := next((sentence for sentence in objections if sentence), ""):
        return found
    is_read = places.named_in_running_import(person_of(erasure.subscriber))
    return RUNNING_IMPORT if is_read else ""


def purge(erasure: Erasure, *, now: datetime, search_seconds: float = SEARCH_SECONDS) -> None:
    """Step two: delete name, phone, email and attributes everywhere. Raises ErasureRefused."""
    with transaction.atomic():
        held = Subscriber.objects.select_for_update(no_key=True).get(pk=erasure.subscriber_id)
        erasure.refresh_from_db()
        if why := objection(erasure, now=now):
            raise ErasureRefused(why)
        person, blank = person_of(held), phones.blank(held.pk)
        _keep_hashes(erasure, _ids_of(held))
        for place in personal_data.places():
            place.erase(person, blank)
        Subscriber.objects.filter(pk=held.pk).update(phone=blank, updated_at=now, **NO_DETAILS)
        Erasure.objects.filter(pk=erasure.pk).update(purged_at=now, searched_to=0)
    if search_seconds:
        personal_data.search_stored_bodies(now, search_seconds)


def purge_due(now: datetime) -> int:
    """Purge erasures that are ERASURE_DAYS old and have nothing in flight; returns how many."""
    old = now - timedelta(days=settings.ERASURE_DAYS)
    due = Erasure.objects.filter(asked_at__lte=old, purged_at=None).select_related("subscriber")
    done = 0
    for erasure in due:
        try:
            purge(erasure, now=now, search_seconds=0)
        except ErasureRefused:
            continue
        done += 1
    personal_data.search_stored_bodies(now, LONG_SEARCH_SECONDS)
    return done


def person_of(subscriber: Subscriber) -> Person:
    """By what texts may name somebody, and which of it others have, too."""
    ids = _ids_of(subscriber)
    own = (subscriber.name.strip(), subscriber.email.strip())
    names = tuple(name for name in own if len(name) >= MIN_NAME)
    others = Subscriber.objects.existing().exclude(pk=subscriber.pk)
    staff = get_user_model().objects
    shared = {
        name
        for name in names
        if others.filter(Q(name__istartswith=name) | Q(email__iexact=name)).exists()
        or staff.filter(Q(username__iexact=name) | Q(first_name__iexact=name)).exists()
    }
    return Person(
        subscriber.pk,
        subscriber.phone,
        frozenset(ids.phones),
        frozenset(ids.user_ids),
        names,
        frozenset(shared),
    )


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
