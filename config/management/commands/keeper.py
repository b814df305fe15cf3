"""`manage.py keeper`: the engine that keeps a distribution going without Celery and broker."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from config.processes import garbage
from config.processes.child import report_ready
from distribution import tasks
from distribution.alert_channels.loop import NoticeLoop
from distribution.engine.keeper import Keeper, KeeperActions
from distribution.event_webhooks import delivery
from distribution.metrics.keeping import FigureKeeping
from distribution.runtime.background import BackgroundJob
from distribution.runtime.watchdog import Watchdog
from distribution.sending import batch, withdrawal
from evidence.linking import Linker
from phonepool.cloud_api import client
from webhooks.applying.standby import Standby

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run the keeper, which finishes the day without Celery and broker. One is enough."
    requires_system_checks = []  # some ask the database, which may be away just now

    def handle(self, *_: Any, **__: Any) -> None:
        stop = threading.Event()

        def end(_: int, __: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        garbage.collect_seldom()
        with (
            Watchdog(settings.WATCHDOG_SECONDS) as watchdog,
            NoticeLoop(watch_step=lambda: watchdog.step("looking for alerts to send")),
        ):
            Keeper(actions(), watchdog=watchdog).run(stop, ready=report_ready)


def refresh_ended() -> None:
    """The sums, reports and signed records of ended distributions."""
    tasks.refresh_rollups()
    tasks.report_mornings()
    tasks.make_records()


rollup_refresh = BackgroundJob("rollups", refresh_ended)
linker = Linker(rest=3)  # a long backlog, an import of a million, takes a quarter of a core


def link_evidence() -> None:
    """Chain the rows of evidence that were committed since; the next round repeats what failed."""
    try:
        linker.link()
    except (DatabaseError, InterfaceError) as error:
        log.warning("evidence is not chained now: %s", type(error).__name__)


chaining = BackgroundJob("evidence", link_evidence)
standby = Standby()
figures = BackgroundJob("figures", FigureKeeping(timezone.now).work)


def actions() -> KeeperActions:
    """What the keeper does, by the same functions as Celery's tasks."""
    return KeeperActions(
        send=lambda pk, batch_no: batch.send_batch(pk, batch_no, api=client.client()),
        publish=tasks.start_batches,
        drain=standby.drain,
        post_events=delivery.posting.start,
        refresh_rollups=rollup_refresh.start,
        withdraw=withdrawal.withdraw_all,
        chain_evidence=chaining.start,
        keep_figures=figures.start,
        prepare=tasks.prepare_audience,
    )
