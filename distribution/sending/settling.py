"""Records how the calls of one batch run ended: deliveries, retry budget, numbers, pauses.

Outcomes that are read together are written together. While the database is away the writes are
repeated for OUTCOME_PATIENCE_SECONDS; after that, leases and webhooks settle what was in hand.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from distribution.alerts import phone_pool, proxy_answers
from distribution.ledger import deliveries
from distribution.ledger.attempts.conflicts import Conflict
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.template_shares import SentWith
from distribution.lifecycle import control, mass_failures
from distribution.mirror import refused_templates
from distribution.models import AttemptOutcome, Channel, Distribution, State
from distribution.outcomes import duplicates, tallies
from distribution.outcomes.tallies import Tally
from distribution.runtime.database_retry import DATABASE_UNAVAILABLE, DatabaseRetry
from distribution.sending import retry_policy
from phonepool.cloud_api.client import SendOutcome
from phonepool.errors import HALTING, PROXY_ANSWER, UNSENDABLE, Failure
from phonepool.failpoints import failpoint
from phonepool.numbers import pool, retry_budget
from phonepool.numbers.breakers import CallReport
from phonepool.numbers.reservation import Reservation
from subscribers.consent import kept_preferences
from subscribers.identity import learning
from subscribers.identity.learning import Told

log = logging.getLogger(__name__)

# Good answers wait for so many before they are counted in the database; a failure never waits.
COUNTED_TOGETHER = 50

Clock = Callable[[], datetime]


@dataclass(slots=True)
class BatchResult:
    """What one run over a batch came to."""

    states: Counter[str] = field(default_factory=Counter)
    retry_after: float | None = None  # seconds until the earliest row of it is due again

    def count(self, settlements: Sequence[Settlement]) -> None:
        for settlement in settlements:
            self.states[settlement.state] += 1
            if settlement.next_at is not None:
                self.due_in((settlement.next_at - settlement.at).total_seconds())

    def due_in(self, seconds: float) -> None:
        known = self.retry_after
        self.retry_after = seconds if known is None else min(known, seconds)


class InFlight(NamedTuple):
    """A marked delivery whose call has not ended yet."""

    attempt: AttemptKey
    tries_charged: int  # before this attempt
    slots: Reservation
    subscriber_id: int
    phone: str  # E.164
    sent_with: SentWith


def _told(call: InFlight, outcome: SendOutcome) -> Told:
    """What an answer tells of its recipient."""
    return Told(
        call.subscriber_id,
        call.phone,
        call.slots.portfolio_id,
        outcome.wa_id,
        outcome.user_id,
        outcome.ended_at,
    )


class Settling:
    """The calls of one batch run that are in flight, and the writing of their outcomes."""

    def __init__(self, distribution: Distribution, clock: Clock, result: BatchResult) -> None:
        self.in_flight: dict[int, InFlight] = {}  # by delivery
        self._distribution, self._clock, self.result = distribution, clock, result
        self._database_retry = DatabaseRetry(settings.OUTCOME_PATIENCE_SECONDS)
        self._tally = Tally()  # outcomes that are not in the database yet

    def try_to_write(self, step: Callable[[], object]) -> None:
        """Repeat it while the database is away; after that, leases and webhooks settle it."""
        try:
            self._database_retry.run(step)
        except DATABASE_UNAVAILABLE:
            log.exception("what was in hand could not be written down")

    def record(self, outcomes: Sequence[SendOutcome]) -> None:
        """Write these outcomes down, then report to the pool what concerns its numbers."""
        if not outcomes:
            return
        settlements, reports, told, notable = [], [], [], False
        costly: dict[int, list[int]] = defaultdict(list)
        halted: dict[Failure, set[SentWith]] = defaultdict(set)
        for outcome in outcomes:
            call = self.in_flight.pop(outcome.key)
            attempt, tries_charged, slots = call.attempt, call.tries_charged, call.slots
            if learning.is_news(call.phone, outcome.wa_id, outcome.user_id):
                told.append(_told(call, outcome))
            self._count(slots.number_id, outcome, tried_before=tries_charged > 0)
            settlements.append(self._settlement(attempt, outcome, tries_charged, slots.number_id))
            if (
                settlements[-1].next_at
                and outcome.failure
                and retry_budget.uses_budget(outcome.failure)
            ):
                costly[slots.number_id].append(len(settlements) - 1)
            reports.append(
                CallReport(
                    slots.number_id,
                    outcome.failure,
                    slots.first,
                    wait=outcome.retry_after,
                    watched=slots.recovering,
                )
            )
            notable |= slots.recovering or outcome.failure is not None
            if outcome.failure and outcome.failure.action in HALTING:
                halted[outcome.failure].add(call.sent_with)
        failpoint("before_record")
        self.try_to_write(lambda: self._settle(settlements, costly))
        if notable:
            self.try_to_write(lambda: self._report_to_pool(reports, halted))
        if told:
            self.try_to_write(lambda: kept_preferences.learn(told, now=self._clock()))
        proxied = [outcome.details for outcome in outcomes if outcome.failure is PROXY_ANSWER]
        if proxied:
            self.try_to_write(lambda: proxy_answers.report(proxied[-1], self._clock()))
        if tallies.failures(self._tally) or self._tally.total() >= COUNTED_TOGETHER:
            self.judge()

    def judge(self) -> None:
        """Write down how the calls ended in sums, and act if too many failed alike."""
        tally, self._tally = self._tally, Tally()
        if tally:
            self.try_to_write(lambda: self._judge(tally))

    def _judge(self, tally: Tally) -> None:
        pk, resume_no = self._distribution.pk, self._distribution.resume_no
        if not tallies.failures(tally):
            tallies.record(pk, Channel.ANSWER, tally, resume_no=resume_no)
            return
        with transaction.atomic():
            tallies.record(pk, Channel.ANSWER, tally, resume_no=resume_no)
            mass_failures.respond(pk, Channel.ANSWER, tally, now=self._clock())

    def _count(self, number_id: int, outcome: SendOutcome, *, tried_before: bool) -> None:
        reason = tallies.reason_of(outcome.failure, tried_before=tried_before)
        if reason is not None:
            self._tally[tallies.slot(number_id, reason, outcome.ended_at)] += 1

    def fail_unsendable(self, pks: Sequence[int]) -> None:
        """Nothing was sent and nothing can be: the data of these must be repaired first."""
        for pk in pks:
            number_id = self.in_flight[pk].slots.number_id
            self._tally[tallies.slot(number_id, UNSENDABLE.slug, self._clock())] += 1
        failed = [
            Settlement(
                self.in_flight.pop(pk).attempt,
                State.FAILED,
                self._clock(),
                reason=UNSENDABLE.slug,
                outcome=AttemptOutcome.NOT_SENT,
            )
            for pk in pks
        ]
        if failed:
            self.try_to_write(
                lambda: deliveries.settle(failed, distribution_id=self._distribution.pk)
            )
            self.judge()

    def _settle(
        self, settlements: Sequence[Settlement], costly: Mapping[int, Sequence[int]]
    ) -> None:
        """Write them down; those at the `costly` places of each number within its budget."""
        written = list(settlements)
        for number_id, places in costly.items():
            waits = retry_budget.waits(number_id, len(places), now=self._clock())
            for place, wait in zip(places, waits, strict=True):
                written[place] = retry_policy.put_off(written[place], wait, self._window_end)
        conflicts: list[Conflict] = []
        deliveries.settle(written, distribution_id=self._distribution.pk, conflicts=conflicts)
        self.result.count(written)
        duplicates.alert_conflicts(conflicts, now=self._clock())

    @property
    def _window_end(self) -> datetime:
        assert self._distribution.window_end is not None  # an open distribution has one
        return self._distribution.window_end

    def _settlement(
        self, attempt: AttemptKey, outcome: SendOutcome, tries_charged: int, number_id: int
    ) -> Settlement:
        return retry_policy.settlement(
            attempt,
            outcome,
            tries_charged=tries_charged,
            number_id=number_id,
            window_end=self._window_end,
        )

    def _report_to_pool(
        self, reports: list[CallReport], halted: Mapping[Failure, Collection[SentWith]]
    ) -> None:
        """Refused numbers rest or slow down, backups wake; a fault of the account pauses the
        distribution, and one of the message template if no other can take over."""
        distribution, now = self._distribution, self._clock()
        lost = pool.report_calls(reports, now=now)
        refused = {report.failure.action: report.failure for report in reports if report.failure}
        if lost:
            control.wake_backups(distribution, now)
            phone_pool.refresh(now)
        for failure in (refused[action] for action in HALTING if action in refused):
            numbers = {report.number_id for report in reports if report.failure == failure}
            refused_templates.stop(
                distribution.pk, failure, numbers, at=now, sent_with=halted[failure], now=now
            )
