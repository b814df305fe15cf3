"""The Celery app. Its configuration is `celery_config.py`, read when first needed."""

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

app = Celery("daybreak")
app.config_from_object("config.celery_config")  # by name: settings import this package
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Django has set up the logs by now; Celery's own handlers would pass by their redaction."""


@before_task_publish.connect
def say_when(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """The queue's page tells how long its oldest task has waited; Celery itself does not say."""
    if headers is not None:
        headers["published_at"] = time.time()


@task_prerun.connect
def drop_stale_connections(**_: Any) -> None:
    """A connection that aged or broke since this thread's last task is opened anew."""
    close_old_connections()


@worker_shutting_down.connect
def withdraw_what_has_not_begun(**_: Any) -> None:
    """A worker that is asked to end gives back what it claimed and has not begun to send."""
    from distribution.sending import withdrawal  # it needs the apps' records

    withdrawal.halt_all()
