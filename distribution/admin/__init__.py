"""The pages of distributions in the admin, one module for each noun."""

from __future__ import annotations

from distribution.admin import (
    access,
    alerts,
    deliveries,
    distributions,
    event_subscriptions,
    people,
    pool,
    templates,
    timetable,
)
from distribution.admin.content import pages as content

__all__ = [
    "access",
    "alerts",
    "content",
    "deliveries",
    "distributions",
    "event_subscriptions",
    "people",
    "pool",
    "templates",
    "timetable",
]
