"""Apply WhatsApp's reports to deliveries in bulk: one read, pure rules, one write.

The rows are locked while the rules run (SQLite: the transaction is the lock), and the write
names the state it leaves. Late and repeated reports, and those of others, change nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from distribution.cost.charging import Charging
from distribution.ledger import deliveries, hidden_ids, outbox, rollup_marks
from distribution.ledger.attempts.conflicts import Conflict
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.template_shares import PLANNED, SentWith
from distribution.models import Attempt, Distribution, Progress, State
from distribution.models.distributions import RUNNING
from distribution.outcomes import duplicates, reported_failures, reported_rows
from distribution.outcomes.duplicates import SuspectedDuplicate
from distribution.outcomes.report_rules import (
    FAILED,
    SENT,
    WAITING,
    DeliveryFacts,
    StatusReport,
    apply_report,
    as_stored,
    failure_in,
)
from distribution.outcomes.reported_failures import EarlierAttempt, ReportedFailure, SentMessage
from distribution.outcomes.reported_pricing import StoredPricings
from distribution.outcomes.reported_rows import ReportedRow
from phonepool.errors import Failure
from subscribers.identity import learning

# In these states a message of the latest attempt is, or may be, with WhatsApp.
POSSIBLY_WITH_WHATSAPP = (State.INFLIGHT, State.UNKNOWN, State.ACCEPTED, State.HELD)


class NamedRecipient(NamedTuple):
    """A report that tells more of the recipient than the phone that was written to."""

    report: StatusReport
    subscriber_id: int
    phone: str  # E.164


@dataclass(slots=True)
class AppliedReports:
    """The effects of a sequence of reports."""

    changed: int = 0
    unmatched: list[StatusReport] = field(default_factory=list)  # of no known attempt of ours
    duplicates: list[SuspectedDuplicate] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)  # subscribers
    failures: list[ReportedFailure] = field(default_factory=list)  # of messages, newly reported
    sent: list[SentMessage] = field(default_factory=list)  # messages, newly reported
    failed: list[int] = field(default_factory=list)  # deliveries that failed now, for good
    named: list[NamedRecipient] = field(default_factory=list)


def apply_reports(reports: Sequence[StatusReport], *, now: datetime) -> AppliedReports:
    """Apply reports in any order, any number of times; the result is the same."""
    applied = AppliedReports()
    with transaction.atomic():
        pricings = StoredPricings(report.pricing for report in reports)
        by_delivery = _by_delivery(reports, applied)
        locked = reported_rows.lock(by_delivery, now=now)
        bundle = _Bundle(
            applied,
            _earlier_attempts(by_delivery, locked),
            _window_ends(by_delivery, locked),
            pricings,
            Charging(pricings),
            now,
        )
        writes, touched = [], set[int]()
        for pk, its_reports in by_delivery.items():
            if pk not in locked:
                applied.unmatched.extend(its_reports)
            elif write := bundle.changes(locked[pk], as_stored(locked[pk].phone, its_reports)):
                writes.append(write)
                touched.add(locked[pk].distribution_id)
        conflicts: list[Conflict] = []
        applied.changed = deliveries.record_reports(writes, conflicts=conflicts, now=now)
        rollup_marks.mark_changed(touched, now=now)
        if bundle.evidence:
            Attempt.objects.bulk_create(bundle.evidence, ignore_conflicts=True)
        outbox.failures(applied.failed, now=now)
        duplicates.record_duplicates(applied.duplicates, now=now)
        duplicates.alert_conflicts(conflicts, now=now)
    return applied


def _by_delivery(
    reports: Iterable[StatusReport], applied: AppliedReports
) -> dict[int, list[StatusReport]]:
    """Group reports by delivery: by the attempt they name, else by the message id."""
    grouped: dict[int, list[StatusReport]] = defaultdict(list)
    nameless = [report for report in reports if report.attempt is None]
    wamids = {report.wamid for report in nameless if report.wamid}
    known = hidden_ids.deliveries_by_message_id(wamids)
    for report in reports:
        if report.attempt is not None:
            grouped[report.attempt.delivery_id].append(report)
        elif report.wamid in known:
            grouped[known[report.wamid]].append(report)
        else:
            applied.unmatched.append(report)
    return grouped


def _earlier_attempts(
    by_delivery: dict[int, list[StatusReport]], locked: dict[int, ReportedRow]
) -> dict[str, EarlierAttempt]:
    """Earlier attempts of ours that reports name."""
    return reported_failures.find_earlier(
        report.attempt
        for pk, reports in by_delivery.items()
        for report in reports
        if pk in locked and report.attempt and report.attempt != _current(locked[pk])
    )


def _current(row: ReportedRow) -> AttemptKey | None:
    return None if row.claim_token is None else AttemptKey(row.pk, row.attempt_no, row.claim_token)


def _window_ends(
    by_delivery: dict[int, list[StatusReport]], locked: dict[int, ReportedRow]
) -> dict[int, datetime | None]:
    """Until when messages that failed may be sent again, by distribution; only running ones."""
    with_failures = {
        locked[pk].distribution_id
        for pk, reports in by_delivery.items()
        if pk in locked and any(report.status == FAILED for report in reports)
    }
    if not with_failures:
        return {}
    running = Distribution.objects.filter(pk__in=with_failures, state__in=RUNNING)
    return dict(running.values_list("pk", "window_end"))


@dataclass(slots=True)
class _Bundle:
    """Applies the reports of one bundle to locked rows and collects their effects."""

    applied: AppliedReports
    earlier: dict[str, EarlierAttempt]
    window_ends: dict[int, datetime | None]
    pricings: StoredPricings
    charging: Charging
    now: datetime
    evidence: list[Attempt] = field(default_factory=list)

    def changes(self, row: ReportedRow, reports: list[StatusReport]) -> dict[str, object] | None:
        """The row's new columns, or None when these reports change nothing."""
        facts, current = replace(row.facts), _current(row)
        new: list[ReportedFailure] = []
        for report in reports:
            if report.attempt is None or report.attempt == current:
                if _is_another_message(row, report):
                    self.applied.duplicates.append(_duplicate(row, report, earlier=str(current)))
                self._note_recipient(row, report)
                new += self._apply(row, facts, report)
            else:
                new += self._apply_earlier(row, facts, report)
        if facts.progress < Progress.DELIVERED:  # else it arrived all the same
            self.applied.failures += new
        facts.rate_id = self.charging.rate_of(row.phone, row.number_id, row.facts, facts)
        if facts == row.facts:
            return None
        _note_effects(row, facts, self.applied)
        columns = {name: getattr(facts, name) for name in reported_rows.FACTS_COLUMNS}
        columns |= {"id": row.pk, "distribution_id": row.distribution_id}
        return {**columns, "attempt_no": row.attempt_no, "old_state": row.facts.state}

    def _apply(
        self, row: ReportedRow, facts: DeliveryFacts, report: StatusReport
    ) -> list[ReportedFailure]:
        """A report of the latest attempt; the failure that is new by it."""
        sent_by = EarlierAttempt(row.number_id, row.facts.inflight_at)
        if report.status == FAILED:
            failure = failure_in(report, facts)
            self._keep(row, _current(row), report, failure, sent_by)
        failed = self._report(row, facts, report)
        return [_reported(row, report, failed, sent_by)] if failed else []

    def _apply_earlier(
        self, row: ReportedRow, facts: DeliveryFacts, report: StatusReport
    ) -> list[ReportedFailure]:
        """A report of an earlier attempt; the failure that is new by it."""
        known = self.earlier.get(name := str(report.attempt))
        if known is None:
            self.applied.unmatched.append(report)
        elif report.status != FAILED:
            # A late `sent` does not contradict `failed`.
            if not (report.status == SENT and known.reported) and not self._accept(
                row, facts, report
            ):
                self.applied.duplicates.append(_duplicate(row, report, earlier=name))
            self._note_recipient(row, report)
        elif not known.reported:
            self.earlier[name] = known._replace(reported=True)
            failure = failure_in(report, facts)
            self._keep(row, report.attempt, report, failure, known)
            if _rests_on(facts, report):
                self._report(row, facts, report)
            return [_reported(row, report, failure, known)]
        return []

    def _report(
        self, row: ReportedRow, facts: DeliveryFacts, report: StatusReport
    ) -> Failure | None:
        facts.pricing_id = self.pricings.decisive(facts.pricing_id, report.pricing)
        window_end = self.window_ends.get(row.distribution_id)
        return apply_report(
            facts, report, attempts=row.attempt_no, now=self.now, window_end=window_end
        )

    def _accept(self, row: ReportedRow, facts: DeliveryFacts, report: StatusReport) -> bool:
        """Apply proof that an earlier attempt went out; False if a later one may be out, too."""
        later_exists = row.attempt_no != report.attempt.attempt_no if report.attempt else False
        its_own = facts.state == State.ACCEPTED and _is_its_message(facts, report)
        if later_exists and facts.state in POSSIBLY_WITH_WHATSAPP and not its_own:
            return False
        self._report(row, facts, report)
        return True

    def _note_recipient(self, row: ReportedRow, report: StatusReport) -> None:
        if learning.is_news(row.phone, report.wa_id, report.user_id):
            self.applied.named.append(NamedRecipient(report, row.subscriber_id, row.phone))

    def _keep(
        self,
        row: ReportedRow,
        attempt: AttemptKey | None,
        report: StatusReport,
        failure: Failure,
        sent_by: EarlierAttempt,
    ) -> None:
        self.evidence.append(
            reported_failures.evidence(
                report, attempt, failure, delivery_id=row.pk, sent_by=sent_by
            )
        )


