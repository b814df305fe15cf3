"""How many wrong passwords are too many: of a name at an address, an address, the house."""

from __future__ import annotations

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_ip_address
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Q, Sum
from django.http import HttpRequest
from django.utils import timezone

# An address tries the names of a whole office, the house those of everybody: each may have so
# many times the failures of one name at one address.
ADDRESS_FACTOR, TOTAL_FACTOR = 4, 40


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # the package has no types
    """Counts in the database, so that it holds with every other service dead."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """The failures that count towards SIGN_IN_FAILURES, by whichever limit is nearest."""
        own: int = super().get_failures(request, credentials)
        recent = AccessAttempt.objects.filter(
            attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
        )
        here = Q(ip_address=get_client_ip_address(request))
        sums = recent.aggregate(
            house=Sum("failures_since_start"), address=Sum("failures_since_start", filter=here)
        )
        return max(
            own, (sums["address"] or 0) // ADDRESS_FACTOR, (sums["house"] or 0) // TOTAL_FACTOR
        )
