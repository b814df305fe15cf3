"""What the read-only checks of a preflight look at."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from config.monitoring import health
from config.setup import facts as setup_facts
from config.setup import time_limits
from config.setup.facts import Facts as SetupFacts
from config.setup.time_limits import Missing as MissingLimits
from distribution.content import eligible_numbers
from distribution.lifecycle import preflight as opening
from distribution.lifecycle.preflight import Preflight as OpeningChecks
from distribution.models import Distribution
from phonepool.models import PhoneNumber


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it at one moment."""

    setup: SetupFacts
    distribution: Distribution | None  # the next one
    opening: OpeningChecks | None  # its checks, content and plan
    health: Sequence[health.Check]
    numbers: Sequence[PhoneNumber]  # in service
    out_of_service: Sequence[PhoneNumber]
    without_file: Sequence[str]  # labels of those that lack a fresh copy of the content's file
    disk_free: float  # share, 0..1
    missing_limits: MissingLimits | None  # of the database's time

    @property
    def now(self) -> datetime:
        return self.setup.now


def read(now: datetime) -> Facts:
    """Ask Meta and the other processes, then read a few small tables."""
    told = setup_facts.read(now)
    checks = health.report().checks
    upcoming = told.next_due
    checked = opening.check(upcoming, now=now) if upcoming else None
    rows = list(PhoneNumber.objects.select_related("portfolio").order_by("label"))
    numbers = [row for row in rows if row.can_send]
    usage = shutil.disk_usage(settings.VAR_DIR)
    return Facts(
        setup=told,
        distribution=upcoming,
        opening=checked,
        health=checks,
        numbers=numbers,
        out_of_service=[row for row in rows if not row.can_send],
        without_file=_without_file(upcoming, checked, numbers),
        disk_free=usage.free / usage.total,
        missing_limits=time_limits.missing(connection),
    )


def _without_file(
    upcoming: Distribution | None, checked: OpeningChecks | None, numbers: Sequence[PhoneNumber]
) -> list[str]:
    content = checked.sent if checked else None
    if upcoming is None or content is None or not content.media.get("id"):
        return []
    found = eligible_numbers.for_content(content, upcoming.local_date)
    return [row.label for row in numbers if found.media_ids and row.pk not in found.media_ids]
