"""The same figures and deliveries as files, by the code that makes the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from distribution.analytics.breakdown import Breakdown, By, Figures
from distribution.api.document.examples.people import ASHA, NAMES
from distribution.api.document.examples.sending import ANALYTICS, DELIVERIES, DISTRIBUTION
from distribution.api.resources import analytics
from distribution.models import Progress
from distribution.reporting import delivery_export
from subscribers.spreadsheets import MARK, csv_lines

TIMES = ("accepted_at", "sent_at", "delivered_at", "read_at", "failed_at")


def files() -> dict[str, str]:
    """The CSV that an operation answers with, by operation."""
    rows = [Figures(**row) for row in ANALYTICS["rows"]]
    figures = Breakdown(as_of=None, behind=0, rows=rows, total=Figures(**ANALYTICS["total"]))
    return {
        "distribution_analytics_retrieve": _text(analytics.lines(figures, By.TIER)),
        "distribution_deliveries_list": _text([delivery_export.HEADER, *map(_cells, DELIVERIES)]),
    }


def _text(rows: Iterable[Iterable[str]]) -> str:
    return "".join(line for line in csv_lines(rows) if line != MARK)


def _cells(one: Mapping[str, Any]) -> list[str]:
    times = [one[name] and datetime.fromisoformat(one[name]) for name in TIMES]
    phone = ASHA["phone"][:-4] + one["phone"][-4:]
    values = [
        *(one["id"], DISTRIBUTION["id"], DISTRIBUTION["date"], one["subscriber"], phone),
        *(NAMES[one["subscriber"]], one["tier"], one["batch_no"], one["number"], one["state"]),
        *(Progress[one["progress"].upper()].value, one["reason"], one["attempts"]),
        *(*times, one["error_code"]),
    ]
    return delivery_export.row(values, full_phones=False)
