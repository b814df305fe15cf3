"""Send what is due of one batch: claim, reserve slots, mark, call, record the outcomes.

The claim's owner walks through its rows in micro-batches. Each gets slots, is marked in flight
just before its first slot and handed to the transport; outcomes of earlier ones are recorded
while it waits. No transaction is open during a call.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from threading import Event

from django.conf import settings
from django.utils import timezone

from distribution.content import eligible_numbers, rendering
from distribution.ledger import deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.claims import Claim, ClaimedDelivery
from distribution.lifecycle import batch_sizes, portfolio_plan
from distribution.models import AttemptOutcome, Distribution, State
from distribution.quality import sent_templates
from distribution.sending import late_answers, report_backlog, withdrawal
from distribution.sending.settling import BatchResult, Clock, InFlight, Settling
from phonepool.cloud_api.client import CloudApi, PreparedMessage
from phonepool.errors import WITHDRAWN
from phonepool.failpoints import failpoint
from phonepool.numbers import handover, leases, pool, reservation, utilisation
from phonepool.numbers.reservation import Reservation

log = logging.getLogger(__name__)

HANDOVER_LEAD_SECONDS = 0.08  # before its first slot a micro-batch is marked and handed over
# From the mark, which asks whether the recipient still receives messages, to the last slot of a
# micro-batch: of a slow number it is smaller. `withdrawal` asks again about calls that are late.
MARKED_AHEAD_SECONDS = 0.39
SETTLE_INTERVAL_SECONDS = 1.0  # that outcomes are collected before they are written together
SHORT_WAIT_SECONDS = 0.2  # in which too few answers come to write them apart from the next
# A batch waits this long for its last answers; slower ones are collected in the background,
# so that ten batches at a time do not become the limit when Meta answers slowly.
LAST_ANSWER_WAIT_SECONDS = 1.0
NO_SLOT_DELAY = timedelta(seconds=2)  # when no number has a slot: the next try after this
# Calls of a number that are later than this get none behind them. Where the machine or Meta is
# slower than the slots, a third of 100,000 passed its deadline, and a crash leaves all in doubt.
LATE_LIMIT_SECONDS = 0.5
LATE_LOOK_SECONDS = 0.1  # between two looks whether they are late
LOOK_SECONDS = 0.25  # between two looks at numbers that belong to other processes
MAX_WAIT_SHARE = 0.6  # of the claim's lease, that the batch waits for a number or late calls


Again = Callable[[float], object]  # have the batch sent again in so many seconds


def no_more(_: float) -> None:
    """Somebody else finds what is due again."""


def send_batch(
    distribution_id: int,
    batch_no: int,
    *,
    api: CloudApi,
    clock: Clock = timezone.now,
    again: Again = no_more,
) -> BatchResult:
    """Send the due rows of one batch. Safe to call twice, at once, and after any crash.

    `again` is called from another thread for what answers make due that come after the return.
    """
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    claim = deliveries.claim(
        distribution_id, batch_no, limit=settings.BATCH_SIZE, now=clock(), lease=lease
    )
    result = BatchResult()
    if claim.deliveries:
        failpoint("after_claim")
        with handover.sending(leases.this_process(), clock):
            BatchRun(distribution_id, batch_no, claim, api, clock, lease, result, again).run()
    return result


class BatchRun:
    """One caller's run over its claim."""

    def __init__(
        self,
        distribution_id: int,
        batch_no: int,
        claim: Claim,
        api: CloudApi,
        clock: Clock,
        lease: timedelta,
        result: BatchResult,
        again: Again,
    ) -> None:
        # Most have no template of their own, no standby and no other rung; those which have read
        # them apart. PostgreSQL takes ten times as long to plan a statement over all six tables.
        planned = Distribution.objects.select_related("content__message_template")
        self.distribution = planned.get(pk=distribution_id)
        content = self.distribution.content
        assert content is not None  # an open distribution has one
        self.sent = sent_templates.of(self.distribution, content)
        self.numbers = eligible_numbers.for_content(self.sent.content, self.distribution.local_date)
        self.allowed = portfolio_plan.numbers_for(self.distribution, batch_no, self.numbers.allowed)
        self.claim, self.clock, self.lease, self.result = claim, clock, lease, result
        self.calls = api.dispatch()
        self.wordings: dict[int, rendering.Wording] = {}  # by message template
        self.settling = Settling(self.distribution, clock, result)
        self.waiting = deque(claim.deliveries)
        self.reserved: Reservation | None = None  # slots of what waits
        self.withdrawn = Event()
        self.ticket, self.in_background = 0, False
        self.again = again

    def run(self) -> None:
        self.ticket = withdrawal.register(
            self.distribution, self._withdraw, self._not_begun, self.calls.withdraw
        )
        try:
            self._send_all()
        finally:
            if not self.in_background:
                withdrawal.unregister(self.ticket)

    def _send_all(self) -> None:
        try:
            while self.waiting and not self.withdrawn.is_set() and self._send_micro_batch():
                pass
        except BaseException:
            self.calls.close()  # what has not begun is never sent, and its outcome says so
            self.settling.try_to_write(self._undo_marks)
            raise
        finally:
            if self.waiting:
                self.settling.try_to_write(self._give_back)
            self._await_last_answers()

    def _undo_marks(self) -> None:
        """Rows may be marked although the answer of the database was lost: none was handed over.

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
                next_at=at + NO_SLOT_DELAY,
                outcome=AttemptOutcome.NOT_SENT,
                number_id=numbers[row.pk],
            )
            for row in self.waiting
            if row.pk in numbers
        ]
        deliveries.settle(later, distribution_id=self.distribution.pk)

    def _give_back(self) -> None:
        left = [delivery.pk for delivery in self.waiting]
        deliveries.release_claim(self.claim, left, next_at=self.clock() + NO_SLOT_DELAY)
        self.result.due_in(NO_SLOT_DELAY.total_seconds())

    def _withdraw(self) -> None:
        """Paused, cancelled, or the process ends: what has not begun is not sent."""
        self.withdrawn.set()
        self.calls.close()

    def _not_begun(self) -> dict[int, int]:
        """The recipients of calls that wait in this process, by delivery."""
        in_flight = self.settling.in_flight.copy()
        keys = self.calls.not_begun()
        return {key: in_flight[key].subscriber_id for key in keys if key in in_flight}

    def _send_micro_batch(self) -> bool:
        """Send the next micro-batch; False when the rest must wait for another run."""
        slots = self._next_slots()
        if slots is None:
            return False
        group = [self.waiting[place] for place in range(slots.count)]
        self._record_until(slots.first - HANDOVER_LEAD_SECONDS)
        if not self._may_go_on(slots.meta_id):
            return False
        if not reservation.keep(slots, now=self.clock()):
            return False
        # Before the mark: a process frozen in between must wake to a deadline that has passed.
        messages, unsendable = self._prepare(group, slots)
        if self.withdrawn.is_set():
            return False
        marked = deliveries.mark_inflight(
            self.claim,
            group,
            number_id=slots.number_id,
            now=self.clock(),
            lease=self.lease,
            sent_as=self.sent.sent_as(group),
        )
        failpoint("after_mark")
        if len(marked) < len(group):
            left = deliveries.skip_left(
                self.claim, [row.pk for row in group if row.pk not in marked]
            )
            self.result.states[State.SKIPPED] += left
            if not marked and not left:  # paused, cancelled, another rung, or the lease ran short
                return False
        for delivery in group:
            self.waiting.popleft()
            if delivery.pk in marked:
                call = InFlight(
                    self.claim.attempt(delivery),
                    delivery.tries_charged,
                    slots,
                    delivery.subscriber_id,
                    delivery.phone,
                    self.sent.sent_with(delivery.subscriber_id),
                )
                self.settling.in_flight[delivery.pk] = call
        self.calls.submit([message for message in messages if message.key in marked])
        if self.withdrawn.is_set():  # since the last check
            self.calls.close()
        self.settling.fail_unsendable([pk for pk in unsendable if pk in marked])
        return True

    def _next_slots(self) -> Reservation | None:
        """Slots for a micro-batch; they are reserved for all that wait, in one statement."""
        slots = self.reserved or self._reserve()
        if slots is not None:
            fitting = 1 + int((MARKED_AHEAD_SECONDS - HANDOVER_LEAD_SECONDS) / slots.spacing)
            rate = utilisation.limit_of(1 / slots.spacing)
            size = batch_sizes.micro_batch(rate, most=settings.MICRO_BATCH_SIZE)
            slots, self.reserved = slots.split(min(size, fitting))
        return slots

    def _reserve(self) -> Reservation | None:
        """Slots for all that wait; if every number belongs to another process, waits for one."""
        end = time.monotonic() + self.lease.total_seconds() * MAX_WAIT_SHARE
        while True:
            now = self.clock()
            slots = pool.reserve(len(self.waiting), now=now, allowed=self.allowed)
            if slots or not pool.is_held_elsewhere(now=now, allowed=self.allowed):
                return slots
            if not self._wait_to_look(end):
                return None

    def _may_go_on(self, phone_number_id: str) -> bool:
        """Waits until neither the number's calls nor reports are late; False: not within the time
        for that."""
        record_at = time.monotonic() + SETTLE_INTERVAL_SECONDS  # not at each look: writes cost CPU
        end = time.monotonic() + self.lease.total_seconds() * MAX_WAIT_SHARE
        while (
            self.calls.late_by(phone_number_id) > LATE_LIMIT_SECONDS
            or report_backlog.pauses_sending()
        ):
            if self.withdrawn.wait(LATE_LOOK_SECONDS) or (now := time.monotonic()) >= end:
                return False
            if now >= record_at and self.settling.in_flight:
                self._collect(timeout=0.0)
                record_at = now + SETTLE_INTERVAL_SECONDS
        return True

    def _wait_to_look(self, end: float) -> bool:
        """Until this thread is to look for a number again; False: it need not."""
        while not self.withdrawn.is_set() and time.monotonic() < end:
            self._record_until(self.clock().timestamp() + LOOK_SECONDS)
            if leases.this_process().may_look(LOOK_SECONDS):
                return not self.withdrawn.is_set()
        return False

    def _prepare(
        self, group: list[ClaimedDelivery], slots: Reservation
    ) -> tuple[list[PreparedMessage], list[int]]:
        """The group's messages, and the keys of those whose content cannot be made."""
        ahead = time.monotonic() - self.clock().timestamp()  # wall clock → monotonic
        deadline = time.monotonic() + self.lease.total_seconds() / 2
        messages, unsendable = [], []
        for place, delivery in enumerate(group):
            try:
                messages.append(
                    rendering.prepare(
                        self._wording_for(delivery.subscriber_id),
                        delivery,
                        to=delivery.phone,
                        key=delivery.pk,
                        attempt_id=str(self.claim.attempt(delivery)),
                        slots=slots,
                        media_id=self.numbers.media_id(slots.number_id),
                        send_at=slots.slot(place) + ahead,
                        deadline=deadline,
                    )
                )
            except Exception:  # one person's data must not keep the others waiting
                log.exception("no message can be made for delivery %d", delivery.pk)
                unsendable.append(delivery.pk)
        return messages, unsendable

    def _wording_for(self, subscriber_id: int) -> rendering.Wording:
        content = self.sent.for_person(subscriber_id)
        key = content.message_template_id
        if key not in self.wordings:
            self.wordings[key] = rendering.Wording(content)
        return self.wordings[key]

    def _record_until(self, moment: float) -> None:
        """Record outcomes until the wall clock shows `moment` (Unix seconds)."""
        while not self.withdrawn.is_set() and (left := moment - self.clock().timestamp()) > 0:
            if self.settling.in_flight and left >= SHORT_WAIT_SECONDS:
                self._collect(timeout=min(left, SETTLE_INTERVAL_SECONDS))
            else:
                self.withdrawn.wait(min(left, SETTLE_INTERVAL_SECONDS))

    def _collect(self, *, timeout: float) -> None:
        self.settling.record(self.calls.collect(timeout=timeout))

    def _await_last_answers(self) -> None:
        end = time.monotonic() + LAST_ANSWER_WAIT_SECONDS
        while self.settling.in_flight and (left := end - time.monotonic()) > 0:
            self._collect(timeout=min(left, SETTLE_INTERVAL_SECONDS))
        if self.settling.in_flight:
            self.in_background = True
            self.settling.result = BatchResult()  # the caller goes on with that of so far
            late_answers.collect(self)
        else:
            self.settling.judge()

    def collect_late(self, timeout: float) -> bool:
        """Record the answers that come within so many seconds; whether any are still missing."""
        self._collect(timeout=timeout)
        if not self.settling.in_flight:
            self.settling.judge()
        due, self.settling.result.retry_after = self.settling.result.retry_after, None
        if due is not None:
            self.again(due)
        return bool(self.settling.in_flight)

    def end_late(self) -> None:
        """Nothing is left to withdraw."""
        withdrawal.unregister(self.ticket)
