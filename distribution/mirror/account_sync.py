"""Reads from Meta whether our accounts may send, because notices may be late or lost.

What a notice has told already does not alert again, and what we told first is the alert of the
notice that comes later.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from distribution.alerts import incidents, meta_notices
from distribution.mirror import account_notices
from distribution.mirror.account_notices import HEALTH, REVIEW, RULE, SENDING_TOPICS
from phonepool.cloud_api.client import AccountFacts, CloudApi
from phonepool.exceptions import CloudApiError
from phonepool.models import AccountNotice, Waba
from phonepool.numbers import accounts

log = logging.getLogger(__name__)

BLOCKED = "BLOCKED"
SENDING_WORDS = ("AVAILABLE", "LIMITED")  # LIMITED is how every unverified portfolio is
DECISIONS = ("APPROVED", "REJECTED")


def sync(api: CloudApi, *, now: datetime) -> None:
    """Read the health and the review of every account; those that cannot be read are skipped."""
    for account in accounts.own_accounts().ids():
        try:
            facts = api.account(account)
        except CloudApiError as error:
            log.warning("account %s could not be read: %s", account, error)
            continue
        with transaction.atomic():
            apply_reading(account, facts, now=now)


def apply_reading(account: str, facts: AccountFacts, *, now: datetime) -> None:
    """Alert about what changed for the worse, close what is over, keep what Meta bills it in."""
    _keep_billing(account, facts)
    if facts.health == BLOCKED:
        _note_blocked(account, facts, now)
    elif facts.health in SENDING_WORDS and _is_blocked(account):
        account_notices.apply(account, HEALTH, (facts.health,), at=now, expires_at=None, now=now)
        _end_told(account, now)
    if facts.review in DECISIONS and facts.review != _reviewed(account):
        account_notices.apply(account, REVIEW, (facts.review,), at=now, expires_at=None, now=now)


def _keep_billing(account: str, facts: AccountFacts) -> None:
    told = {"currency": facts.currency, "time_zone": facts.time_zone}
    if fields := {name: word for name, word in told.items() if word}:
        Waba.objects.filter(meta_id=account).exclude(**fields).update(**fields)


def _note_blocked(account: str, facts: AccountFacts, now: datetime) -> None:
    words = (BLOCKED, *facts.blocked_by)
    if not account_notices.is_open(*_keys_told(account)):
        if not _is_blocked(account):
            account_notices.apply(account, HEALTH, words, at=now, expires_at=None, now=now)
        return
    fields = {"event": HEALTH, "detail": ", ".join(words)[:300], "at": now, "expires_at": None}
    AccountNotice.objects.update_or_create(
        account=account, topic=HEALTH.lower(), defaults={**fields, "lifted": False}
    )


def _end_told(account: str, now: datetime) -> None:
    """It was blocked and sends again: what Meta told of it meanwhile is over, too."""
    for notice in _told(account):
        AccountNotice.objects.filter(pk=notice.pk).update(lifted=True, at=now)
    for key in _keys_told(account):
        incidents.close_alert(RULE, key, now=now)


def _told(account: str) -> list[AccountNotice]:
    """Meta's notices that the account may not send."""
    rows = AccountNotice.objects.filter(account=account).order_by("pk")
    return [notice for notice in rows if notice.topic.startswith(SENDING_TOPICS)]


def _keys_told(account: str) -> list[str]:
    return [meta_notices.account_key(account, notice.topic) for notice in _told(account)]


def _is_blocked(account: str) -> bool:
    rows = AccountNotice.objects.filter(account=account, topic=HEALTH.lower())
    return rows.filter(lifted=False).exists()


def _reviewed(account: str) -> str:
    """The latest decision known; a review is approved until the contrary is told."""
    notice = AccountNotice.objects.filter(account=account, topic=REVIEW.lower()).first()
    return notice.detail if notice else "APPROVED"
