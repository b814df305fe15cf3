"""The set-up checks in `manage.py check --deploy`; without --deploy they are never run."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError
from django.utils import timezone

from config.setup import registry
from config.setup.items import Item, Result

TAG = "setup"  # `check --deploy --tag setup` runs these alone
# Without these nothing can be sent or reported: the rest can follow in the admin.
ESSENTIAL = ("account", "token", "webhook", "numbers")
UNREADABLE = "The set-up cannot be checked: the database does not answer."


@register(TAG, deploy=True)
def set_up(**_: Any) -> list[CheckMessage]:
    """An error for each essential check that fails, a warning for the others."""
    try:
        items = registry.run(timezone.now()).items
    except DatabaseError:
        return [Warning(UNREADABLE, hint="Check DATABASE_URL and run migrate.", id="daybreak.W010")]
    return [_message(item) for item in items if item.result != Result.OK]


def _message(item: Item) -> CheckMessage:
    words = f"{item.title}: {item.seen}"
    if item.result == Result.FAILS and item.key in ESSENTIAL:
        return Error(words, hint=item.to_do, id="daybreak.E011")
    return Warning(words, hint=item.to_do, id="daybreak.W011")
