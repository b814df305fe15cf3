"""Celery's entry points of the project itself."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from config.preflight import slots


@shared_task(ignore_result=True)
def preflight_if_due() -> str:
    """Run the preflight whose time has come, and finish the one that is running."""
    preflight = slots.run_if_due(timezone.now())
    return preflight.slot if preflight else ""
