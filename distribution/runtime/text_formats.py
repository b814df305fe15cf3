"""Shares, durations and distances in time as people read them: one rounding for all screens."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

NOT_MEASURED = "–"


def percent(share: float | None) -> str:
    """A share of 0..1 with one decimal, never rounded up: 99.96% is not 100, 98.96% not 99.

    A few of many are not none of them: below 0.1% it says so.
    """
    if share is None:
        return NOT_MEASURED
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f}%"


def part_of(part: int, whole: int) -> float | None:
    """The share of a whole; None of nothing."""
    return part / whole if whole else None


def duration(seconds: float) -> str:
    """A length of time: 0:05, 4:59, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def minutes_or_seconds(seconds: float) -> str:
    """A limit in words: "5 minutes", "90 seconds"."""
    whole = round(seconds)
    if whole % 60:
        return ngettext("%(count)d second", "%(count)d seconds", whole) % {"count": whole}
    whole //= 60
    return ngettext("%(count)d minute", "%(count)d minutes", whole) % {"count": whole}


def relative(moment: datetime, now: datetime) -> str:
    """How far away a moment is: "in 3 h 20 min", "5 min ago", "just now"."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 60:
        return _("now") if seconds >= 0 else _("just now")
    distance = _distance(int(abs(seconds) // 60))
    return (_("in %s") if seconds > 0 else _("%s ago")) % distance


def _distance(minutes: int) -> str:
    """The two largest units: 2 d 3 h, 3 h 20 min, 5 min."""
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, _("d")), (hours, _("h")), (minutes, _("min"))]
    first = next(place for place, (count, _unit) in enumerate(units) if count)
    shown = units[first : first + 2]
    return " ".join(f"{count} {unit}" for count, unit in shown if count)
