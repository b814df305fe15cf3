"""Celery's entry points of this app.

A task carries ids, calls one domain function and publishes what should run next. What is due is
stored in the database, so a lost task is swept up and a doubled one finds nothing to do.
"""

from __future__ import annotations

import logging
from datetime import datetime

from celery import chord, shared_task
from django.conf import settings
from django.utils import timezone

from distribution.access import sessions
from distribution.alert_channels.delivery import Lanes
from distribution.alerts import incidents
from distribution.alerts.notifiers import mail
from distribution.analytics import rollups
from distribution.cached import watched_tables
from distribution.dead_man import pings
from distribution.drafting import due
from distribution.engine import clock_repair
from distribution.engine import tick as engine_tick  # `tick` is a task here
from distribution.event_webhooks import delivery
from distribution.ledger import retention
from distribution.ledger.partitions import dropping, overview
from distribution.lifecycle import closing, media_renewal, preparing, schedule
from distribution.mirror import (
    cost_check,
    pool_sync,
    template_comparison,
    template_sync,
    token_watch,
)
from distribution.models import Distribution, Heartbeat, KeptAnswer
from distribution.models.heartbeats import KEEPER, SLA, TICK
from distribution.quality import rotating, signals
from distribution.records import making
from distribution.records.signing import KeyUnusable
from distribution.reporting import morning_report
from distribution.runtime import india_time
from distribution.runtime.publisher import WAIT_SECONDS, publish
from distribution.sending import batch
from phonepool.cloud_api import client
from phonepool.numbers import accounts
from subscribers.models import SentForm, ShownSet

log = logging.getLogger(__name__)

COUNTDOWN_LIMIT_SECONDS = 20.0  # what is due later is found by the tick
TASK_LIFE_SECONDS = 30  # then a task expires: a backlog evaporates instead of stampeding
# Publishing costs about 0.6 ms a batch: a chord of 20 000 (a million people) takes seconds.
PUBLISH_SECONDS = 0.005  # allowed for each batch of a chord
HIDING_SECONDS = 600.0  # of each hour, for numbers in old deliveries: a million take 2 minutes


@shared_task(rate_limit=settings.MASS_DISTRIBUTION_RATE, ignore_result=True)
def start_daily_distribution() -> list[int]:
    """06:00: open what is due and fan it out."""
    opened = schedule.open_due(timezone.now())
    for distribution_id in opened:
        start_batches(distribution_id)
    return opened


@shared_task(ignore_result=True)
def tick() -> None:
    """The regular check: everything that a lost task, a crash or the clock left to do."""
    now = timezone.now()
    clock_repair.record_heartbeat(TICK, now)
    done = engine_tick.check(now)
    for distribution_id in done.opened:
        start_batches(distribution_id)
    for distribution_id in done.unfinished:
        prepare_soon(distribution_id)
    for distribution_id, batch_no in done.swept.overdue:
        if not publish_batch(distribution_id, batch_no):
            break  # the broker is away: the next tick tries again
    engine_tick.watch_engine(KEEPER, now)
    pings.tick.ping(settings.HEARTBEAT_URL_TICK)  # the check is done
    _publish_start_ahead(now)


def _publish_start_ahead(now: datetime) -> None:
    """Publish the start of what falls due before the next tick, at its very second.

    Beat's own entry knows DAILY_TIME only, not the calendar.
    """
    due = schedule.next_due(now)
    if due is None or (wait := (due.planned_at - now).total_seconds()) > settings.TICK_SECONDS:
        return
    publish(
        lambda: start_daily_distribution.apply_async(
            countdown=wait, expires=wait + TASK_LIFE_SECONDS, retry=False
        )
    )


def open_soon() -> bool:
    """Have what is due opened now; without a broker the keeper or the next tick does it."""
    return publish(
        lambda: start_daily_distribution.apply_async(expires=TASK_LIFE_SECONDS, retry=False)
    )


def start_batches(distribution_id: int) -> bool:
    """Publish the batches of a distribution that has just opened, and have the rest of a large
    audience prepared; False when the broker did not take them."""
    published = publish_batches(distribution_id)
    if Distribution.objects.filter(pk=distribution_id, preparing=True).exists():
        prepare_soon(distribution_id)
    return published


def publish_batches(distribution_id: int) -> bool:
    """Publish the chord of the batches that are not published; False when the broker did not take
    it."""
    batches = preparing.unpublished(distribution_id)
    if not batches:
        return True
    stagger = settings.BATCH_STAGGER_MS / 1000
    header = [
        send_batch.s(distribution_id, number).set(countdown=place * stagger)
        for place, number in enumerate(batches)
    ]
    body = finish_sending.si(distribution_id)
    wait = WAIT_SECONDS + PUBLISH_SECONDS * len(batches)
    published = publish(lambda: chord(header)(body), wait_seconds=wait)
    if published:
        preparing.mark_published(distribution_id, batches, now=timezone.now())
    return published


def prepare_soon(distribution_id: int) -> bool:
    """Have the rest of an audience frozen and published; without a broker the keeper does it."""
    return publish(
        lambda: prepare_audience.apply_async(
            (distribution_id,), expires=TASK_LIFE_SECONDS, retry=False
        )
    )


@shared_task(ignore_result=True)
def prepare_audience(distribution_id: int) -> None:
    """Freeze the audience slice by slice and publish each slice's batches at once."""
    publish_batches(distribution_id)
    while preparing.freeze_next(distribution_id, now=timezone.now()):
        publish_batches(distribution_id)


