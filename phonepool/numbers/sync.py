"""Reads the state of our numbers from Meta, because its webhooks may be late or lost."""

from __future__ import annotations

import logging
from datetime import datetime

from phonepool.cloud_api.client import CloudApi
from phonepool.exceptions import CloudApiError
from phonepool.models import PhoneNumber, Quality
from phonepool.numbers import health

log = logging.getLogger(__name__)

QUALITY_BY_RATING = {"GREEN": Quality.HIGH, "YELLOW": Quality.MEDIUM, "RED": Quality.LOW}
# A number in one of these cannot send; a CONNECTED one, or a new word, is left to its quality.
UNUSABLE_STATUSES = {"FLAGGED", "RESTRICTED", "BANNED", "DISCONNECTED", "DELETED", "RATE_LIMITED"}
UNUSABLE_STATUSES |= {
    "PENDING",
    "MIGRATED",
    "UNVERIFIED",
}  # not registered with us, or not any more


def sync(api: CloudApi, *, now: datetime) -> int:
    """Reads every number's state at Meta; how many changed. Unreadable numbers are skipped."""
    changed, seen_ids = 0, []
    for number in PhoneNumber.objects.all():
        try:
            facts = api.phone_number(number.meta_id)
        except CloudApiError as error:
            log.warning("phone number %s could not be read: %s", number.label, error)
            continue
        seen_ids.append(number.pk)
        changed += health.apply_quality(
            number.pk, quality_of(facts.status, facts.quality_rating), now=now
        )
    PhoneNumber.objects.filter(pk__in=seen_ids).update(seen_at=now)
    return changed


def quality_of(status: str, rating: str) -> Quality:
    """Our quality for Meta's status and rating: a number that cannot send counts as FLAGGED."""
    if status.upper() in UNUSABLE_STATUSES:
        return Quality.FLAGGED
    return QUALITY_BY_RATING.get(rating.upper(), Quality.UNKNOWN)
