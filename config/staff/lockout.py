"""Limits on failed sign-ins that an outsider cannot turn against the staff.

After OWASP's device-cookie protocol (Slow Down Online Guessing Attacks with Device Cookies): a
browser in which somebody signed in before carries a cookie and is counted by itself, so that no
failure elsewhere, however many, keeps that person out. For other browsers it counts

- what failed for the name from the address, against SIGN_IN_FAILURES,
- what failed from the address for all names, against ADDRESS_FACTOR times as many, and
- what failed for the name, or in total, from all addresses: that refuses nobody. Beyond
  NAME_FACTOR or TOTAL_FACTOR times as many, an address that has failed has no second try, and one
  that has not still has its first. The right password from there is accepted at any time.

An address is a single IPv4 address or an IPv6 network of 64 bits, which one machine has.
"""

from __future__ import annotations

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from config.staff import known_devices

# How many times SIGN_IN_FAILURES: an address may belong to a whole office.
ADDRESS_FACTOR, NAME_FACTOR, TOTAL_FACTOR = 4, 4, 40


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # the package has no types
    """Counts in the database, so that locking works without the broker."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Failures to compare with SIGN_IN_FAILURES: those of the limit that is nearest."""
        name = get_client_username(request, credentials)
        recent = AccessAttempt.objects.filter(
            attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
        )
        if device := known_devices.device_of(request, name):
            return _total(recent.filter(username=name, user_agent=device))
        unknown = recent.exclude(user_agent__startswith=known_devices.PREFIX)
        here, named = Q(ip_address=request.axes_ip_address), Q(username=name)  # type: ignore[attr-defined]
        sums = unknown.aggregate(
            own=Sum("failures_since_start", filter=here & named),
            address=Sum("failures_since_start", filter=here),
            name=Sum("failures_since_start", filter=named),
            total=Sum("failures_since_start"),
        )
        return nearest({what: count or 0 for what, count in sums.items()})

    def is_allowed(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        request.refused_unseen = not super().is_allowed(request, credentials)
        return not request.refused_unseen

    def user_login_failed(
        self, sender: object, credentials: dict[str, Any], request: Any = None, **more: Any
    ) -> None:
        name = get_client_username(request, credentials) if request is not None else ""
        if device := known_devices.device_of(request, name):
            request.axes_user_agent = device  # counted by itself
        super().user_login_failed(sender, credentials, request, **more)


def nearest(failures: dict[str, int]) -> int:
    """The count of the limit that is nearest, on the scale of SIGN_IN_FAILURES.

    `failures` of `own` (name and address), `address`, `name` and `total`.
    """
    limit = settings.AXES_FAILURE_LIMIT
    is_attacked = (
        failures["name"] >= NAME_FACTOR * limit or failures["total"] >= TOTAL_FACTOR * limit
    )
    if is_attacked and failures["address"]:
        return int(limit)
    return max(failures["own"], failures["address"] // ADDRESS_FACTOR)


def _total(rows: Any) -> int:
    return int(rows.aggregate(total=Sum("failures_since_start"))["total"] or 0)
