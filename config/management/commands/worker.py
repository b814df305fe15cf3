"""`manage.py worker QUEUE…`: one Celery worker that serves these queues."""

from __future__ import annotations

import logging
import os
import socket
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from celery import current_app
from celery.signals import worker_ready, worker_shutdown
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from config.monitoring.worker_heartbeat import WorkerHeartbeat
from config.processes import garbage
from config.processes.child import report_ready
from phonepool.numbers import handover, leases
from webhooks.applying import sharing
from webhooks.tasks import follow_inbox

log = logging.getLogger(__name__)

SENDING_QUEUE = "batch-processing"
SYNC, SYNC_QUEUE = "distribution.tasks.sync_phone_numbers", "distribution-analytics"


class Command(BaseCommand):
    help = "Run a Celery worker for the given queues. LOG_LEVEL sets how much it logs."
    requires_system_checks = []  # they load every view and admin page, which no task needs

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("queues", nargs="+", metavar="QUEUE")
        parser.add_argument(
            "--concurrency", type=int, help="tasks at the same time (default: from the settings)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        queues: list[str] = options["queues"]
        concurrency = default_concurrency(queues)
        if options["concurrency"] is not None:
            concurrency = options["concurrency"]
        if concurrency < 1:
            raise CommandError("--concurrency must be at least 1.")
        heartbeat = WorkerHeartbeat(worker_name(queues), queues, concurrency)
        worker_ready.connect(lambda **_: garbage.collect_seldom(), weak=False)
        worker_ready.connect(lambda **_: report_ready(), weak=False)
        worker_ready.connect(lambda **_: heartbeat.start(), weak=False)
        if SYNC_QUEUE in queues:
            worker_ready.connect(lambda **_: _sync_numbers(), weak=False)
        if sharing.QUEUE in queues:
            worker_ready.connect(lambda **_: follow_inbox(worker_name(queues)), weak=False)
        worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)
        if SENDING_QUEUE in queues:
            worker_shutdown.connect(lambda **_: _release_numbers(), weak=False)
        current_app.worker_main(worker_arguments(queues, concurrency))


def _sync_numbers() -> None:
    """The numbers of the environment are in the pool, and verified, soon after the start."""
    current_app.send_task(SYNC, queue=SYNC_QUEUE, expires=60)


def _release_numbers() -> None:
    """Other senders, or the next start, need not wait until the leases are over."""
    try:
        handover.release(leases.this_process(), timezone.now())
    except (DatabaseError, InterfaceError):
        log.warning("the phone numbers were not released: the database is away")


def default_concurrency(queues: Sequence[str]) -> int:
    """How many tasks at once the settings give these queues together."""
    known = settings.QUEUE_CONCURRENCY
    for queue in queues:
        if queue not in known:
            raise CommandError(f"There is no queue {queue!r}. The queues: {', '.join(known)}.")
    return sum(known[queue] for queue in set(queues))


def worker_arguments(queues: Sequence[str], concurrency: int) -> list[str]:
    """Celery's command line.

    Tasks wait for the network and for their slots: threads wait cheaply, and one process shares
    its kept-alive connections among them. Workers do not talk to each other: the database has it
    all, and each subscription less is one less to lose when the broker restarts.
    """
    return [
        "worker",
        f"--queues={','.join(queues)}",
        f"--concurrency={concurrency}",
        "--pool=threads",
        f"--hostname={_node(queues)}@%h",
        f"--loglevel={settings.LOG_LEVEL}",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def worker_name(queues: Sequence[str]) -> str:
    """The name of this process in the database; Celery uses the same."""
    return f"{_node(queues)}@{socket.gethostname()}"


def _node(queues: Sequence[str]) -> str:
    return f"{'+'.join(queues)}-{os.getpid()}"
