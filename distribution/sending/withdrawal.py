"""Withdraws queued calls, unsent, when their distribution stops sending or the process ends.

One thread per process checks twice a second whether the distributions it sends for still send; it
exists only while there is something to withdraw.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Lock

from django.db import close_old_connections
from django.db.models import Q
from django.utils import timezone

from distribution.models import Distribution, DistributionState
from distribution.runtime.background import BackgroundJob, PerProcess

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.4  # pause, resume and cancel take effect within a second

Withdraw = Callable[[], object]


class _Registry:
    """The batch runs of this process, and the thread that checks their distributions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._serial = itertools.count(1)
        self._runs: dict[int, tuple[int, Withdraw]] = {}
        self._checking = self._ending = False

    def register(self, distribution_id: int, withdraw: Withdraw) -> int:
        with self._lock:
            ticket = next(self._serial)
            self._runs[ticket] = (distribution_id, withdraw)
            if not self._checking:
                self._checking = True
                # A new job each time: the thread of the last one may still be ending.
                BackgroundJob("withdrawal", self._check_while_needed).start()
            ending = self._ending
        if ending:
            withdraw()
        return ticket

    def unregister(self, ticket: int) -> None:
        with self._lock:
            self._runs.pop(ticket, None)

    def withdraw_all(self, *, for_good: bool) -> int:
        with self._lock:
            self._ending = for_good
            runs = list(self._runs.values())
        for _, withdraw in runs:
            withdraw()
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
        ids = {distribution_id for distribution_id, _ in runs}
        try:
            close_old_connections()
            stopped = _stopped(ids, timezone.now())
        except Exception as error:  # a database that is away withdraws nothing
            log.warning("pause and cancel are not seen: %s", type(error).__name__)
            return
        for distribution_id, withdraw in runs:
            if distribution_id in stopped:
                withdraw()


def _stopped(ids: Iterable[int], now: datetime) -> set[int]:
    """Those of them that must send no more: not sending, or their window is over."""
    over = ~Q(state=DistributionState.SENDING) | Q(window_end__lte=now)
    return set(Distribution.objects.filter(over, pk__in=ids).values_list("pk", flat=True))


_registry = PerProcess(_Registry)


def register(distribution_id: int, withdraw: Withdraw) -> int:
    """Have `withdraw` called, possibly repeatedly, once the distribution no longer sends.

    It is called from another thread and must not block. Returns a ticket for `unregister`.
    """
    return _registry.get().register(distribution_id, withdraw)


def unregister(ticket: int) -> None:
    """Nothing of that run is left to withdraw."""
    _registry.get().unregister(ticket)


def withdraw_all(*, for_good: bool = True) -> int:
    """The process is about to end: withdraw what was not begun; how many batch runs that were.

    With `for_good`, runs that register later are withdrawn at once, too.
    """
    return _registry.get().withdraw_all(for_good=for_good)
