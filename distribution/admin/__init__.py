"""The admin's pages of distributions, content, the pool and people; importing registers them."""

from __future__ import annotations

from distribution.admin import (
    access,
    alert_channels,
    alert_routes,
    alerts,
    content,
    costs,
    distributions,
    event_subscriptions,
    notifications,
    people,
    pool,
    rotation,
    template_drafts,
    timetable,
)

__all__ = [
    "access",
    "alert_channels",
    "alert_routes",
    "alerts",
    "content",
    "costs",
    "distributions",
    "event_subscriptions",
    "notifications",
    "people",
    "pool",
    "rotation",
    "template_drafts",
    "timetable",
]
