"""The second engine: it needs the database and nothing else, and does what Celery leaves undone.

Every few seconds one look at the database. While something is on, it makes the regular check
itself; where nothing moves although it could, it sends by itself; what Celery does not drain,
refresh or tell any more, it does instead. Any number of keepers may run at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.db.models import Exists, Subquery
from django.utils import timezone

from distribution.alerts.notifiers import webhook
from distribution.engine import clock_repair, tick
from distribution.engine.standby_sender import Relief, Send
from distribution.event_webhooks import delivery
from distribution.lifecycle import schedule
from distribution.models import Alert, Delivery, Distribution, Heartbeat, Kind, StatusFeed
from distribution.models.deliveries import CLAIMABLE
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.models.heartbeats import KEEPER, SLA, TICK, is_silent
from distribution.runtime import india_time
from distribution.runtime.watchdog import Watchdog
from phonepool.models import NumberState, PhoneNumber
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

LONGEST_BACKOFF = 10.0  # seconds between two tries while the database is away
MOST_BATCHES = 200  # asked for in one round
FREEZE_RATE = 5_000  # people a second that opening freezes at the very least
DRAIN_LAG = timedelta(seconds=10)  # how far behind a healthy drain's word always is
ENDING_SECONDS = 8.0  # to end what is under way; supervisors kill after ten

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Duties:
    """What the keeper does through others, handed in by whoever starts it."""

    send: Send  # one batch, to its end
    publish: Callable[[int], bool]  # a distribution's batches to the broker; may block
    drain: Callable[[datetime], object]  # apply the webhooks that wait
    post_events: Callable[[], object] = lambda: None  # to other systems; must not block
    count: Callable[[], object] = lambda: None  # the figures of ended ones; must not block
    halt: Callable[[], object] = lambda: None  # withdraw what was not begun: we are to end


@dataclass(frozen=True, slots=True)
class Look:
    """One glance at what there is to do."""

    running: bool
    due: bool  # something is to be opened, or written down to be opened
    rested: bool
    untold: bool  # an alert nobody was told of
    tick_at: datetime | None  # Celery's last regular check
    sla_at: datetime | None
    applied_through: datetime | None  # of Meta's webhooks


def look(now: datetime) -> Look:
    """Everything in one statement over small tables."""
    day = india_time.local_date(now)
    hearts = Heartbeat.objects.all()
    live = Distribution.objects.all()
    row = (
        hearts.filter(pk=KEEPER)
        .values_list(
            Exists(live.filter(state__in=RUNNING)),
            Exists(live.filter(state__in=UNOPENED, planned_at__lte=now)),
            Exists(live.filter(kind=Kind.DAILY, local_date=day)),
            Subquery(schedule.times(day).values("time")[:1]),
            Exists(PhoneNumber.objects.filter(state=NumberState.RESTING, rest_until__lte=now)),
            Exists(Alert.objects.filter(notified_at=None, opened_at__lt=now - 3 * _patience())),
            Subquery(hearts.filter(pk=TICK).values("at")),
            Subquery(hearts.filter(pk=SLA).values("at")),
            Subquery(StatusFeed.objects.filter(pk=1).values("applied_through")),
        )
        .first()
    )
    if row is None:  # somebody emptied the table since our beat
        return Look(
            running=True,
            due=True,
            rested=True,
            untold=True,
            tick_at=None,
            sla_at=None,
            applied_through=None,
        )
    running, waiting, today, at, *rest = row
    due = waiting or (not today and now >= schedule.moment(day, at))
    return Look(running, due, *rest)


class Keeper:
    """Rounds without end. Everything it remembers may be lost without harm."""

    def __init__(self, duties: Duties, *, watchdog: Watchdog, clock: Clock = timezone.now) -> None:
        self._duties, self._watchdog, self._clock = duties, watchdog, clock
        self._relief = Relief(
            duties.send,
            threads=settings.QUEUE_CONCURRENCY["batch-processing"],
            watch=lambda: watchdog.step("sending a batch", extra=2 * settings.LEASE_SECONDS),
        )
        self._unpublished: set[int] = set()  # distributions whose chord the broker did not take
        self._taken_over: set[int] = set()  # those that we send until nothing of them is due
        self._checked = float("-inf")
        self._told: Thread | None = None

    def run(self, stop: Event, *, ready: Callable[[], object] = lambda: None) -> None:
        """Rounds until `stop` is set; `ready` is called after the first that worked."""
        failures, told = 0, False
        while not stop.is_set():
            began = time.monotonic()
            if self._try_round():
                failures = 0
                if not told:
                    ready()
                    told = True
                pause = settings.KEEPER_INTERVAL - (time.monotonic() - began)
            else:
                failures += 1
                pause = min(0.5 * 2**failures, LONGEST_BACKOFF)
            stop.wait(max(0.0, pause))
        self._end()

    def _round(self) -> None:
        """Look once, and do what there is to do. Two statements when there is nothing."""
        now = self._clock()
        with self._step("the heartbeat"):
            close_old_connections()
            clock_repair.beat(KEEPER, now, "sending" if self._relief.busy else "")
            seen = look(now)
        silent = is_silent(seen.tick_at, now, 3 * settings.TICK_SECONDS)
        tick_due = time.monotonic() - self._checked >= settings.TICK_SECONDS
        if seen.running or seen.due or seen.rested or (silent and tick_due):
            self._do("the regular check", self._check, now, extra=_freeze_time(seen))
        if seen.running or seen.due or self._taken_over:
            self._do("relieving", self._relieve, now)
        if silent or _lags(seen.applied_through, now):
            self._do("draining webhooks", self._duties.drain, now)
        if seen.running and is_silent(seen.sla_at, now, settings.KEEPER_STALE_SECONDS / 2):
            self._do("the service level", tick.refresh_sla, now)
        if seen.untold and settings.WEBHOOK_ALERT_URL:
            self._tell_aside()
        if silent and tick_due:
            self._do("outgoing events", self._post_events, now)
            self._duties.count()

    def _try_round(self) -> bool:
        try:
            self._round()
        except (DatabaseError, InterfaceError) as error:
            log.warning("the database does not serve: %s", type(error).__name__)
            connections.close_all()
            return False
        except Exception:
            log.exception("a round broke off")
            return False
        return True

    def _step(self, name: str, extra: float = 0.0) -> AbstractContextManager[None]:
        return self._watchdog.step(name, extra=extra)

    def _do(
        self, name: str, duty: Callable[[datetime], object], now: datetime, *, extra: float = 0.0
    ) -> None:
        """One duty; one that breaks keeps none of the others from being done."""
        try:
            with self._step(name, extra):
                duty(now)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            log.exception("%s broke off", name)

    def _check(self, now: datetime) -> None:
        self._checked = time.monotonic()
        for distribution_id in tick.check(now).opened:
            log.info("distribution %d was opened by the keeper", distribution_id)
            # Beside our rounds: a frozen broker holds up who talks to it, and only that one.
            Thread(target=self._publish, args=(distribution_id,), daemon=True).start()
        tick.watch_engine(TICK, now)

    def _publish(self, distribution_id: int) -> None:
        try:
            taken = self._duties.publish(distribution_id)
        except Exception:
            log.exception("the batches of distribution %d were not published", distribution_id)
            taken = False
        finally:
            connections.close_all()
        if not taken:
            self._unpublished.add(distribution_id)

    # --- sending in Celery's place ------------------------------------------------------------

    def _relieve(self, now: datetime) -> None:
        """Send what is due of the distributions that nobody else sends."""
        sending = list(Distribution.objects.sending().order_by("planned_at"))
        self._taken_over &= {distribution.pk for distribution in sending}
        for distribution in sending:
            if distribution.pk in self._taken_over or self._is_left(distribution, now):
                self._take_over(distribution, now)

    def _is_left(self, distribution: Distribution, now: datetime) -> bool:
        if distribution.pk in self._unpublished:
            self._unpublished.discard(distribution.pk)
            return True
        return is_stalled(distribution, now=now)

    def _take_over(self, distribution: Distribution, now: datetime) -> None:
        if not PhoneNumber.objects.usable().exists():
            return  # nobody could send now
        owed = Delivery.objects.filter(distribution=distribution, state__in=CLAIMABLE)
        if not owed.exists():
            self._taken_over.discard(distribution.pk)
            return
        if distribution.pk not in self._taken_over:
            self._taken_over.add(distribution.pk)
            log.warning("%s does not move: the keeper sends it", distribution)
        due = owed.due(now).order_by("batch_no").values_list("batch_no", flat=True).distinct()
        self._relief.ask((distribution.pk, number) for number in due[:MOST_BATCHES])

    # --- aside --------------------------------------------------------------------------------

    def _tell_aside(self) -> None:
        """Tell the alert sink, beside our rounds: it may be slow to answer."""
        if self._told is None or not self._told.is_alive():
            self._told = Thread(target=self._tell, name="alerts", daemon=True)
            self._told.start()

    def _post_events(self, now: datetime) -> None:
        if delivery.is_behind(now, 3 * _patience()):
            self._duties.post_events()

    def _tell(self) -> None:
        try:
            webhook.notify(self._clock())
        except Exception:
            log.exception("alerts could not be told")
        finally:
            connections.close_all()

    def _end(self) -> None:
        self._duties.halt()
        self._relief.close(seconds=ENDING_SECONDS)
        connections.close_all()


def is_stalled(distribution: Distribution, *, now: datetime) -> bool:
    """Whether rows have been due for KEEPER_PATIENCE and none was sent in that time.

    What was sent in the future was sent before the clock was set back: that is long ago.
    """
    rows = Delivery.objects.filter(distribution=distribution)
    moved = rows.filter(inflight_at__gt=now - _patience(), inflight_at__lte=now + _patience())
    return rows.due(now - _patience()).exists() and not moved.exists()


def _patience() -> timedelta:
    return timedelta(seconds=settings.KEEPER_PATIENCE)


def _lags(applied_through: datetime | None, now: datetime) -> bool:
    """Whether nobody has drained the inbox for a while; a drain says how far it came."""
    return applied_through is None or applied_through < now - DRAIN_LAG - _patience()


def _freeze_time(seen: Look) -> float:
    """Seconds more that a check may take which may have to freeze an audience."""
    return Subscriber.objects.count() / FREEZE_RATE if seen.due else 0.0
