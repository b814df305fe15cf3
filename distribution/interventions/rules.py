"""What every intervention that sends again demands: permission, reason, the same day, a window."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from distribution.lifecycle import control
from distribution.models import Distribution
from distribution.runtime import india_time

TIME_TO_SEND = timedelta(minutes=15)  # for a distribution whose window is over


class InterventionError(Exception):
    """The intervention is not allowed; the text says why."""


def require_permission(by: User, permission: str, *, refusal: str) -> None:
    if not by.has_perm(permission):
        raise InterventionError(refusal)


def require_reason(reason: str, *, kept_with: str) -> str:
    """The reason without surrounding blanks."""
    if not reason.strip():
        raise InterventionError(_("Give a reason. It is kept with %(what)s.") % {"what": kept_with})
    return reason.strip()


def require_same_day(distribution: Distribution, now: datetime) -> None:
    if distribution.local_date != india_time.local_date(now):
        raise InterventionError(_("This is another day's message, which is no longer sent."))


def reopen(distribution_id: int, now: datetime) -> None:
    """Let the distribution send for TIME_TO_SEND at least; not when it was cancelled."""
    try:
        control.reopen(distribution_id, until=now + TIME_TO_SEND)
    except control.ControlError as error:
        raise InterventionError(str(error)) from None
