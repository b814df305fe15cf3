"""Pause and cancel reach what was already paced and handed over: it is withdrawn unsent.

One thread a process looks twice a second whether the distributions it sends for still send; it
exists only while there is something to withdraw.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Lock, Thread

from django.db import close_old_connections, connections
from django.db.models import Q
from django.utils import timezone

from distribution.models import Distribution, DistributionState

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4  # pause, resume and cancel take effect within a second

Withdraw = Callable[[], object]


class _Watch:
    """The passes of this process, and the thread that watches over them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._serial = itertools.count(1)
        self._passes: dict[int, tuple[int, Withdraw]] = {}
        self._running = self._ending = False

    def enter(self, distribution_id: int, withdraw: Withdraw) -> int:
        with self._lock:
            ticket = next(self._serial)
            self._passes[ticket] = (distribution_id, withdraw)
            if not self._running:
                self._running = True
                Thread(target=self._run, name="halting", daemon=True).start()
            ending = self._ending
        if ending:
            withdraw()
        return ticket

    def leave(self, ticket: int) -> None:
        with self._lock:
            self._passes.pop(ticket, None)

    def halt_all(self, *, for_good: bool) -> int:
        with self._lock:
            self._ending = for_good
            passes = list(self._passes.values())
        for _, withdraw in passes:
            withdraw()
        return len(passes)

    def _run(self) -> None:
        try:
            while self._is_needed():
                self._look()
        finally:
            connections.close_all()

    def _is_needed(self) -> bool:
        time.sleep(LOOK_SECONDS)
        with self._lock:
            self._running = bool(self._passes)
            return self._running

    def _look(self) -> None:
        with self._lock:
            passes = list(self._passes.values())
        ids = {distribution_id for distribution_id, _ in passes}
        try:
            close_old_connections()
            halted = _halted(ids, timezone.now())
        except Exception as error:  # a database that is away withdraws nothing
            log.warning("pause and cancel are not seen: %s", type(error).__name__)
            return
        for distribution_id, withdraw in passes:
            if distribution_id in halted:
                withdraw()


def _halted(ids: Iterable[int], now: datetime) -> set[int]:
    """Those of them that must send no more: not sending, or their window is over."""
    over = ~Q(state=DistributionState.SENDING) | Q(window_end__lte=now)
    return set(Distribution.objects.filter(over, pk__in=ids).values_list("pk", flat=True))


_watch = _Watch()


def enter(distribution_id: int, withdraw: Withdraw) -> int:
    """From now on `withdraw` is called, perhaps often, once the distribution no longer sends.

    It is called from another thread and must not wait. Returns a ticket for `leave`.
    """
    return _watch.enter(distribution_id, withdraw)


def leave(ticket: int) -> None:
    """Nothing is left to withdraw."""
    _watch.leave(ticket)


def halt_all(*, for_good: bool = True) -> int:
    """This process is to end: withdraw everything it has not begun; how many passes that were.

    For good, passes that are begun later are withdrawn at once, too.
    """
    return _watch.halt_all(for_good=for_good)


def _start_anew() -> None:
    """Threads do not survive a fork, and a lock that was held stays held in the child."""
    global _watch
    _watch = _Watch()


os.register_at_fork(after_in_child=_start_anew)
