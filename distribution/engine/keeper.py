"""The keeper: an engine that needs only the database and does what Celery leaves undone.

Every few seconds it reads the situation in one statement. While a distribution runs, it makes the
regular check itself; one that does not move although it could, it sends; what Celery no longer
drains, refreshes or notifies, it does instead. Any number of keepers may run at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.db.models import Exists, Subquery
from django.utils import timezone

from distribution.alerts.notifiers import mail
from distribution.dead_man import pings
from distribution.engine import clock_repair, tick
from distribution.engine.standby_sender import Send, StandbySender
from distribution.event_webhooks import delivery
from distribution.ledger import movement
from distribution.lifecycle import schedule
from distribution.models import (
    Delivery,
    Distribution,
    Heartbeat,
    Kind,
    Notification,
    StatusFeed,
)
from distribution.models.deliveries import CLAIMABLE
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.models.heartbeats import KEEPER, SLA, TICK, is_silent
from distribution.runtime import india_time
from distribution.runtime.background import BackgroundJob
from distribution.runtime.watchdog import Watchdog
from phonepool.models import NumberState, PhoneNumber

log = logging.getLogger(__name__)

BACKOFF_LIMIT_SECONDS = 10.0  # between two tries while the database is away
BATCHES_LIMIT = 200  # submitted in one round
FREEZE_RATE = 5_000  # people a second that opening freezes at the very least
DRAIN_LAG = timedelta(seconds=10)  # how far even a healthy drain is behind
SHUTDOWN_SECONDS = 8.0  # to end what is under way; supervisors kill after ten

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class KeeperActions:
    """What the keeper does through other packages; the command that starts it hands them in."""

    send: Send  # one batch, to its end
    publish: Callable[[int], bool]  # a distribution's batches to the broker; may block
    drain: Callable[[datetime], object]  # apply the webhooks that wait
    post_events: Callable[[], object]  # to other systems; must not block
    refresh_rollups: Callable[[], object]  # the figures of ended distributions; must not block
    withdraw: Callable[[], object]  # the calls that were not begun: the process is to end
    chain_evidence: Callable[[], object] = lambda: None  # rows just committed; must not block
    keep_figures: Callable[[], object] = lambda: None  # for Prometheus; must not block
    prepare: Callable[[int], object] = lambda _: None  # the rest of an audience; may block


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is to do, as the database has it."""

    running: bool
    due: bool  # a distribution is to be opened, or to be stored and opened
    rested: bool  # a phone number's rest is over
    unsent_mail: bool
    tick_at: datetime | None  # Celery's last regular check
    sla_at: datetime | None
    applied_through: datetime | None  # of Meta's webhooks


def observe(now: datetime) -> Situation:
    """Everything in one statement over small tables."""
    day = india_time.local_date(now)
    heartbeats = Heartbeat.objects.all()
    distributions = Distribution.objects.all()
    row = (
        heartbeats.filter(pk=KEEPER)
        .values_list(
            Exists(distributions.filter(state__in=RUNNING)),
            Exists(distributions.filter(state__in=UNOPENED, planned_at__lte=now)),
            Exists(distributions.filter(kind=Kind.DAILY, local_date=day)),
            Subquery(schedule.daily_times(day).values("time")[:1]),
            Exists(PhoneNumber.objects.filter(state=NumberState.RESTING, rest_until__lte=now)),
            Exists(Notification.objects.due(now - 3 * _patience()).by_mail()),
            Subquery(heartbeats.filter(pk=TICK).values("at")),
            Subquery(heartbeats.filter(pk=SLA).values("at")),
            Subquery(StatusFeed.objects.filter(pk=1).values("applied_through")),
        )
        .first()
    )
    if row is None:  # the table was emptied since our heartbeat
        return Situation(
            running=True,
            due=True,
            rested=True,
            unsent_mail=True,
            tick_at=None,
            sla_at=None,
            applied_through=None,
        )
    running, unopened, has_daily, at, *rest = row
    due = unopened or (not has_daily and now >= schedule.time_on(day, at))
    return Situation(running, due, *rest)


