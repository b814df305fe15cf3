"""Celery tasks of this app."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from subscribers.importing import jobs, provenance, undo
from subscribers.people import erasure, replies, retention


@shared_task(ignore_result=True)
def tend_imports() -> int:
    """Work on imports, and their undos, that no process has; returns how many there were."""
    waiting = jobs.waiting(timezone.now())
    for job_id in waiting:
        jobs.run(job_id, clock=timezone.now)
    undos = undo.waiting(timezone.now())
    for undo_id in undos:
        undo.run(undo_id, clock=timezone.now)
    return len(waiting) + len(undos)


@shared_task(ignore_result=True)
def forget() -> int:
    """Delete uploads, samples of lists, replies and details of people once their time is over."""
    now = timezone.now()
    lists = jobs.delete_old_files(now) + provenance.forget_old(now) + retention.forget_samples(now)
    lists += replies.forget_old(now)
    return lists + retention.erase_who_left(now) + erasure.purge_due(now)
