"""The pages of distributions in the admin, one module for each noun."""

from __future__ import annotations

from distribution.admin import (
    alerts,
    content,
    deliveries,
    distributions,
    outgoing,
    people,
    pool,
    templates,
    timetable,
)

__all__ = [
    "alerts",
    "content",
    "deliveries",
    "distributions",
    "outgoing",
    "people",
    "pool",
    "templates",
    "timetable",
]
