"""Celery tasks of the phone pool."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from phonepool.cloud_api import client
from phonepool.numbers import sync


@shared_task(ignore_result=True)
def sync_phone_numbers() -> int:
    """Reads the state of every number from Meta; how many changed."""
    return sync.sync(client.client(), now=timezone.now())