def _rests_on(facts: DeliveryFacts, report: StatusReport) -> bool:
    """Whether the delivery waits, or counts as accepted, because of the message of this report."""
    if facts.state in WAITING:
        return facts.failed_at is None
    return facts.state == State.ACCEPTED and _is_its_message(facts, report)


def _is_its_message(facts: DeliveryFacts, report: StatusReport) -> bool:
    return bool(facts.wamid) and facts.wamid == report.wamid


def _reported(
    row: ReportedRow, report: StatusReport, failure: Failure, sent_by: EarlierAttempt
) -> ReportedFailure:
    is_latest = report.attempt in (None, _current(row))
    return ReportedFailure(
        row.pk,
        row.distribution_id,
        row.subscriber_id,
        sent_by.number_id,
        failure,
        report.code,
        report.at,
        sent_by.started_at,
        was_sent=row.facts.progress > Progress.NONE and is_latest,
        was_resent=row.facts.resend_no > 0,
        sent_with=SentWith(row.rung, row.message_template_id) if is_latest else PLANNED,
    )


def _is_another_message(row: ReportedRow, report: StatusReport) -> bool:
    """Whether WhatsApp reports a second message id for one attempt of ours."""
    names_attempt = report.attempt is not None and report.status != FAILED
    known = row.facts.wamid
    return bool(names_attempt and known and report.wamid and report.wamid != known)


def _duplicate(row: ReportedRow, report: StatusReport, *, earlier: str) -> SuspectedDuplicate:
    return SuspectedDuplicate(
        delivery_id=row.pk,
        earlier_attempt=earlier,
        earlier_wamid=report.wamid,
        later_attempt=str(_current(row)),
        later_wamid=row.facts.wamid or "",
        proven=row.facts.state in duplicates.PROVEN,
    )


def _note_effects(row: ReportedRow, facts: DeliveryFacts, applied: AppliedReports) -> None:
    if facts.progress >= Progress.DELIVERED > row.facts.progress:
        applied.reached.add(row.subscriber_id)
    first_news = facts.progress > row.facts.progress == Progress.NONE and facts.failed_at is None
    if first_news and row.number_id is not None and facts.inflight_at is not None:
        applied.sent.append(SentMessage(row.distribution_id, row.number_id, facts.inflight_at))
    if facts.state == State.FAILED != row.facts.state:
        applied.failed.append(row.pk)
