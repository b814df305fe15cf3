"""Helpers that run an import and read its report."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

from subscribers.importing.report import ImportReport
from subscribers.importing.upsert import import_csv
from tests.subscribers.moments import NOW

COUNTS = ("total", "new", "changed", "unchanged", "kept_opted_out", "refused")
LATER = NOW + timedelta(hours=1)


def run(
    text: str | bytes,
    *,
    now: datetime = NOW,
    filename: str = "people.csv",
    consent_source: str = "Form of June",
    **options: Any,
) -> ImportReport:
    data = text if isinstance(text, bytes) else text.encode()
    return import_csv(
        io.BytesIO(data), consent_source=consent_source, now=now, filename=filename, **options
    )


def counts(report: ImportReport) -> dict[str, int]:
    """The counts of a report that are not zero."""
    return {name: getattr(report, name) for name in COUNTS if getattr(report, name)}


def reasons(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(refusal.line, refusal.column, refusal.reason) for refusal in report.refusals]
