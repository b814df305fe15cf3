"""Weekdays on which the National Stock Exchange of India does not trade: blackout dates to choose.

`nse_holidays.csv` holds them. Announced ones are from NSE's circular on trading holidays of the
equity segment for 2026 (nseindia.com, Resources, Holidays; December 2025). Expected ones are the
calendar dates of the same holidays: NSE announces each year in the December before it, and days
that depend on the moon can move by one. BSE trades on the same days.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from django.utils.translation import gettext as _

MONTHS_AHEAD = timedelta(days=365)
ANNOUNCED = "announced"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A weekday without trading."""

    day: date
    name: str
    is_announced: bool

    @property
    def reason(self) -> str:
        """For the blackout date."""
        return _("NSE holiday: %(name)s") % {"name": self.name}


@cache
def known() -> tuple[Holiday, ...]:
    """All of the table, by day."""
    text = Path(__file__).with_name("nse_holidays.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Holiday(date.fromisoformat(row["day"]), row["name"], row["status"] == ANNOUNCED)
        for row in rows
    )


def announced_until() -> date:
    """The end of the last year that NSE had announced when the table was made."""
    return date(max(one.day.year for one in known() if one.is_announced), 12, 31)


def suggested(today: date, *, taken: Collection[date]) -> list[Holiday]:
    """Those of the next twelve months that are no blackout dates yet."""
    last = today + MONTHS_AHEAD
    return [one for one in known() if today < one.day <= last and one.day not in taken]
