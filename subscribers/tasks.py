"""Celery tasks of this app."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from subscribers.importing import jobs
from subscribers.people import erasure


@shared_task(ignore_result=True)
def tend_imports() -> int:
    """Work on imports that no process has; returns how many there were."""
    waiting = jobs.waiting(timezone.now())
    for job_id in waiting:
        jobs.run(job_id, clock=timezone.now)
    return len(waiting)


@shared_task(ignore_result=True)
def forget() -> int:
    """Delete uploads and the details of erased people once their time is over."""
    now = timezone.now()
    return jobs.delete_old_files(now) + erasure.purge_due(now)
