"""Meta's notices about message templates, phone numbers and accounts, each to the rule that
applies it.

Notices of accounts that are not ours have been left out before. They come late and out of order:
`distribution/mirror` compares each with the time of the latest word on the same fact.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from celery import current_app
from django.db import transaction

from distribution.mirror import account_notices, limits, numbers, templates
from distribution.models import MessageTemplate
from distribution.runtime import publisher
from phonepool.numbers import health
from phonepool.numbers.accounts import OwnAccounts
from webhooks.applying.events import (
    AccountEvent,
    AccountNotice,
    Event,
    LimitChanged,
    NumberNotice,
    NumberQualityChanged,
    TemplateCategoryChanged,
    TemplateEdited,
    TemplateQualityChanged,
    TemplateStatusChanged,
)

log = logging.getLogger(__name__)

SYNC_TASK = "distribution.tasks.sync_message_templates"  # by name: tasks are the outer edge
SYNC_EXPIRY_SECONDS = 60


def apply(events: Iterable[Event], own: OwnAccounts, *, now: datetime) -> Counter[str]:
    """Apply those events that are notices, in the order of Meta's clock; the rest are ignored.

    Returns how many had no effect, by reason.
    """
    left_out: Counter[str] = Counter()
    known = [event for event in events if isinstance(event, AccountEvent)]
    for event in sorted(known, key=lambda event: event.at):
        reason = HANDLERS[type(event)](event, own, now)
        if reason:
            left_out[reason] += 1
    return left_out


# --- message templates --------------------------------------------------------------------------


def _template_status(event: TemplateStatusChanged, _: OwnAccounts, now: datetime) -> str:
    template, status = _find(event), templates.STATUS_AFTER.get(event.event)
    if template is None or status is None:
        return "template.unknown" if template is None else "template.event"
    reason = f"{event.event}: {event.reason}" if event.reason else event.event
    if event.category and event.category != template.category:
        templates.apply_category(template, event.category, at=event.at, now=now)
    applied = templates.apply_status(template, status, reason=reason, at=event.at, now=now)
    return "" if applied else "template.stale"


def _template_quality(event: TemplateQualityChanged, _: OwnAccounts, now: datetime) -> str:  # noqa: ARG001
    template = _find(event)
    if template is None:
        return "template.unknown"
    return "" if templates.apply_quality(template, event.quality, at=event.at) else "template.stale"


def _template_category(event: TemplateCategoryChanged, _: OwnAccounts, now: datetime) -> str:
    template = _find(event)
    if template is None:
        return "template.unknown"
    apply = templates.announce_category if event.announced else templates.apply_category
    return "" if apply(template, event.category, at=event.at, now=now) else "template.stale"


def _template_edited(event: TemplateEdited, _: OwnAccounts, now: datetime) -> str:  # noqa: ARG001
    """Only a reading shows what it is now: ask soon, and not only with the next regular one."""
    if _find(event) is None:
        return "template.unknown"
    transaction.on_commit(lambda: publisher.publish(_publish_sync))
    return ""


def _publish_sync() -> None:
    current_app.send_task(SYNC_TASK, expires=SYNC_EXPIRY_SECONDS, ignore_result=True, retry=False)


def _find(
    event: TemplateStatusChanged
    | TemplateQualityChanged
    | TemplateCategoryChanged
    | TemplateEdited,
) -> MessageTemplate | None:
    named = event.template
    return templates.find(event.account, named.meta_id, named.name, named.language)


# --- numbers ------------------------------------------------------------------------------------


def _number_quality(event: NumberQualityChanged, _: OwnAccounts, now: datetime) -> str:
    number = numbers.find(event.account, event.digits)
    if number is None:
        return "number.unknown"
    return numbers.apply_event(number, event.event, at=event.at, now=now)


def _number_notice(event: NumberNotice, _: OwnAccounts, now: datetime) -> str:  # noqa: ARG001
    number = numbers.find(event.account, event.digits)
    if number is None:
        return "number.unknown"
    kind = {"security": "security"}.get(event.field, "name_review")
    health.record_event(number.pk, kind, event.detail, event.at)
    return ""


# --- the account --------------------------------------------------------------------------------


def _limit(event: LimitChanged, own: OwnAccounts, now: datetime) -> str:
    portfolio = own.portfolio(event.account)
    if portfolio is None:
        return "limit.portfolio"
    portfolio.refresh_from_db()  # an earlier event of this bundle may have changed it
    applied = limits.apply_notice(portfolio, event.limit, at=event.at, now=now)
    return "" if applied else "limit.stale"


def _account(event: AccountNotice, _: OwnAccounts, now: datetime) -> str:
    log.warning("notice about an account: %s %s", event.event, ", ".join(event.words))
    return account_notices.apply(
        event.account, event.event, event.words, at=event.at, expires_at=event.expires_at, now=now
    )


HANDLERS: dict[type, Callable[[Any, OwnAccounts, datetime], str]] = {
    TemplateStatusChanged: _template_status,
    TemplateQualityChanged: _template_quality,
    TemplateCategoryChanged: _template_category,
    TemplateEdited: _template_edited,
    NumberQualityChanged: _number_quality,
    NumberNotice: _number_notice,
    LimitChanged: _limit,
    AccountNotice: _account,
}
