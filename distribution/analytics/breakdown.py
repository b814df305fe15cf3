"""Figures of a range of days by one dimension, read from the rollups, never counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.db.models import Sum

from distribution.analytics import rollups
from distribution.analytics.counts import TIER_RANKS
from distribution.models import MessageTemplate
from distribution.models.rollups import Outcome
from distribution.runtime.caches import StampedCache
from phonepool.models import PhoneNumber

Key = str | None


class Dimension(StrEnum):
    """What figures can be grouped by."""

    DAY = "day"
    TIER = "tier"
    NUMBER = "number"
    TEMPLATE = "template"
    HOUR = "hour"
    LANGUAGE = "language"


sums: StampedCache[list[tuple[Any, ...]]] = StampedCache(seconds=12 * 3600)
COLUMNS = {Dimension.NUMBER: "number_id", Dimension.TEMPLATE: "message_template_id"}


@dataclass(slots=True)
class Figures:
    """Deliveries with one value of a dimension. The outcomes add up to the recipients."""

    key: Key  # None: by hour or number, those that were never accepted or called
    label: str
    recipients: int = 0
    accepted: int = 0
    delivered: int = 0  # of accepted
    read: int = 0  # of delivered
    failed: int = 0
    skipped: int = 0
    unconfirmed: int = 0
    waiting: int = 0
    failures: dict[str, int] = field(default_factory=dict)  # by reason
    skips: dict[str, int] = field(default_factory=dict)  # by reason

    def add(self, outcome: str, reason: str, count: int, delivered: int, read: int) -> None:
        self.recipients += count
        self.delivered += delivered
        self.read += read
        setattr(self, outcome, getattr(self, outcome) + count)
        if outcome == Outcome.FAILED:
            self.failures[reason] = self.failures.get(reason, 0) + count
        elif outcome == Outcome.SKIPPED:
            self.skips[reason] = self.skips.get(reason, 0) + count


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The figures of some days."""

    as_of: datetime | None  # when they were counted last; None: never
    behind: int  # distributions that are running, or have changed since they were counted
    rows: list[Figures]
    total: Figures


def break_down(start: date, end: date, by: Dimension) -> Breakdown:
    """The figures from `start` to `end`, both included; a handful of queries on small tables."""
    by_value: dict[object, Figures] = {}
    total = Figures(None, "total")
    for value, outcome, reason, *counts in _sums(start, end, by):
        if value not in by_value:
            key = None if value is None else str(value)
            by_value[value] = Figures(key, key or "none")
        by_value[value].add(outcome, reason, *counts)
        total.add(outcome, reason, *counts)
    labels = _labels(by)
    for figures in by_value.values():
        figures.label = labels.get(figures.key, figures.label)
    as_of, behind = rollups.as_of(start, end)
    return Breakdown(as_of, behind, _sorted(by_value, by), total)


def _sums(start: date, end: date, by: Dimension) -> list[tuple[Any, ...]]:
    """(key, outcome, reason, count, delivered, read), cached until a day is counted again."""
    column = COLUMNS.get(by, by.value)
    alike = rollups.stored(start, end).values_list(column, "outcome", "reason")
    return sums.get(
        (start, end, by),
        stamp=rollups.stamp(start, end),
        make=lambda: list(alike.annotate(Sum("count"), Sum("delivered"), Sum("read"))),
    )


def _labels(by: Dimension) -> Mapping[Key, str]:
    if by is Dimension.NUMBER:
        return {str(pk): label for pk, label in PhoneNumber.objects.values_list("pk", "label")}
    if by is Dimension.TEMPLATE:
        rows = MessageTemplate.objects.values_list("pk", "name", "language")
        return {str(pk): f"{name} ({language})" for pk, name, language in rows}
    return {}


def _sorted(by_value: Mapping[object, Figures], by: Dimension) -> list[Figures]:
    """Days, hours and names in their order, first tiers first, those without one last."""

    def place(value: object) -> tuple[bool, float, str]:
        rank = TIER_RANKS.get(str(value), 0) if by is Dimension.TIER else 0
        number = float(value) if isinstance(value, int) else float(rank)
        return value is None, number, str(value)

    return [by_value[value] for value in sorted(by_value, key=place)]
