"""What a watcher outside is told of the daily distribution: begun, ended well or badly.

By HEARTBEAT_URL_MORNING and as check-ins of Sentry's crons. Called in the transaction of the
change, it is told once, after the commit, by who made the change.
"""

from __future__ import annotations

import logging
from functools import partial

from django.conf import settings
from django.db import transaction

from distribution.dead_man import pings

log = logging.getLogger(__name__)

MONITOR = "daybreak-daily-distribution"
BEGUN, MET, FAILED = "begun", "met", "failed"
SIGNALS = {BEGUN: pings.START, MET: pings.SUCCESS, FAILED: pings.FAIL}
STATUSES = {BEGUN: "in_progress", MET: "ok", FAILED: "error"}
MARGIN_MINUTES, FAILURES_TOLD = 2, 1


def tell(distribution_id: int, result: str) -> None:
    """Tell it once this transaction is committed."""
    if settings.HEARTBEAT_URL_MORNING or settings.SENTRY_DSN:
        transaction.on_commit(partial(_tell, distribution_id, result), robust=True)


def _tell(distribution_id: int, result: str) -> None:
    run = pings.run_id(distribution_id)
    pings.ping(settings.HEARTBEAT_URL_MORNING, SIGNALS[result], run=run)
    if settings.SENTRY_DSN:
        _check_in(run.hex, STATUSES[result])


def _check_in(check_in_id: str, status: str) -> None:
    """Handed to the SDK's own thread, which sends it."""
    from sentry_sdk.crons import capture_checkin  # takes half a second

    capture_checkin(
        monitor_slug=MONITOR,
        check_in_id=check_in_id,
        status=status,
        monitor_config={
            "schedule": {
                "type": "crontab",
                "value": f"{settings.DAILY_TIME.minute} {settings.DAILY_TIME.hour} * * *",
            },
            "timezone": settings.TIME_ZONE,
            "checkin_margin": MARGIN_MINUTES,
            "max_runtime": settings.SENDING_WINDOW_SECONDS // 60 + MARGIN_MINUTES,
            "failure_issue_threshold": FAILURES_TOLD,
            "recovery_threshold": 1,
        },
    )
