"""Reads what we send with from Meta: the phone numbers, and the accounts that they belong to."""

from __future__ import annotations

from datetime import datetime, timedelta

from distribution.lifecycle import schedule
from distribution.mirror import account_sync, number_sync, portfolio_names
from distribution.models import Distribution
from phonepool.cloud_api.client import CloudApi

WATCHED_BEFORE = timedelta(minutes=35)  # a distribution


def sync(api: CloudApi, *, now: datetime) -> int:
    """Read all of them; how many numbers changed."""
    changed = number_sync.sync(api, now=now)
    portfolio_names.complete(api)
    account_sync.sync(api, now=now)
    return changed


def watch(api: CloudApi, *, now: datetime) -> int:
    """Around a distribution, read the numbers' quality; how many changed."""
    due = schedule.next_due(now)
    is_near = due is not None and due.planned_at - now <= WATCHED_BEFORE
    if not is_near and not Distribution.objects.running().exists():
        return 0
    return number_sync.watch(api, now=now)