class Keeper:
    """Rounds without end. Everything it remembers may be lost without harm."""

    def __init__(
        self, actions: KeeperActions, *, watchdog: Watchdog, clock: Clock = timezone.now
    ) -> None:
        self._actions, self._watchdog, self._clock = actions, watchdog, clock
        self._standby_sender = StandbySender(
            actions.send,
            threads=settings.QUEUE_CONCURRENCY["batch-processing"],
            watch_step=lambda: watchdog.step("sending a batch", extra=2 * settings.LEASE_SECONDS),
        )
        # Beside the rounds: the mail server may be slow to answer.
        self._mailing = BackgroundJob("e-mails", lambda: mail.deliver_due(self._clock))
        self._unpublished: set[int] = set()  # distributions whose chord the broker did not take
        self._taken_over: set[int] = set()  # those that we send until nothing of them is due
        self._checked_at = float("-inf")

    def run(self, stop: Event, *, ready: Callable[[], object] = lambda: None) -> None:
        """Rounds until `stop` is set; `ready` is called after the first that worked."""
        failures, is_ready = 0, False
        while not stop.is_set():
            began = time.monotonic()
            if self._try_round():
                failures = 0
                pings.keeper.ping(settings.HEARTBEAT_URL_KEEPER)  # it has read and written
                if not is_ready:
                    ready()
                    is_ready = True
                pause = settings.KEEPER_INTERVAL - (time.monotonic() - began)
            else:
                failures += 1
                pause = min(0.5 * 2**failures, BACKOFF_LIMIT_SECONDS)
            stop.wait(max(0.0, pause))
        self._end()

    def _round(self) -> None:
        """Observe, and do what there is to do. Two statements when there is nothing."""
        now = self._clock()
        with self._watchdog.step("the heartbeat"):
            close_old_connections()
            doing = "sending" if self._standby_sender.busy else ""
            clock_repair.record_heartbeat(KEEPER, now, doing)
            situation = observe(now)
        silent = is_silent(situation.tick_at, now, 3 * settings.TICK_SECONDS)
        tick_due = time.monotonic() - self._checked_at >= settings.TICK_SECONDS
        active = situation.running or situation.due
        if active or situation.rested or (silent and tick_due):
            self._do("the regular check", self._check, now, extra=_freeze_seconds(situation))
        if active or self._taken_over:
            self._do("sending in Celery's place", self._stand_in, now)
        if silent or _lags(situation.applied_through, now):
            self._do("draining webhooks", self._actions.drain, now)
        if situation.running and is_silent(
            situation.sla_at, now, settings.KEEPER_STALE_SECONDS / 2
        ):
            self._do("the service level", tick.refresh_sla, now)
        self._actions.chain_evidence()
        self._actions.keep_figures()
        if situation.unsent_mail:
            self._mailing.start()
        if silent and tick_due:
            self._do("outgoing events", self._post_events, now)
            self._actions.refresh_rollups()

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

    def _do(
        self, name: str, step: Callable[[datetime], object], now: datetime, *, extra: float = 0.0
    ) -> None:
        """One step of a round; one that fails keeps none of the others from being done."""
        try:
            with self._watchdog.step(name, extra=extra):
                step(now)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            log.exception("%s broke off", name)

    def _check(self, now: datetime) -> None:
        self._checked_at = time.monotonic()
        found = tick.check(now)
        for distribution_id in found.opened:
            log.info("distribution %d was opened by the keeper", distribution_id)
            # Beside the rounds, in a thread each: a frozen broker holds up that thread only.
            name = f"publishing distribution {distribution_id}"
            BackgroundJob(name, partial(self._publish, distribution_id)).start()
        for distribution_id in found.unfinished:
            name = f"preparing distribution {distribution_id}"
            BackgroundJob(name, partial(self._actions.prepare, distribution_id)).start()
        tick.watch_engine(TICK, now)

    def _publish(self, distribution_id: int) -> None:
        published = False
        try:
            published = self._actions.publish(distribution_id)
        finally:
            if not published:
                self._unpublished.add(distribution_id)

    # --- sending in Celery's place ------------------------------------------------------------

    def _stand_in(self, now: datetime) -> None:
        """Send what is due of the distributions that no other process sends."""
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
            return  # no process could send now
        owed = Delivery.objects.filter(distribution=distribution, state__in=CLAIMABLE)
        if not owed.exists():
            self._taken_over.discard(distribution.pk)
            return
        if distribution.pk not in self._taken_over:
            self._taken_over.add(distribution.pk)
            log.warning("%s does not move: the keeper sends it", distribution)
        due = owed.due(now).order_by("batch_no").values_list("batch_no", flat=True).distinct()
        self._standby_sender.submit((distribution.pk, number) for number in due[:BATCHES_LIMIT])

    def _post_events(self, now: datetime) -> None:
        if delivery.is_behind(now, 3 * _patience()):
            self._actions.post_events()

    def _end(self) -> None:
        self._actions.withdraw()
        self._standby_sender.close(seconds=SHUTDOWN_SECONDS)
        connections.close_all()


def is_stalled(distribution: Distribution, *, now: datetime) -> bool:
    """Whether rows have been due for KEEPER_PATIENCE and none was sent in that time.

    What was sent in the future was sent before the clock was set back: that is long ago.
    """
    since, until = now - _patience(), now + _patience()
    waiting = Delivery.objects.filter(distribution=distribution).due(since)
    first = waiting.order_by("batch_no", "next_at").values_list("pk")[:1]
    return bool(first) and not movement.has_moved(distribution.pk, since=since, until=until)


def _patience() -> timedelta:
    return timedelta(seconds=settings.KEEPER_PATIENCE)


def _lags(applied_through: datetime | None, now: datetime) -> bool:
    """Whether the inbox has not been drained for a while; each drain stores how far it came."""
    return applied_through is None or applied_through < now - DRAIN_LAG - _patience()


def _freeze_seconds(situation: Situation) -> float:
    """Seconds more that a check may take which may have to freeze the first slice of an
    audience."""
    return settings.FIRST_SLICE_PEOPLE / FREEZE_RATE if situation.due else 0.0
