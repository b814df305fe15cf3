"""A phone number belongs to one process that sends at a time, so that one gate counts all it sends.

The row names its holder and counts reservations. Each of them extends the lease, which every call
of the holder asks on its own clock before the first byte. Another process takes the number once it
has seen the count stand still for the lease and GAP_SECONDS, on its own clock, too: so no two
machines compare their clocks, and no second holds sends of two processes.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from phonepool.cloud_api.lease import Clock, Lease, boot_clock
from phonepool.models import PhoneNumber

GAP_SECONDS = 1.1  # between the last send of one process and the first of another
RESUME_SECONDS = 3.0  # a number that was let go and that nobody took is used again after this
# What the wall clock says of a lease is believed only if it is older than any two clocks differ: a
# process that has just started need not wait for the leases of yesterday.
SKEW_SECONDS = 7_200.0


class Held(Lease):
    """The lease of a number that this process holds."""

    __slots__ = ("leaving", "since")

    def __init__(self, began: float, clock: Clock) -> None:
        super().__init__(began, clock)
        self.since = began  # of the turn
        self.leaving = False  # no more slots are reserved: another process asked for it


@dataclass(slots=True)
class _Seen:
    """What this process saw of another's lease, on its own clock."""

    holder: str
    renewals: int
    since: float
    active: float = float("-inf")  # when it last saw that holder reserve slots


class Sender:
    """One process that sends: its name, the numbers it holds, and what it saw of the others."""

    def __init__(self, name: str, clock: Clock = boot_clock) -> None:
        self.name, self.clock = name, clock
        self._lock = threading.Lock()
        self._held: dict[int, Held] = {}
        self._seen: dict[int, _Seen] = {}
        self._look_again_at = float("-inf")  # while it waits for a number
        self._batches = 0  # under way

    def begin_batch(self) -> None:
        with self._lock:
            self._batches += 1

    def end_batch(self) -> bool:
        """Whether it holds numbers and sends from none of them now."""
        with self._lock:
            self._batches -= 1
            return not self._batches and any(not held.is_over for held in self._held.values())

    def observe(self, numbers: Iterable[PhoneNumber]) -> None:
        """Notes what was just read of them. Not earlier: a lease begins before it is stored."""
        with self._lock:
            at = self.clock()
            for number in numbers:
                if number.holder not in ("", self.name):
                    self._note(number, at)

    def _note(self, number: PhoneNumber, at: float) -> None:
        seen = self._seen.get(number.pk)
        if seen is None or seen.holder != number.holder:
            self._seen[number.pk] = _Seen(number.holder, number.renewals, at)
        elif seen.renewals != number.renewals:
            seen.renewals, seen.since, seen.active = number.renewals, at, at

    def holds(self, number: PhoneNumber) -> bool:
        """Whether it may reserve slots of the number without a change of hands."""
        if number.holder != self.name:
            return False
        with self._lock:
            held = self._held.get(number.pk)
            return held is None or not _is_gone(held, self.clock())

    def is_anothers(self, number: PhoneNumber, now: datetime) -> bool:
        """Whether another process may still send from it."""
        if number.holder in ("", self.name):
            return False
        with self._lock:
            seen, at = self._seen.get(number.pk), self.clock()
            if seen is None or (seen.holder, seen.renewals) != (number.holder, number.renewals):
                return True  # it was not observed
            if at >= seen.since + number.lease_seconds + GAP_SECONDS:
                return False
            stale = number.held_at + number.lease_seconds + SKEW_SECONDS < now.timestamp()
            return not (stale and at > seen.active + SKEW_SECONDS)

    def may_reserve(self, number: PhoneNumber, now: datetime) -> bool:
        if number.holder == self.name:
            return self.holds(number)
        return not self.is_anothers(number, now)

    def is_new(self, number_id: int) -> bool:
        """Whether its next reservation begins a turn: who asked for the number had it, or died."""
        with self._lock:
            held = self._held.get(number_id)
            return held is None or held.leaving or held.is_over

    def extend(self, number_id: int, began: float, seconds: float) -> Held | None:
        """A statement that began at `began` made or extended the lease. None: it was let go
        meanwhile, so the slots must not be used."""
        with self._lock:
            held = self._held.setdefault(number_id, Held(began, self.clock))
            if _is_gone(held, began):
                return None
            if held.leaving or held.deadline < began:
                held.leaving, held.since = False, began
            held.deadline = max(held.deadline, began + seconds)
            return held

    def is_leaving(self, number_id: int) -> bool:
        """Whether it let the number go, but may still send what it had reserved."""
        with self._lock:
            held = self._held.get(number_id)
            return held is not None and held.leaving

    def may_look(self, every: float) -> bool:
        """Whether to look for a number again: one thread of the process does, for all."""
        with self._lock:
            at = self.clock()
            if at < self._look_again_at:
                return False
            self._look_again_at = at + every
            return True

    def turn(self, number_id: int) -> float:
        """For how many seconds it has held the number without a break."""
        with self._lock:
            held = self._held.get(number_id)
            return self.clock() - held.since if held else 0.0

    def let_go(self, number_id: int, deadline: float) -> None:
        """Reserves no more slots of it, and sends nothing after `deadline`."""
        with self._lock:
            held = self._held.get(number_id)
            if held is not None:
                held.leaving, held.deadline = True, min(held.deadline, deadline)

    def send_until(self, number_id: int, deadline: float) -> None:
        """It was stored how long what was reserved may still be sent."""
        with self._lock:
            held = self._held.get(number_id)
            if held is not None and held.leaving:
                held.deadline = max(held.deadline, deadline)


def _is_gone(held: Held, at: float) -> bool:
    return held.leaving and at <= held.deadline + RESUME_SECONDS


def by_holder(sender: Sender, numbers: Iterable[PhoneNumber], now: datetime) -> Counter[str]:
    """How many of the numbers each process holds now; the others' only while they may send."""
    held: Counter[str] = Counter()
    for number in numbers:
        if sender.holds(number) or sender.is_anothers(number, now):
            held[number.holder] += 1
    return held


_this: Sender | None = None
_this_lock = threading.Lock()


def this_process() -> Sender:
    """The sender that all threads of this process are."""
    global _this
    with _this_lock:
        if _this is None:
            name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(6)}"
            _this = Sender(name)
        return _this


def _forget() -> None:
    """A forked process is another sender."""
    global _this, _this_lock
    _this, _this_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def seconds() -> float:
    """How long a lease lasts after a reservation."""
    return float(settings.NUMBER_LEASE_SECONDS)
