"""Meta's word on phone numbers: flagged or not, and the rating.

Notices do not name the rating that they set; the next regular reading corrects a wrong guess.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from distribution.lifecycle import control
from distribution.mirror.ordering import is_stale
from distribution.models import QualitySource
from distribution.quality import history
from phonepool.models import PhoneNumber, Quality
from phonepool.numbers import health

DOWNGRADE = "DOWNGRADE"
FLAGS = {"FLAGGED": True, "UNFLAGGED": False}
QUALITY_BY_RATING = {"GREEN": Quality.HIGH, "YELLOW": Quality.MEDIUM, "RED": Quality.LOW}
# A number in one of these cannot send; a CONNECTED one, or a new word, is left to its quality.
UNUSABLE_STATUSES = {"FLAGGED", "RESTRICTED", "BANNED", "DISCONNECTED", "DELETED", "RATE_LIMITED"}
UNUSABLE_STATUSES |= {
    "PENDING",
    "MIGRATED",
    "UNVERIFIED",
}  # not registered with us, or not any more


def find(account: str, digits: str) -> PhoneNumber | None:
    """The account's number with these digits, however our record spells it; locked."""
    rows = PhoneNumber.objects.select_for_update(of=("self",))
    if account:
        rows = rows.filter(Q(waba__meta_id=account) | Q(waba__isnull=True))
    for number in rows:
        if "".join(sign for sign in number.display_number if sign.isdigit()) == digits:
            return number
    return None


def apply_event(number: PhoneNumber, event: str, *, at: datetime, now: datetime) -> str:
    """Apply an event about a number; returns why it had no effect, or ''.

    Flag and rating each follow their own latest event, so that any order ends the same.
    """
    if event in FLAGS:
        return _apply_flag(number, FLAGS[event], at, now)
    if event == DOWNGRADE:
        return _apply_low_rating(number, at, now)
    return "number.event"


def apply_reading(number_id: int, status: str, rating: str, *, now: datetime) -> bool:
    """Take over what Meta says of a number now; True if its quality changed.

    A notice that is newer than this reading keeps its say over flag or rating.
    """
    with transaction.atomic():
        number = PhoneNumber.objects.select_for_update(of=("self",)).get(pk=number_id)
        quality = quality_of(status, rating)
        read = QUALITY_BY_RATING.get(rating.upper(), Quality.UNKNOWN)
        if is_stale(now, number.rating_at, None, bad=False):
            read = Quality(number.rating or read)
            quality = quality if quality == Quality.FLAGGED else read
        if is_stale(now, number.flag_at, None, bad=False):
            was_flagged = number.quality == Quality.FLAGGED
            quality = Quality.FLAGGED if was_flagged else read
        PhoneNumber.objects.filter(pk=number_id).update(rating=read, seen_at=now)
        return _apply(number, quality, QualitySource.POLL, at=now)


def quality_of(status: str, rating: str) -> Quality:
    """Our quality for Meta's status and rating: a number that cannot send counts as FLAGGED."""
    if status.upper() in UNUSABLE_STATUSES:
        return Quality.FLAGGED
    return QUALITY_BY_RATING.get(rating.upper(), Quality.UNKNOWN)


def _apply_flag(number: PhoneNumber, flagged: bool, at: datetime, now: datetime) -> str:
    better = not flagged and number.quality == Quality.FLAGGED
    if is_stale(at, number.flag_at, number.seen_at, bad=flagged, better=better):
        return "number.stale"
    # What it was before comes back with the flag's end, however the two are ordered.
    rating = number.rating or ("" if number.quality == Quality.FLAGGED else number.quality)
    PhoneNumber.objects.filter(pk=number.pk).update(flag_at=at, rating=rating)
    if not flagged and number.quality != Quality.FLAGGED:
        return "number.quality_known"
    quality = Quality.FLAGGED if flagged else Quality(number.rating or Quality.MEDIUM)
    if _apply(number, quality, QualitySource.WEBHOOK, at=at) and flagged:
        control.wake_all_backups(now)
    return ""


def _apply_low_rating(number: PhoneNumber, at: datetime, now: datetime) -> str:
    if is_stale(at, number.rating_at, number.seen_at, bad=True):
        return "number.stale"
    PhoneNumber.objects.filter(pk=number.pk).update(rating=Quality.LOW, rating_at=at)
    if number.quality == Quality.FLAGGED:
        return "number.quality_known"
    if _apply(number, Quality.LOW, QualitySource.WEBHOOK, at=at):
        control.wake_all_backups(now)
    return ""


def _apply(number: PhoneNumber, quality: Quality, source: QualitySource, *, at: datetime) -> bool:
    """Take over the quality, with its history; True if it changed."""
    if not health.apply_quality(number.pk, quality, now=at):
        return False
    history.note_number(number, number.quality, quality, source, at=at)
    return True