@shared_task
def send_batch(distribution_id: int, batch_no: int) -> dict[str, int]:
    """Send what is due of one batch. Returns outcomes by state, for the log."""

    def again(seconds: float) -> None:
        if seconds <= COUNTDOWN_LIMIT_SECONDS:
            publish_batch(distribution_id, batch_no, after=seconds)

    sent = batch.send_batch(distribution_id, batch_no, api=client.client(), again=again)
    if sent.retry_after is not None:
        again(sent.retry_after)
    return dict(sent.states)


@shared_task(ignore_result=True)
def finish_sending(distribution_id: int) -> bool:
    """The chord's end: all batches were sent once. The tick does the same, in case this is lost."""
    return closing.complete_if_done(distribution_id, now=timezone.now())


def publish_batch(distribution_id: int, batch_no: int, *, after: float = 0.0) -> bool:
    """Have a batch sent again by the retry queue, `after` seconds from now.

    The countdown is a convenience of 20 s at most, far below the broker's visibility timeout;
    if it is lost, the tick finds the same rows.
    """
    return publish(
        lambda: send_batch.apply_async(
            (distribution_id, batch_no),
            queue="distribution-retry",
            countdown=after,
            expires=after + TASK_LIFE_SECONDS,
            ignore_result=True,
            retry=False,
        )
    )


@shared_task(ignore_result=True)
def refresh_sla() -> None:
    """Keep the running distributions' figures and alerts fresh; close what has just ended."""
    now = timezone.now()
    Heartbeat.record(SLA, now)
    engine_tick.refresh_sla(now)


@shared_task(ignore_result=True)
def sync_phone_numbers() -> int:
    """Read the state of every number and account from Meta; how many numbers changed."""
    return pool_sync.sync(client.client(), now=timezone.now())


@shared_task(ignore_result=True)
def watch_phone_numbers() -> int:
    """Around a distribution: read the quality of the numbers; how many changed."""
    return pool_sync.watch(client.client(), now=timezone.now())


@shared_task(ignore_result=True)
def sync_message_templates() -> int:
    """Mirror the message templates of all our accounts."""
    if not accounts.own_accounts().ids():
        return 0
    return template_sync.sync(client.client(), now=timezone.now())


@shared_task(ignore_result=True)
def check_access_token() -> None:
    """Tell in time that the access token is about to end."""
    token_watch.look(timezone.now())


@shared_task(ignore_result=True)
def check_costs() -> int:
    """Compare our charges of the last days with Meta's; how many days of accounts differ."""
    return cost_check.check(client.client(), now=timezone.now())


@shared_task(ignore_result=True)
def renew_media() -> None:
    """Keep a copy of each coming content's file with every phone number."""
    media_renewal.renew(client.client(), now=timezone.now())


@shared_task(ignore_result=True)
def forget_answers() -> int:
    """Delete sessions, stored API responses, keys of forms and sets of pages that are past their
    time."""
    now = timezone.now()
    sessions.delete_ended(now)
    SentForm.objects.outdated(now).delete()
    ShownSet.objects.outdated(now).delete()
    return KeptAnswer.objects.outdated(now).delete()[0]


alert_lanes = Lanes()


@shared_task(ignore_result=True)
def notify_alerts() -> None:
    """Have what is due sent to the alert channels, in a background thread each; the keeper does
    the same each second."""
    incidents.remind(timezone.now())
    alert_lanes.start()


@shared_task(ignore_result=True)
def send_notifications() -> None:
    """Send e-mails to staff in a background thread: a mail server may be slow to answer."""
    mail.sending.start()


@shared_task(ignore_result=True)
def post_events() -> None:
    """Post outgoing events in a background thread: a dead receiver holds up no worker thread."""
    delivery.posting.start()


@shared_task(ignore_result=True)
def forget_events() -> int:
    """Delete events that were posted, and notifications that were settled, long ago; and stamps of
    tables that were written again since."""
    now = timezone.now()
    watched_tables.forget_old()
    return delivery.delete_old(now) + mail.delete_old(now)


@shared_task(ignore_result=True)
def forget_numbers() -> int:
    """Blank the numbers in deliveries that are older than DELIVERY_NUMBER_KEEP_DAYS, and drop
    partitions all of which is; now and then refresh the statistics of all partitions together."""
    now = timezone.now()
    dropping.drop_old(now)
    overview.refresh_if_old(now)
    return retention.hide_old_numbers(now, seconds=HIDING_SECONDS)


@shared_task(ignore_result=True)
def refresh_rollups() -> int:
    """Count again the ended distributions whose deliveries have changed."""
    return rollups.refresh(timezone.now())


@shared_task(ignore_result=True)
def report_mornings() -> int:
    """Write the reports of daily distributions whose window is over; how many."""
    return morning_report.send_due(timezone.now())


@shared_task(ignore_result=True)
def make_records() -> int:
    """Sign the records that are due; how many. Without a usable key the log says what to do."""
    try:
        return making.make_due(timezone.now())
    except KeyUnusable as error:
        log.error("No record was made. %s", error)
        return 0


@shared_task(ignore_result=True)
def review_templates() -> int:
    """Count how people reacted to the mornings, ask Meta to compare, then draft better versions
    and change templates where the rules say so."""
    now = timezone.now()
    signals.count_due(india_time.local_date(now), now=now)
    template_comparison.ask_due(client.client(), now=now)
    due.draft_due(now=now)
    return rotating.review(now=now)


@shared_task(ignore_result=True)
def compare_templates() -> int:
    """Ask Meta about the groups that the evening's review had no calls left for."""
    return template_comparison.ask_due(client.client(), now=timezone.now())
