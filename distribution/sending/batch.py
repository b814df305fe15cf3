"""Send what is due of one batch: claim, reserve slots, mark, call, write down the outcomes.

The claim's owner walks through its rows in micro-batches. Each gets slots, is marked in flight
just before its first slot and handed to the transport; outcomes of earlier ones are written
down while it waits. No transaction is open during a call.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Thread

from django.conf import settings
from django.db import connections
from django.utils import timezone

from distribution.alerts import phone_pool
from distribution.content import rendering
from distribution.ledger import deliveries
from distribution.ledger.attempt_ids import AttemptKey
from distribution.ledger.deliveries import Claim
from distribution.ledger.evidence import Conflict
from distribution.ledger.settlements import Settlement
from distribution.lifecycle import control
from distribution.models import AttemptOutcome, Delivery, Distribution, State
from distribution.outcomes import duplicates
from distribution.runtime.database_retry import DATABASE_UNAVAILABLE, DatabaseRetry
from distribution.sending import retry_policy, withdrawal
from phonepool.cloud_api.client import CloudApi, PreparedMessage, SendOutcome
from phonepool.errors import UNSENDABLE, WITHDRAWN, Action
from phonepool.failpoints import failpoint
from phonepool.numbers import health, pool, retry_budget
from phonepool.numbers.breakers import CallReport
from phonepool.numbers.reservation import Reservation

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

LEAD = 0.25  # seconds before its first slot that a micro-batch is marked and handed over
GATHER = 1.0  # seconds that outcomes are gathered before they are written together
# A batch waits this long for its last answers; slower ones are written down behind its back,
# so that ten batches at a time do not become the limit when Meta answers slowly.
LINGER = 1.0
NO_ROOM_DELAY = timedelta(seconds=2)  # when no number has a slot: look again after this


@dataclass(slots=True)
class BatchResult:
    """What one pass over a batch came to."""

    states: Counter[str] = field(default_factory=Counter)
    retry_after: float | None = None  # seconds until the earliest row of it is due again

    def note(self, settlements: Sequence[Settlement]) -> None:
        for settlement in settlements:
            self.states[settlement.state] += 1
            if settlement.next_at is not None:
                self.due_in((settlement.next_at - settlement.at).total_seconds())

    def due_in(self, seconds: float) -> None:
        known = self.retry_after
        self.retry_after = seconds if known is None else min(known, seconds)


def send_batch(
    distribution_id: int, batch_no: int, *, api: CloudApi, clock: Clock = timezone.now
) -> BatchResult:
    """Send the due rows of one batch. Safe to call twice, at once, and after any crash."""
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    claim = deliveries.claim(
        distribution_id, batch_no, limit=settings.BATCH_SIZE, now=clock(), lease=lease
    )
    sent = BatchResult()
    if claim.deliveries:
        failpoint("after_claim")
        BatchRun(distribution_id, claim, api, clock, lease, sent).run()
    return sent


class BatchRun:
    """One caller's walk through its claim."""

    def __init__(
        self,
        distribution_id: int,
        claim: Claim,
        api: CloudApi,
        clock: Clock,
        lease: timedelta,
        sent: BatchResult,
    ) -> None:
        self.distribution = Distribution.objects.select_related("content__message_template").get(
            pk=distribution_id
        )
        self.claim, self.clock, self.lease, self.sent = claim, clock, lease, sent
        self.calls = api.dispatch()
        self.database_retry = DatabaseRetry(settings.OUTCOME_PATIENCE_SECONDS)
        self.waiting = deque(claim.deliveries)
        # What is out: its attempt, how many tries were charged before, and its slots.
        self.out: dict[int, tuple[AttemptKey, int, Reservation]] = {}
        self.reserved: Reservation | None = None  # slots of what waits
        self.halted, self.behind = Event(), False
        self.ticket = 0

    def run(self) -> None:
        self.ticket = withdrawal.register(self.distribution.pk, self._halt)
        try:
            self._walk()
        finally:
            if not self.behind:
                withdrawal.unregister(self.ticket)

    def _walk(self) -> None:
        try:
            while self.waiting and not self.halted.is_set() and self._send_some():
                pass
        except BaseException:
            self.calls.close()  # what has not begun is never sent, and says so
            self._try_to_write(self._undo_marks)
            raise
        finally:
            if self.waiting:
                self._try_to_write(self._give_back)
            self._linger()

    def _undo_marks(self) -> None:
        """The database may have marked rows and not lived to say so: they were not handed over.

        Only what it did mark is an attempt, and each attempt leaves its row of evidence.
        """
        at = self.clock()
        numbers = deliveries.numbers_in_flight(self.claim, self.waiting)
        later = [
            Settlement(
                self.claim.attempt(row),
                State.RETRY_WAIT,
                at,
                WITHDRAWN.slug,
                next_at=at + NO_ROOM_DELAY,
                outcome=AttemptOutcome.NOT_SENT,
                number_id=numbers[row.pk],
            )
            for row in self.waiting
            if row.pk in numbers
        ]
        deliveries.settle(later)

    def _give_back(self) -> None:
        left = [delivery.pk for delivery in self.waiting]
        deliveries.give_back(self.claim, left, next_at=self.clock() + NO_ROOM_DELAY)
        self.sent.due_in(NO_ROOM_DELAY.total_seconds())

    def _try_to_write(self, step: Callable[[], object]) -> None:
        """Go on trying while the database is away; after that, leases and webhooks tell."""
        try:
            self.database_retry.run(step)
        except DATABASE_UNAVAILABLE:
            log.exception("what was in hand could not be written down")

    def _halt(self) -> None:
        """Paused, cancelled, or the process ends: what has not begun is not sent."""
        self.halted.set()
        self.calls.close()

    def _send_some(self) -> bool:
        """Send the next micro-batch; False when the rest must wait for another pass."""
        slots = self._next_slots()
        if slots is None:
            return False
        group = [self.waiting[place] for place in range(slots.count)]
        self._write_down_until(slots.first - LEAD)
        # Before the mark: who falls asleep in between must wake to a deadline that has passed.
        messages, unsendable = self._prepare(group, slots)
        if self.halted.is_set():
            return False
        marked = deliveries.mark_inflight(
            self.claim, group, number_id=slots.number_id, now=self.clock(), lease=self.lease
        )
        failpoint("after_mark")
        if not marked:  # paused, cancelled, or the lease ran short
            return False
        for delivery in group:
            self.waiting.popleft()
            if delivery.pk in marked:
                attempt = self.claim.attempt(delivery)
                self.out[delivery.pk] = (attempt, delivery.tries_charged, slots)
        self.calls.submit([message for message in messages if message.key in marked])
        if self.halted.is_set():  # since it was last asked
            self.calls.close()
        self._refuse([pk for pk in unsendable if pk in marked])
        return True

    def _next_slots(self) -> Reservation | None:
        """Slots for a micro-batch; they are reserved for all that wait, in one statement."""
        slots = self.reserved or pool.reserve(len(self.waiting), now=self.clock())
        if slots is not None:
            slots, self.reserved = slots.split(settings.MICRO_BATCH_SIZE)
        return slots

    def _prepare(
        self, group: list[Delivery], slots: Reservation
    ) -> tuple[list[PreparedMessage], list[int]]:
        """The group's messages, and the keys of those whose content cannot be made."""
        ahead = time.monotonic() - self.clock().timestamp()  # wall clock → monotonic
        deadline = time.monotonic() + self.lease.total_seconds() / 2
        messages, unsendable = [], []
        for place, delivery in enumerate(group):
            try:
                messages.append(self._message(delivery, slots, slots.slot(place) + ahead, deadline))
            except Exception:  # one person's data must not keep the others waiting
                log.exception("no message can be made for delivery %d", delivery.pk)
                unsendable.append(delivery.pk)
        return messages, unsendable

    def _message(
        self, delivery: Delivery, slots: Reservation, send_at: float, deadline: float
    ) -> PreparedMessage:
        content = self.distribution.content
        assert content is not None  # an open distribution has one
        return rendering.prepare(
            content,
            delivery.subscriber,
            to=delivery.phone,
            key=delivery.pk,
            attempt_id=str(self.claim.attempt(delivery)),
            number=slots.meta_id,
            send_at=send_at,
            deadline=deadline,
            spacing=slots.min_spacing,
        )

    def _refuse(self, pks: list[int]) -> None:
        """Nothing was sent and nothing can be: their data must be mended first."""
        refused = [
            Settlement(
                self.out.pop(pk)[0],
                State.FAILED,
                self.clock(),
                reason=UNSENDABLE.slug,
                outcome=AttemptOutcome.NOT_SENT,
            )
            for pk in pks
        ]
        if refused:
            self._try_to_write(lambda: deliveries.settle(refused))

    def _write_down_until(self, moment: float) -> None:
        """Write outcomes down until the wall clock shows `moment` (Unix seconds)."""
        while not self.halted.is_set() and (left := moment - self.clock().timestamp()) > 0:
            if self.out:
                self._write_down(self.calls.collect(timeout=min(left, GATHER)))
            else:
                time.sleep(min(left, GATHER))

    def _linger(self) -> None:
        end = time.monotonic() + LINGER
        while self.out and (left := end - time.monotonic()) > 0:
            self._write_down(self.calls.collect(timeout=min(left, GATHER)))
        if self.out:
            Thread(target=self._finish_behind, name="late answers").start()
            self.behind = True

    def _finish_behind(self) -> None:
        try:
            while self.out:
                self._write_down(self.calls.collect(timeout=1.0))
        finally:
            withdrawal.unregister(self.ticket)
            connections.close_all()

    def _write_down(self, outcomes: Sequence[SendOutcome]) -> None:
        if not outcomes:
            return
        settlements, answers, news = [], [], False
        costly: dict[int, list[int]] = defaultdict(list)
        for outcome in outcomes:
            attempt, tries_charged, slots = self.out.pop(outcome.key)
            settlements.append(self._settlement(attempt, outcome, tries_charged, slots.number_id))
            if (
                settlements[-1].next_at
                and outcome.failure
                and retry_budget.uses_budget(outcome.failure)
            ):
                costly[slots.number_id].append(len(settlements) - 1)
            answers.append(
                CallReport(
                    slots.number_id,
                    outcome.failure,
                    slots.first,
                    wait=outcome.retry_after,
                    watched=slots.recovering,
                )
            )
            news |= slots.recovering or outcome.failure is not None
        failpoint("before_record")
        self._try_to_write(lambda: self._settle(settlements, costly))
        if news:
            self._try_to_write(lambda: _tell_pool(self.distribution, answers, now=self.clock()))

    def _settle(
        self, settlements: Sequence[Settlement], costly: Mapping[int, Sequence[int]]
    ) -> None:
        """Write them down; those at the `costly` places of each number within its budget."""
        written = list(settlements)
        for number_id, places in costly.items():
            waits = retry_budget.waits(number_id, len(places), now=self.clock())
            for place, wait in zip(places, waits, strict=True):
                written[place] = retry_policy.put_off(written[place], wait, self.window_end)
        conflicts: list[Conflict] = []
        deliveries.settle(written, conflicts=conflicts)
        self.sent.note(written)
        duplicates.tell_conflicts(conflicts, now=self.clock())

    @property
    def window_end(self) -> datetime:
        assert self.distribution.window_end is not None  # an open distribution has one
        return self.distribution.window_end

    def _settlement(
        self, attempt: AttemptKey, outcome: SendOutcome, tries_charged: int, number_id: int
    ) -> Settlement:
        return retry_policy.settlement(
            attempt,
            outcome,
            tries_charged=tries_charged,
            number_id=number_id,
            window_end=self.window_end,
        )


def _tell_pool(distribution: Distribution, answers: list[CallReport], *, now: datetime) -> None:
    """Numbers refused rest or slow down, backups wake, and what hits everybody pauses all."""
    lost = pool.report_calls(answers, now=now)
    actions = {answer.failure.action: answer.failure for answer in answers if answer.failure}
    if lost and distribution.sla_deadline is not None:
        waiting = control.waiting(distribution.pk)
        health.ensure_capacity(waiting, until=distribution.sla_deadline, now=now)
    if lost:
        phone_pool.refresh(now)
    for action in (Action.ABORT, Action.TEMPLATE):
        if action in actions:
            failure = actions[action]
            control.pause(distribution.pk, reason=f"{failure.slug}: {failure.advice}", now=now)
