"""The client's threads: one takes jobs when they are due, a bounded pool runs them.

All callers in the process share them, so that slots are in order over all callers, and a batch
whose calls hang occupies threads but not another batch's slots.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from phonepool.cloud_api.pacing import Pacer, Slotted

log = logging.getLogger(__name__)


class Job(Slotted, Protocol):
    """One call to make."""

    def run(self) -> None:
        """Makes the call, in one of the pool's threads. Must not raise."""

    def drop(self) -> None:
        """Called instead of `run` when the job will never start."""


J = TypeVar("J", bound=Job)


class Dispatcher(Generic[J]):
    """Runs each job when it is due, at most `concurrency` at a time, on daemon threads."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._lock = threading.Lock()  # for all fields below
        self._pacer: Pacer[J] = Pacer()
        self._threads = self._idle = 0
        self._serial = itertools.count(1)
        self._pacer_thread: threading.Thread | None = None
        self._closed = False
        self._ready: SimpleQueue[J | None] = SimpleQueue()
        self._wake: SimpleQueue[None] = SimpleQueue()  # wakes the pacer thread

    def submit(self, jobs: Sequence[J]) -> None:
        """Runs the jobs when they are due; after `close` they are dropped."""
        with self._lock:
            closed = self._closed
            if not closed:
                self._start_pacer_thread()
                for job in jobs:
                    self._pacer.add(job)
        self._wake.put(None)
        if closed:
            _drop(jobs)

    def late_by(self, phone_number_id: str) -> float:
        """Seconds by which the first job of this number that waits for a thread is late."""
        with self._lock:
            return self._pacer.late_by(phone_number_id, time.monotonic())

    def withdraw(self, unwanted: Callable[[J], bool]) -> None:
        """Drops the jobs that are `unwanted` and not yet started."""
        with self._lock:
            withdrawn = self._pacer.withdraw(unwanted)
        _drop(withdrawn)

    def close(self) -> None:
        """Drops waiting jobs; the threads end after their current call. Does not wait for them."""
        with self._lock:
            self._closed = True
            left = self._pacer.withdraw(lambda _: True)
            threads = self._threads
        self._wake.put(None)
        for _ in range(threads):
            self._ready.put(None)
        _drop(left)

    def _start_pacer_thread(self) -> None:
        if self._pacer_thread is None:
            self._pacer_thread = threading.Thread(
                target=self._run_pacer, name="cloud-api-pacer", daemon=True
            )
            self._pacer_thread.start()

    def _run_pacer(self) -> None:
        while not self._closed:
            wait, jobs, new_threads = self._take_due()
            for job in jobs:
                self._ready.put(job)
            missing = sum(not self._add_thread() for _ in range(new_threads))
            if missing:
                self._reduce_threads(missing)
            if not jobs:
                with suppress(Empty):
                    self._wake.get(timeout=wait)

    def _take_due(self) -> tuple[float | None, list[J], int]:
        """Seconds to wait (None: until woken), or the due jobs and how many more threads they
        need."""
        with self._lock:
            room = self._idle + self._concurrency - self._threads
            start = self._pacer.next_start() if room > 0 else None
            now = time.monotonic()
            if start is None or start > now:
                return (None if start is None else start - now), [], 0
            jobs: list[J] = []
            while len(jobs) < room and (job := self._pacer.pop(now)) is not None:
                jobs.append(job)
            new_threads = max(0, len(jobs) - max(0, self._idle))
            self._idle -= len(jobs) - new_threads
            self._threads += new_threads
            return None, jobs, new_threads

    def _add_thread(self) -> bool:
        name = f"cloud-api-{next(self._serial)}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError:  # the system allows no more
            return False
        return True

    def _reduce_threads(self, missing: int) -> None:
        """Continues with the existing threads; each takes another job when its call has ended."""
        with self._lock:
            self._threads -= missing
            self._idle -= missing
            self._concurrency = max(1, self._threads)
            no_threads = self._threads == 0
        log.warning("the system gives no more than %d threads for calls", self._threads)
        while no_threads and not self._ready.empty():  # run them here, one by one
            self._run_next()

    def _work(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        job = self._ready.get()
        if job is None:
            return False
        job.run()
        with self._lock:
            self._idle += 1
            pacer_waits = self._idle == 1 and self._threads >= self._concurrency
        if pacer_waits:
            self._wake.put(None)
        return True


def _drop(jobs: Iterable[Job]) -> None:
    for job in jobs:
        job.drop()
