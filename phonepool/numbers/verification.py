"""Whether Meta confirms that a number is ours: only such a number can send."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from phonepool.exceptions import CloudApiError, Rejected
from phonepool.models import PhoneNumber, Quality, RampCause
from phonepool.numbers import health, ramp_rule, ramps

MAX_ANSWER, MAX_NAME = 300, 160  # characters
MAX_DISPLAY = 20
TOKEN_CODES = (0, 190)
UNKNOWN_OBJECT = 100  # Meta's code for an id that does not exist, or that the token cannot see


def confirm(number_id: int, *, name: str, display: str, now: datetime) -> bool:
    """Meta described the number; True if it was not verified before."""
    rows = PhoneNumber.objects.filter(pk=number_id)
    told = {"verified_name": name[:MAX_NAME], "meta_answer": ""}
    rows.exclude(**told).update(**told)
    if display:
        rows.filter(display_number="").update(display_number=display[:MAX_DISPLAY])
    new = rows.filter(verified_at__isnull=True).update(verified_at=now)
    if new:
        health.record_event(number_id, "verified", name or display, now)
        ramps.warm_up(number_id, now=now)
    return bool(new)


def note_answer(number_id: int, error: CloudApiError, *, unknown: bool, now: datetime) -> None:
    """Meta did not describe the number. `unknown`: no account of ours lists it either, so that a
    refusal of its id means that it does not exist."""
    words = answer(error)
    rows = PhoneNumber.objects.filter(pk=number_id)
    rows.exclude(meta_answer=words).update(meta_answer=words)
    gone = unknown and isinstance(error, Rejected) and error.code == UNKNOWN_OBJECT
    if gone and rows.filter(verified_at__isnull=False).update(verified_at=None):
        health.record_event(number_id, "not_verified", words, now)


def reset(number: PhoneNumber) -> None:
    """Another id is another number: what Meta said of the former one does not count. Unsaved."""
    number.verified_at = number.seen_at = number.quality_at = number.rating_at = None
    number.quality, number.rating = Quality.UNKNOWN, ""
    number.verified_name = number.meta_answer = ""
    number.day, number.day_count = None, 0
    number.ramp, number.ramp_cause = ramp_rule.FULL, RampCause.NONE


def answer(error: CloudApiError) -> str:
    """What came of asking Meta, in a sentence."""
    if not isinstance(error, Rejected):
        return _("Meta could not be reached at %(address)s.") % {
            "address": settings.WHATSAPP_API_BASE
        }
    words = error.details or error.failure.slug
    if error.code in TOKEN_CODES:
        words = _("Meta refused the access token: %(words)s") % {"words": words}
    return f"{words} (code {error.code})"[:MAX_ANSWER] if error.code else words[:MAX_ANSWER]
