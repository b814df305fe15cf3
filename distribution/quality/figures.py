"""The stored signals as rates: of each template and number, over the windows of the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import F, QuerySet, Sum

from distribution.models import DailySignals
from distribution.quality import rules
from distribution.quality.rules import Counts, Rate

DAYS_READ = 21  # the mornings that the rules look at, with days without one between them
HARD = F("stop_words") + F("stops") + F("refusals")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of one template or number."""

    windows: list[tuple[int, Rate]]  # mornings, and the rate over them
    days: list[Counts]  # the latest first
    counted: bool  # whether any morning was counted

    @property
    def read_share(self) -> float | None:
        delivered = sum(day.delivered for day in self.days[: rules.LONG_WINDOW])
        read = sum(day.read for day in self.days[: rules.LONG_WINDOW])
        return read / delivered if delivered else None


def by_template(templates: Collection[int], *, until: date) -> dict[int, list[Counts]]:
    """The mornings of each template, the latest last."""
    return _by("template_id", templates, until)


def by_number(numbers: Collection[int], *, until: date) -> dict[int, list[Counts]]:
    """The same of phone numbers."""
    return _by("number_id", numbers, until)


def whole(*, until: date) -> list[Counts]:
    """The mornings of everything that was sent."""
    rows: Any = _recent(until).values("day").annotate(**_sums()).order_by("day")
    return [Counts(day=row["day"], audience=row["reached"], **_counts(row)) for row in rows]


def shown(days: list[Counts]) -> Shown:
    windows = [
        (mornings, rules.rate_over(days, mornings))
        for mornings in (rules.SHORT_WINDOW, rules.LONG_WINDOW)
    ]
    return Shown(windows, days[::-1][: rules.LONG_WINDOW], counted=bool(days))


def _by(column: str, keys: Collection[int], until: date) -> dict[int, list[Counts]]:
    rows = _recent(until)
    audience = dict(
        rows.order_by().values("day").annotate(all=Sum("delivered")).values_list("day", "all")
    )
    found: dict[int, list[Counts]] = defaultdict(list)
    chosen = rows.filter(**{f"{column}__in": keys})
    for row in chosen.values("day", column).annotate(**_sums()).order_by("day"):
        day = row["day"]
        found[row[column]].append(Counts(day=day, audience=audience[day], **_counts(row)))
    return found


def _recent(until: date) -> QuerySet[DailySignals]:
    since = until - timedelta(days=DAYS_READ)
    return DailySignals.objects.filter(day__range=(since, until), delivered__gt=0)


def _sums() -> dict[str, Sum]:
    return {
        "reached": Sum("delivered"),
        "readers": Sum("read"),
        "hard": Sum(HARD),
        "soft": Sum("silent"),
    }


def _counts(row: dict[str, int]) -> dict[str, int]:
    return {
        "delivered": row["reached"],
        "read": row["readers"],
        "hard": row["hard"],
        "soft": row["soft"],
    }
