"""The list of set-up checks, and their results: run now, or as they were stored last.

The command, the *Set up* page, *System status* and `check --deploy` all show this list. Running
asks Meta for up to DEADLINE_SECONDS, so the home page and the health report read what is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.setup import account_checks, content_checks, facts
from config.setup.facts import Facts
from config.setup.items import Finding, Item, Result
from distribution.alerts import access_token
from distribution.models import SetupResult

FRESH = timedelta(seconds=30)  # a stored result is not asked for again within this
TEXT = 500  # characters
_running = threading.Lock()
_latest: tuple[datetime, Report] | None = None


class Check(NamedTuple):
    title: str | Promise
    find: Callable[[Facts], Finding]


CHECKS: dict[str, Check] = {
    "account": Check(gettext_lazy("WhatsApp account"), account_checks.account),
    "token": Check(gettext_lazy("App and access token"), account_checks.token),
    "webhook": Check(gettext_lazy("Webhook"), account_checks.webhook),
    "numbers": Check(gettext_lazy("Phone numbers"), account_checks.numbers),
    "limit": Check(gettext_lazy("Portfolio limit"), account_checks.limit),
    "templates": Check(gettext_lazy("Message templates"), account_checks.templates),
    "staff_phones": Check(gettext_lazy("Staff phones"), content_checks.staff_phones),
    "test_message": Check(gettext_lazy("Test message"), content_checks.test_message),
    "content": Check(gettext_lazy("First content"), content_checks.content),
    "fallback": Check(gettext_lazy("Fallback"), content_checks.fallback),
    "daily_time": Check(gettext_lazy("Daily time"), content_checks.daily_time),
}


class Report(NamedTuple):
    """The results, and what they were made of; None where they are stored ones."""

    items: list[Item]
    facts: Facts | None = None


def run(now: datetime) -> Report:
    """Run every check and store the results. While another thread of this process runs them, the
    stored ones: a Meta that hangs must not collect threads."""
    global _latest
    if not _running.acquire(blocking=False):
        return Report(stored())
    try:
        seen = facts.read(now)
        report = Report(
            [_item(key, check, check.find(seen)) for key, check in CHECKS.items()], seen
        )
        _latest = now, report
        if seen.meta.token.value is not None:  # a token that was replaced ends its alert
            access_token.apply(seen.meta.token.value, now=now)
    finally:
        _running.release()
    for item in report.items:
        SetupResult.objects.update_or_create(
            key=item.key,
            defaults={"result": item.result, "seen": item.seen, "to_do": item.to_do, "at": now},
        )
    return report


def recent(now: datetime) -> Report:
    """The results of this process if they are fresh, else new ones."""
    latest = _latest
    if latest is not None and now - FRESH < latest[0] <= now:
        return latest[1]
    return run(now)


def stored() -> list[Item]:
    """The latest results, without asking anybody."""
    rows = SetupResult.objects.in_bulk()
    return [
        _item(key, check, Finding(Result(row.result), row.seen, row.to_do))
        if (row := rows.get(key))
        else _item(key, check, Finding(Result.NOT_CHECKED, _("Not checked yet.")))
        for key, check in CHECKS.items()
    ]


def checked_at() -> datetime | None:
    """When the stored results were found; None: never."""
    rows = SetupResult.objects.filter(key__in=CHECKS).order_by("-at")
    return rows.values_list("at", flat=True).first()


def left(items: Sequence[Item]) -> list[Item]:
    """What still has to be done."""
    return [item for item in items if not item.is_done]


def _item(key: str, check: Check, found: Finding) -> Item:
    title = str(check.title)
    return Item(key, title, found.result, found.seen[:TEXT], found.to_do[:TEXT])
