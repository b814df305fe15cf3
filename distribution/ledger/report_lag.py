"""How far WhatsApp's reports are in the ledger: a figure is as old as the oldest that waits.

A figure that lags is shown as lagging, and no service level counts as missed while reports that
came in time may still wait to be applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

SHOWN_FROM = timedelta(seconds=5)  # every drain lags a second or two
VERDICT_WAIT = timedelta(minutes=2)  # after the window; the morning report waits as long

OldestWaiting = Callable[[], datetime | None]
_inboxes: list[OldestWaiting] = []


def register_inbox(oldest_waiting: OldestWaiting) -> None:
    """Register an inbox, which stands above the ledger, by the question since when its oldest
    report waits. Twice is once."""
    if oldest_waiting not in _inboxes:
        _inboxes.append(oldest_waiting)


@dataclass(frozen=True, slots=True)
class ReportLag:
    """What was received before `as_of` is applied and counted, as seen at `now`."""

    as_of: datetime
    now: datetime
    counted_at: datetime | None = None  # None: just now

    def counted(self, at: datetime) -> ReportLag:
        """The lag of figures that were counted at this time."""
        return replace(self, as_of=min(self.as_of, at), counted_at=at)

    @property
    def counts_from(self) -> datetime:
        """What still waited then can be sent from then on."""
        return self.counted_at or self.now

    @property
    def seconds(self) -> float:
        return (self.now - self.as_of).total_seconds()

    @property
    def is_shown(self) -> bool:
        """Whether it is longer than usual."""
        return self.now - self.as_of > SHOWN_FROM

    @property
    def words(self) -> str:
        """'as of 06:03:12 IST, 8 s behind'."""
        time = timezone.localtime(self.as_of)
        return _("as of %(time)s, %(seconds)d s behind") % {
            "time": f"{time:%H:%M:%S %Z}",
            "seconds": round(self.seconds),
        }

    def holds_open(self, deadline: datetime | None) -> bool:
        """Whether reports that came by a deadline, which has passed, may still wait; if they wait
        for longer than VERDICT_WAIT, no longer."""
        if deadline is None or not deadline <= self.now < deadline + VERDICT_WAIT:
            return False
        return self.as_of < self.now and self.as_of <= deadline


def none(now: datetime) -> ReportLag:
    """Everything is applied."""
    return ReportLag(now, now)


def read(now: datetime) -> ReportLag:
    """How far it is; one look at the first row of an index."""
    waiting = [since for inbox in _inboxes if (since := inbox()) is not None]
    return ReportLag(min([*waiting, now]), now)
