"""Sending pauses for a part of each second while reports are applied more slowly than they come.

Where all cores are busy, sending would leave the reports too little CPU: with 2,200 messages a
second on two cores they fell a quarter of a second further behind in each second, and with them the
figures and what is decided by them. A message needs the same CPU in all, so the last report comes
no later.

Sending has priority. It does not pause if no process applies reports (the oldest one stays the
same), nor once reports are ten seconds behind despite the pauses. Then something else holds them
up, such as the webhooks that Meta sends again after our receiver was away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from django.db import Error
from django.utils import timezone

from distribution.ledger import report_lag
from distribution.ledger.report_lag import ReportLag
from distribution.runtime.background import PerProcess

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PAUSED_FROM_SECONDS = 1.5  # of lag: a drain lags a second
WIDEST_SECONDS = 1.0  # of lag beyond that, at which the pause is longest
MAX_SHARE = 0.5  # of each second
IN_VAIN_FROM_SECONDS = 10.0  # of lag; with the pauses it stayed below 4 for 1,000,000 people


class ReportBacklog:
    """How far reports lag, asked once a second by whichever thread of the process comes first."""

    def __init__(
        self,
        read: Callable[[datetime], ReportLag] = report_lag.read,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._clock = read, clock
        self._lock = Lock()
        self._look_at = self._paused_until = 0.0
        self._as_of: datetime | None = None
        self._is_slow = self._is_in_vain = False

    def pauses_sending(self) -> bool:
        """Whether no further messages are to be marked in flight right now."""
        now = self._clock()
        with self._lock:
            is_due = now >= self._look_at
            if is_due:
                self._look_at = now + LOOK_SECONDS
        if is_due:
            self._paused_until = now + LOOK_SECONDS * self._share()
        return now < self._paused_until

    def _share(self) -> float:
        """Of the next second, in which sending pauses."""
        try:
            lag = self._read(timezone.now())
        except Error as error:  # sending will notice itself if the database is away
            log.warning("the lag of reports could not be read: %s", type(error).__name__)
            return 0.0
        are_applied = self._as_of is not None and lag.as_of != self._as_of
        self._as_of = lag.as_of
        if lag.seconds <= PAUSED_FROM_SECONDS:
            self._is_in_vain = False
        elif lag.seconds >= IN_VAIN_FROM_SECONDS:
            self._is_in_vain = True
        share = MAX_SHARE * (lag.seconds - PAUSED_FROM_SECONDS) / WIDEST_SECONDS
        helps = are_applied and not self._is_in_vain
        share = min(max(share, 0.0), MAX_SHARE) if helps else 0.0
        if bool(share) != self._is_slow:
            self._is_slow = bool(share)
            pauses = "pauses" if share else "no longer pauses"
            log.info("reports are %.1f s behind: sending %s", lag.seconds, pauses)
        return share


_backlog = PerProcess(ReportBacklog)


def pauses_sending() -> bool:
    """Whether reports lag so far that this process is to mark no messages in flight right now."""
    return _backlog.get().pauses_sending()
