"""Limits on failed sign-ins: of a name at an address, of an address, and in total."""

from __future__ import annotations

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_ip_address
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Q, Sum
from django.http import HttpRequest
from django.utils import timezone

# An address may belong to a whole office, and the total counts all users: how many times the
# failures allowed for one name at one address.
ADDRESS_FACTOR, TOTAL_FACTOR = 4, 40


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # the package has no types
    """Counts in the database, so that locking works without the broker."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Failures to compare with SIGN_IN_FAILURES: those of the limit that is nearest."""
        own_failures: int = super().get_failures(request, credentials)
        recent = AccessAttempt.objects.filter(
            attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
        )
        same_address = Q(ip_address=get_client_ip_address(request))
        sums = recent.aggregate(
            total=Sum("failures_since_start"),
            address=Sum("failures_since_start", filter=same_address),
        )
        return max(
            own_failures,
            (sums["address"] or 0) // ADDRESS_FACTOR,
            (sums["total"] or 0) // TOTAL_FACTOR,
        )
