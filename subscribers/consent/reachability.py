"""Numbers that WhatsApp cannot reach: invalid after some days in a row, valid when it delivers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from subscribers.consent.decisions import Decision, Kind, in_chunks, lock_statuses, record
from subscribers.key_lists import Among
from subscribers.models import ConsentEvent, Status, Subscriber

UNREACHABLE_DAYS_LIMIT = 3  # separate days in a row; then the number counts as invalid
UNREACHABLE_SOURCE = "whatsapp:unreachable"
WITHDRAWN_SOURCE = "whatsapp:unreachable_withdrawn"


def report_unreachable(subscriber_ids: Collection[int], *, on: date, now: datetime) -> set[int]:
    """Count `on` as a day on which WhatsApp could not deliver; the limit makes a number INVALID.

    A day counts once, and only if it is later than the last one counted. Returns the ids that
    became INVALID; only ACTIVE subscribers do.
    """
    lost: set[int] = set()
    for chunk in in_chunks(sorted(set(subscriber_ids))):
        with transaction.atomic():
            lock_statuses(chunk)
            fresh = Subscriber.objects.filter(pk__in=chunk).filter(
                Q(unreachable_on=None) | Q(unreachable_on__lt=on)
            )
            fresh.update(unreachable_days=F("unreachable_days") + 1, unreachable_on=on)
            over = Subscriber.objects.eligible().filter(
                pk__in=chunk, unreachable_on=on, unreachable_days__gte=UNREACHABLE_DAYS_LIMIT
            )
            evidence = on.isoformat()
            decisions = [
                Decision(pk, Kind.UNREACHABLE, UNREACHABLE_SOURCE, now, evidence)
                for pk in over.values_list("pk", flat=True)
            ]
            lost |= record(decisions, now=now)
    return lost


def withdraw_day(subscriber_ids: Collection[int], *, on: date, now: datetime) -> int:
    """Take back that `on` was counted: so many could not be reached that it was not their fault.

    Numbers that became INVALID by that day are valid again. Returns how many had it counted.
    """
    withdrawn = 0
    after = now + timedelta(microseconds=1)  # the day may have been counted in the same moment
    for chunk in in_chunks(sorted(set(subscriber_ids))):
        with transaction.atomic():
            lock_statuses(chunk)
            counted = Subscriber.objects.filter(
                pk__in=chunk, unreachable_on=on, unreachable_days__gt=0
            )
            ids = list(counted.values_list("pk", flat=True))
            withdrawn += counted.update(
                unreachable_days=F("unreachable_days") - 1, unreachable_on=on - timedelta(days=1)
            )
            by_day = ConsentEvent.objects.filter(
                kind=Kind.UNREACHABLE, source=UNREACHABLE_SOURCE, evidence=on.isoformat()
            ).values("subscriber")
            invalid = Subscriber.objects.filter(pk__in=_made_invalid_by_silence(ids))
            revivals = [
                Decision(pk, Kind.RESUME, WITHDRAWN_SOURCE, after)
                for pk in invalid.filter(pk__in=by_day).values_list("pk", flat=True)
            ]
            record(revivals, now=after)
    return withdrawn


def report_reached(subscriber_ids: Collection[int], *, now: datetime) -> int:
    """Reset the unreachable days of subscribers who got a message; returns how many had any.

    A number that became INVALID by these days becomes valid; one that a file or a person marked
    INVALID stays so until an opt-in or `resume`.
    """
    reset = 0
    for chunk in in_chunks(sorted(set(subscriber_ids))):
        counted = Subscriber.objects.filter(Among("pk", chunk), unreachable_days__gt=0)
        # Nearly always empty, and then nothing is written: on SQLite writers queue.
        unreachable = list(counted.values_list("pk", flat=True))
        if unreachable:
            with transaction.atomic():
                lock_statuses(unreachable)
                reset += counted.update(unreachable_days=0)
                revivals = [
                    Decision(pk, Kind.RESUME, "whatsapp:delivered", now)
                    for pk in _made_invalid_by_silence(unreachable)
                ]
                record(revivals, now=now)
    return reset


def _made_invalid_by_silence(ids: Sequence[int]) -> list[int]:
    """Those that are INVALID only because WhatsApp could not deliver."""
    invalid = Subscriber.objects.filter(pk__in=ids, status=Status.INVALID)
    silent = ConsentEvent.objects.filter(subscriber=OuterRef("pk"), kind=Kind.UNREACHABLE)
    others = silent.exclude(source=UNREACHABLE_SOURCE)
    return list(invalid.exclude(Exists(others)).values_list("pk", flat=True))
