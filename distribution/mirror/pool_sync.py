"""Reads what we send with from Meta: the phone numbers, and the accounts that they belong to."""

from __future__ import annotations

from datetime import datetime

from distribution.mirror import account_sync, number_sync, portfolio_names
from phonepool.cloud_api.client import CloudApi


def sync(api: CloudApi, *, now: datetime) -> int:
    """Read all of them; how many numbers changed."""
    changed = number_sync.sync(api, now=now)
    portfolio_names.complete(api)
    account_sync.sync(api, now=now)
    return changed
