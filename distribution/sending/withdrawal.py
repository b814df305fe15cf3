"""Withdraws queued calls, unsent, when their distribution stops sending or takes another rung,
their recipient leaves or the process ends.

One thread per process checks three times a second whether the distributions it sends for still
send on the same rung, and whether the recipients of calls that have not begun still receive
messages; it exists only while there is something to withdraw. So a call that waits longer than
usual, behind slow answers or on a busy machine, begins at most half a second after the last look at
its recipient, too.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from django.db import close_old_connections
from django.db.models import BigIntegerField, Case, F, Q, Value, When
from django.utils import timezone

from distribution.models import Distribution, DistributionState
from distribution.runtime.background import BackgroundJob, PerProcess
from subscribers.key_lists import Among
from subscribers.models import Status, Subscriber

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.3  # with the query and on a busy machine less than half a second
STOPPED = 0  # no rung's key

Withdraw = Callable[[], object]
# The recipients of a run's calls that have not begun, by the key of the call: the delivery.
Recipients = Callable[[], Mapping[int, int]]
WithdrawCalls = Callable[[Collection[int]], object]


@dataclass(frozen=True, slots=True)
class _Run:
    distribution_id: int
    rung_id: int | None  # that its messages were made for
    withdraw: Withdraw
    recipients: Recipients
    withdraw_calls: WithdrawCalls


class _Registry:
    """The batch runs of this process, and the thread that checks their distributions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._serial = itertools.count(1)
        self._runs: dict[int, _Run] = {}
        self._checking = self._ending = False

    def register(self, run: _Run) -> int:
        with self._lock:
            ticket = next(self._serial)
            self._runs[ticket] = run
            if not self._checking:
                self._checking = True
                # A new job each time: the thread of the last one may still be ending.
                BackgroundJob("withdrawal", self._check_while_needed).start()
            ending = self._ending
        if ending:
            run.withdraw()
        return ticket

    def unregister(self, ticket: int) -> None:
        with self._lock:
            self._runs.pop(ticket, None)

    def withdraw_all(self, *, for_good: bool) -> int:
        with self._lock:
            self._ending = for_good
            runs = list(self._runs.values())
        for run in runs:
            run.withdraw()
        return len(runs)

    def _check_while_needed(self) -> None:
        while self._is_needed():
            self._check()

    def _is_needed(self) -> bool:
        time.sleep(CHECK_SECONDS)
        with self._lock:
            self._checking = bool(self._runs)
            return self._checking

    def _check(self) -> None:
        with self._lock:
            runs = list(self._runs.values())
        waiting = [(run, run.recipients()) for run in runs]
        try:
            close_old_connections()
            rungs = _rungs({run.distribution_id for run in runs}, timezone.now())
            left = _left({person for _, recipients in waiting for person in recipients.values()})
        except Exception as error:  # a database that is away withdraws nothing
            log.warning("pause, cancel and opt-outs are not seen: %s", type(error).__name__)
            return
        for run, recipients in waiting:
            if rungs.get(run.distribution_id, run.rung_id) != run.rung_id:
                run.withdraw()
            elif calls := [key for key, person in recipients.items() if person in left]:
                run.withdraw_calls(calls)


def _rungs(ids: Iterable[int], now: datetime) -> dict[int, int | None]:
    """The rung of each of them; STOPPED: it must send no more, or its window is over."""
    rows = Distribution.objects.filter(pk__in=ids)
    stopped = ~Q(state=DistributionState.SENDING) | Q(window_end__lte=now)
    on = Case(
        When(stopped, then=Value(STOPPED)), default=F("rung_id"), output_field=BigIntegerField()
    )
    return dict(rows.annotate(on=on).values_list("pk", "on"))


def _left(ids: Collection[int]) -> set[int]:
    """Those of these subscribers who receive no messages any more."""
    if not ids:
        return set()
    gone = Subscriber.objects.filter(Among("pk", ids)).exclude(status=Status.ACTIVE)
    return set(gone.values_list("pk", flat=True))


_registry = PerProcess(_Registry)


def register(
    distribution: Distribution,
    withdraw: Withdraw,
    recipients: Recipients,
    withdraw_calls: WithdrawCalls,
) -> int:
    """Have `withdraw` called, possibly repeatedly, once the distribution no longer sends or has
    taken another rung, and `withdraw_calls` with the keys of those `recipients` who left.

    They are called from another thread and must not block. Returns a ticket for `unregister`.
    """
    run = _Run(distribution.pk, distribution.rung_id, withdraw, recipients, withdraw_calls)
    return _registry.get().register(run)


def unregister(ticket: int) -> None:
    """Nothing of that run is left to withdraw."""
    _registry.get().unregister(ticket)


def withdraw_all(*, for_good: bool = True) -> int:
    """The process is about to end: withdraw what was not begun; how many batch runs that were.

    With `for_good`, runs that register later are withdrawn at once, too.
    """
    return _registry.get().withdraw_all(for_good=for_good)
