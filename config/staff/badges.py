"""Counts beside entries of the sidebar: what waits for somebody.

Three small counts over open rows, none beyond a hundred. A failure shows no badge and breaks no
page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone

from distribution.interventions import unconfirmed
from distribution.models import Alert, Content, ContentState, Distribution
from distribution.runtime import india_time

log = logging.getLogger(__name__)

SHOWN_LIMIT = 99  # "99+" beyond
UNCONFIRMED_DAYS = 7  # whose unconfirmed deliveries are counted


def review_waiting(request: HttpRequest) -> str:
    """Contents that wait for a decision."""
    return _badge(request, "distribution.view_content", _submitted)


def open_alerts(request: HttpRequest) -> str:
    """Alerts that are open, acknowledged ones included."""
    return _badge(request, "distribution.view_alert", _open)


def unconfirmed_deliveries(request: HttpRequest) -> str:
    """Deliveries of the last days on which a person has to decide."""
    return _badge(request, "distribution.view_delivery", _unconfirmed)


def _badge(request: HttpRequest, permission: str, count: Callable[[], int]) -> str:
    try:
        if not request.user.has_perm(permission):
            return ""
        found = count()
    except DatabaseError as error:
        log.warning("a badge could not be counted: %s", type(error).__name__)
        return ""
    return f"{SHOWN_LIMIT}+" if found > SHOWN_LIMIT else str(found or "")


def _submitted() -> int:
    return Content.objects.filter(state=ContentState.SUBMITTED)[: SHOWN_LIMIT + 1].count()


def _open() -> int:
    return Alert.objects.filter(closed_at=None)[: SHOWN_LIMIT + 1].count()


def _unconfirmed() -> int:
    since = india_time.local_date(timezone.now()) - timedelta(days=UNCONFIRMED_DAYS)
    lately = Distribution.objects.filter(local_date__gte=since).values_list("pk", flat=True)
    rows = unconfirmed.listed().filter(distribution__in=list(lately))
    return rows.order_by()[: SHOWN_LIMIT + 1].count()
