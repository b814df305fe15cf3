"""The Celery app. Its configuration, `celery_config.py`, is loaded on first use."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery
from celery.signals import (
    before_task_publish,
    setup_logging,
    task_prerun,
    worker_shutting_down,
)
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# `migrate`, which precedes every start, runs the system checks. Celery would run them once more in
# each worker and in beat, and they load every view and admin page, which no task needs.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("daybreak")
app.config_from_object("config.celery_config")  # by name: settings import this package
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Keeps Django's logging: Celery's own handlers would not redact."""


@before_task_publish.connect
def add_publish_time(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Adds the publish time, from which the age of a queue's oldest task is computed."""
    if headers is not None:
        headers["published_at"] = time.time()


@task_prerun.connect
def drop_stale_connections(**_: Any) -> None:
    """Closes a connection that expired or broke since this thread's last task."""
    close_old_connections()


@worker_shutting_down.connect
def withdraw_queued_calls(**_: Any) -> None:
    """A worker that shuts down releases the deliveries it claimed but has not begun to send."""
    from distribution.sending import withdrawal  # needs the models

    withdrawal.withdraw_all()
