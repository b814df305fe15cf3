"""Meta's notices about message templates, phone numbers and the account: our records follow,
distributions that can no longer send pause, and alerts report the rest.

Notices come late and out of order. Each row remembers the time of the latest notice; an older one
is not applied, except that a bad one may be a little older: Meta's times are in whole seconds and
by its own clock.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from distribution.alerts import incidents, meta_notices
from distribution.alerts.catalogue import AlertRule
from distribution.lifecycle import control
from distribution.models import Distribution, MessageTemplate, TemplateStatus
from phonepool.models import PhoneNumber, Portfolio, Quality
from phonepool.numbers import health
from subscribers.models import Subscriber
from webhooks.applying.events import (
    AccountNotice,
    Event,
    LimitChanged,
    NumberQualityChanged,
    PersonMoved,
    TemplateCategoryChanged,
    TemplateName,
    TemplateQualityChanged,
    TemplateStatusChanged,
)

log = logging.getLogger(__name__)

CLOCK_TOLERANCE = timedelta(seconds=30)

STATUS_AFTER = {
    "APPROVED": TemplateStatus.APPROVED,
    "REINSTATED": TemplateStatus.APPROVED,
    "PENDING": TemplateStatus.PENDING,
    "REJECTED": TemplateStatus.REJECTED,
    "PAUSED": TemplateStatus.PAUSED,
    "DISABLED": TemplateStatus.DISABLED,
    **dict.fromkeys(
        ["IN_APPEAL", "LOCKED", "ARCHIVED", "DELETED", "PENDING_DELETION"], TemplateStatus.OTHER
    ),
}
# Meta does not name the quality; the next regular sync corrects a wrong guess.
QUALITY_AFTER = {
    "FLAGGED": Quality.FLAGGED,
    "DOWNGRADE": Quality.LOW,
    "UNFLAGGED": Quality.MEDIUM,
}
GRAVE = frozenset(
    (
        "ACCOUNT_DELETED",
        "ACCOUNT_OFFBOARDED",
        "ACCOUNT_RESTRICTION",
        "ACCOUNT_VIOLATION",
        "DISABLED_UPDATE",
    )
)


def apply(events: Iterable[Event], *, now: datetime) -> Counter[str]:
    """Apply those events that are notices, in the order of Meta's clock; the rest are ignored.

    Returns how many had no effect, by reason.
    """
    left_out: Counter[str] = Counter()
    known = [event for event in events if type(event) in HANDLERS]
    for event in sorted(known, key=lambda event: getattr(event, "at", now)):
        reason = HANDLERS[type(event)](event, now)
        if reason:
            left_out[reason] += 1
    return left_out


# --- message templates --------------------------------------------------------------------------


def _template_status(event: TemplateStatusChanged, now: datetime) -> str:
    template, status = _find(event.template), STATUS_AFTER.get(event.event)
    if template is None or status is None:
        return "template.unknown" if template is None else "template.event"
    if _is_stale(event.at, template.synced_at, bad=status != TemplateStatus.APPROVED):
        return "template.stale"
    rows = MessageTemplate.objects.filter(pk=template.pk)
    rows.update(status=status, synced_at=max(event.at, template.synced_at or event.at))
    if status != TemplateStatus.APPROVED and template.status != status:
        for distribution_id in _sending_with(template):
            reason = f"message template {template} is {status} at Meta ({event.event})"
            control.pause(distribution_id, reason=reason, now=now)
    return ""


def _template_quality(event: TemplateQualityChanged, now: datetime) -> str:  # noqa: ARG001
    template = _find(event.template)
    if template is None:
        return "template.unknown"
    MessageTemplate.objects.filter(pk=template.pk).update(quality=event.quality[:8])
    return ""


def _template_category(event: TemplateCategoryChanged, now: datetime) -> str:
    """Another category has another price and other rules, so an alert reports it."""
    template = _find(event.template)
    if template is None:
        return "template.unknown"
    if not event.announced:
        MessageTemplate.objects.filter(pk=template.pk).update(category=event.category[:16])
    rule = AlertRule.TEMPLATE_CATEGORY
    older = rule.scope(f"{template.pk} ")  # with any category
    if template.category != event.category:
        becomes = "will be" if event.announced else "is now"
        key = f"{template.pk} {event.category}"
        meta_notices.close_superseded(rule, prefix=older, but=rule.scope(key), now=now)
        incidents.raise_alert(
            rule,
            key,
            message=f"Message template {template} was {template.category} and {becomes} "
            f"{event.category} at Meta: check the price and the rules.",
            now=now,
        )
    elif event.announced:  # it stays as it is: an earlier announcement is withdrawn
        meta_notices.close_superseded(rule, prefix=older, now=now)
    return ""


def _find(named: TemplateName) -> MessageTemplate | None:
    by_name = Q(name=named.name, language=named.language)
    condition = by_name | Q(meta_id=named.meta_id) if named.meta_id else by_name
    return MessageTemplate.objects.filter(condition).first()


def _sending_with(template: MessageTemplate) -> list[int]:
    using = Distribution.objects.sending().filter(content__message_template=template)
    return list(using.values_list("pk", flat=True))


def _is_stale(at: datetime, known: datetime | None, *, bad: bool) -> bool:
    return known is not None and at < known - (CLOCK_TOLERANCE if bad else timedelta(0))


# --- numbers ------------------------------------------------------------------------------------


def _number_quality(event: NumberQualityChanged, now: datetime) -> str:
    number, quality = _number_shown(event.digits), QUALITY_AFTER.get(event.event)
    if number is None or quality is None:
        return "number.unknown" if number is None else "number.event"
    better = quality == Quality.MEDIUM
    if better != (number.quality == Quality.FLAGGED) and quality != Quality.FLAGGED:
        return "number.quality_known"  # not flagged any more, or not as good as "downgraded"
    if _is_stale(event.at, number.quality_at, bad=not better):
        return "number.stale"
    if number.quality == quality:  # repeated: from now on older notices are stale
        PhoneNumber.objects.filter(pk=number.pk).update(quality_at=event.at)
    elif health.apply_quality(number.pk, quality, now=event.at) and not better:
        control.wake_all_backups(now)
    return ""


def _number_shown(digits: str) -> PhoneNumber | None:
    """The number with these digits, however our record spells it."""
    for number in PhoneNumber.objects.all():
        if "".join(sign for sign in number.display_number if sign.isdigit()) == digits:
            return number
    return None


# --- the account --------------------------------------------------------------------------------


def _limit(event: LimitChanged, now: datetime) -> str:
    """Alert only: a late notice must not keep recipients out of a distribution."""
    portfolio = Portfolio.objects.first()
    rule = AlertRule.LIMIT_CHANGED
    meta_notices.close_superseded(rule, but=rule.scope(f"{event.limit}"), now=now)
    if portfolio is None or portfolio.recipient_limit == event.limit:
        return ""
    incidents.raise_alert(
        rule,
        f"{event.limit}",
        message=f"Meta says that we may write to {_people(event.limit)} in 24 hours, our record "
        f"says {_people(portfolio.recipient_limit)}: check the Business Manager and correct it.",
        now=now,
    )
    return ""


def _people(limit: int | None) -> str:
    return "any number of people" if limit is None else f"{limit} people"


def _account(event: AccountNotice, now: datetime) -> str:
    log.warning("notice about the account: %s %s", event.event, event.detail)
    if event.event == "DISABLED_UPDATE" and event.detail.upper().startswith("REINSTATE"):
        meta_notices.close_superseded(AlertRule.ACCOUNT_NOTICE, now=now)
    elif event.event in GRAVE:
        incidents.raise_alert(
            AlertRule.ACCOUNT_NOTICE,
            event.event.lower(),
            message=f"Meta reports {event.event} {event.detail}".strip()
            + ": look at the account in the Business Manager.",
            now=now,
        )
    return ""


def log_changed_number(event: PersonMoved) -> None:
    """Log it: the old number's holder is unknown, and consent does not move to the new one."""
    subscriber = Subscriber.objects.filter(phone=event.phone).values_list("pk", flat=True).first()
    if subscriber is not None:
        log.warning("subscriber %s told WhatsApp of a new number: ask for it", subscriber)


HANDLERS: dict[type, Callable[[Any, datetime], str]] = {
    TemplateStatusChanged: _template_status,
    TemplateQualityChanged: _template_quality,
    TemplateCategoryChanged: _template_category,
    NumberQualityChanged: _number_quality,
    LimitChanged: _limit,
    AccountNotice: _account,
}
