"""What the inbox promises: every webhook that was answered 200 has been applied.

The quick rules query the database. `unapplied_reports` parses every stored body again and checks
that the ledger shows each report: thorough, and as slow as parsing them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from distribution.ledger.hidden_ids import deliveries_by_message_id
from distribution.ledger.integrity.rules import (
    RECOVERY_TIME,
    SHOWN_IDS_LIMIT,
    Rule,
    RuleResult,
    check,
)
from distribution.models import Attempt, Delivery
from distribution.outcomes.report_rules import FAILED, PROGRESS_BY_STATUS, StatusReport
from distribution.runtime.long_statements import long_statements
from phonepool.json_values import Unreadable
from phonepool.models import PhoneNumber
from webhooks.applying import payloads
from webhooks.applying.events import Status
from webhooks.models import WebhookEvent

BODIES_LIMIT = 500  # webhooks whose bodies are in memory at once


def findings(*, now: datetime, thorough: bool = False) -> list[RuleResult]:
    """Every rule of the inbox, broken or not."""
    late = now - RECOVERY_TIME
    rules = [
        Rule(
            "inbox_is_read",
            f"Meta's webhooks are applied within {RECOVERY_TIME.total_seconds():.0f} s.",
            WebhookEvent.objects.pending().filter(received_at__lt=late),
            of="webhook",
        ),
        Rule(
            "orphans_are_looked_at",
            "Reports about messages that were not known yet are looked up again in time.",
            WebhookEvent.objects.filter(again_at__lt=late),
            of="webhook",
        ),
        Rule(
            "dead_letters",
            "These could not be applied. Read the error, then run `manage.py replay_webhooks`.",
            WebhookEvent.objects.dead(),
            of="webhook",
            advisory=True,
        ),
    ]
    with long_statements():
        found = [check(rule) for rule in rules]
    return [*found, unapplied_reports()] if thorough else found


def unapplied_reports() -> RuleResult:
    """Webhooks recorded as applied whose reports the ledger does not show."""
    lost = [pk for chunk in _chunks() for pk in _with_unapplied_reports(chunk)]
    return RuleResult(
        "every_report_is_heard",
        "Each stored report is in the ledger, or is counted as belonging to no message.",
        "webhook",
        len(lost),
        tuple(lost[:SHOWN_IDS_LIMIT]),
    )


def _chunks() -> Iterator[list[WebhookEvent]]:
    last = 0
    applied = WebhookEvent.objects.exclude(processed_at=None).order_by("pk")
    while chunk := list(applied.filter(pk__gt=last)[:BODIES_LIMIT]):
        yield chunk
        last = chunk[-1].pk


def _with_unapplied_reports(webhooks: Sequence[WebhookEvent]) -> list[int]:
    reports = {webhook.pk: _reports(webhook) for webhook in webhooks}
    rows, by_wamid = _ledger([report for some in reports.values() for report in some])
    archive = _archive(reports.values(), rows)
    lost = []
    for webhook in webhooks:
        unmatched = 0
        for report in reports[webhook.pk]:
            key = report.attempt.delivery_id if report.attempt else by_wamid.get(report.wamid)
            row = rows.get(key) if key is not None else None
            if row is None or not _is_known(row, report, archive):
                unmatched += 1
            elif not _is_shown(row, report):
                lost.append(webhook.pk)
                break
        else:
            if unmatched > webhook.unmatched:
                lost.append(webhook.pk)
    return lost


def _reports(webhook: WebhookEvent) -> list[StatusReport]:
    try:
        parsed = payloads.parse(bytes(webhook.body), received_at=webhook.received_at)
    except Unreadable:
        return []
    pool = set(PhoneNumber.objects.values_list("meta_id", flat=True))
    statuses = [event for event in parsed.events if isinstance(event, Status)]
    return [status.report for status in statuses if not status.number or status.number in pool]


def _ledger(reports: Iterable[StatusReport]) -> tuple[dict[int, Delivery], dict[str, int]]:
    """The deliveries that reports are about, by id, and their ids by message id."""
    pks = {report.attempt.delivery_id for report in reports if report.attempt}
    wamids = {report.wamid for report in reports if not report.attempt}
    by_wamid = deliveries_by_message_id(wamids)
    columns = ("attempt_no", "claim_token", "progress", "failed_at")
    rows = Delivery.objects.only(*columns).in_bulk([*pks, *by_wamid.values()])
    return rows, by_wamid


def _archive(chunks: Iterable[list[StatusReport]], rows: dict[int, Delivery]) -> set[str]:
    attempt_ids = {
        str(report.attempt)
        for reports in chunks
        for report in reports
        if report.attempt and not _is_current(rows.get(report.attempt.delivery_id), report)
    }
    kept = Attempt.objects.filter(attempt_id__in=attempt_ids)
    return set(kept.values_list("attempt_id", flat=True))


def _is_current(row: Delivery | None, report: StatusReport) -> bool:
    if row is None or report.attempt is None:
        return row is not None
    return (row.attempt_no, row.claim_token) == report.attempt[1:]


def _is_known(row: Delivery, report: StatusReport, archive: set[str]) -> bool:
    return _is_current(row, report) or str(report.attempt) in archive


def _is_shown(row: Delivery, report: StatusReport) -> bool:
    """Whether the row says at least as much; a report of an earlier attempt may say more."""
    if not _is_current(row, report):
        return True
    if report.status == FAILED:
        return row.failed_at is not None and row.failed_at <= report.at
    return row.progress >= PROGRESS_BY_STATUS[report.status]
