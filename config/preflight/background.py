"""Starts a preflight in a thread of this process: it runs without workers too, and names them."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils import timezone

from config.preflight import run
from distribution.models import Preflight
from distribution.runtime.background import BackgroundJob


def begin(preflight: Preflight) -> None:
    """Once its row is committed."""
    transaction.on_commit(partial(start, BackgroundJob("preflight", partial(_perform, preflight))))


def start(job: BackgroundJob) -> None:
    job.start()


def _perform(preflight: Preflight) -> None:
    run.perform(preflight, now=timezone.now())
