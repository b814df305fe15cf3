"""Reports of attempts that a restored database does not know, matched to their deliveries."""

from __future__ import annotations

from datetime import datetime

from distribution.ledger import restored
from distribution.outcomes.report_rules import FAILED
from distribution.outcomes.status_reports import AppliedReports, apply_reports


def match_restored_attempts(applied: AppliedReports, *, now: datetime) -> None:
    """Attach unmatched reports of forgotten attempts to their deliveries and apply them.

    `applied` is corrected in place. Only `sent`, `delivered` or `read` attaches an attempt: after
    a failure alone another attempt could begin.
    """
    named = [report for report in applied.unmatched if report.attempt is not None]
    positive = {
        (report.attempt.delivery_id, report.attempt.attempt_no): report
        for report in named
        if report.attempt is not None and report.status != FAILED
    }
    # The highest attempt that went out is the delivery's latest.
    latest = {key[0]: positive[key] for key in sorted(positive)}
    attached = set()
    for report in latest.values():
        if report.attempt is not None:
            attached |= restored.attach_attempts([report.attempt], reported_at=report.at)
    matched = [report for report in named if report.attempt in attached]
    if matched:
        second = apply_reports(matched, now=now)
        applied.unmatched = [
            report for report in applied.unmatched if report.attempt not in attached
        ]
        applied.changed += second.changed
        applied.reached |= second.reached
        applied.failures += second.failures
        applied.sent += second.sent
        applied.named += second.named
