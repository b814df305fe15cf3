"""Test messages of the set-up: what WhatsApp reports of them, by the digest of their id.

They have no delivery, so their status reports match nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from distribution.models import SetupMessage

# Meta's words, each above those before it; `failed` is final.
ORDER = ("", "sent", "delivered", "read", "failed")
REPORTED_FOR = timedelta(days=1)  # of an older one nobody waits for a report
KEPT = 100  # rows


class Report(Protocol):
    """What is read of a status report."""

    @property
    def wamid(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def details(self) -> str: ...


def record(wamid: str, *, template: str, now: datetime) -> None:
    """Keep an accepted test message. A report may have come already: then nothing is known of it
    until the next one."""
    SetupMessage.objects.get_or_create(
        digest=_digest(wamid), defaults={"template": template[:600], "at": now}
    )
    kept = SetupMessage.objects.order_by("-at", "-pk").values_list("pk", flat=True)[:KEPT]
    SetupMessage.objects.exclude(pk__in=list(kept)).delete()


def note_reports(reports: Iterable[Report], *, now: datetime) -> None:
    """Apply reports that belong to no delivery, if they are of test messages."""
    waiting = SetupMessage.objects.filter(at__gte=now - REPORTED_FOR)
    rows = {row.digest: row for row in waiting}
    if not rows:
        return
    for report in reports:
        row = rows.get(_digest(report.wamid))
        if row is not None and ORDER.index(report.status) > ORDER.index(row.status):
            row.status, row.status_at, row.details = report.status, now, report.details[:300]
            row.save(update_fields=["status", "status_at", "details"])


def _digest(wamid: str) -> str:
    return hashlib.sha256(wamid.encode()).hexdigest()
