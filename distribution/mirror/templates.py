"""Meta's word on message templates: status, quality and category.

The distributions that a template leaves without a number take the next rung of their ladder, and
are paused if there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from distribution.alerts import incidents, meta_notices
from distribution.alerts.catalogue import AlertRule
from distribution.content import outlook, template_accounts
from distribution.drafting import review
from distribution.lifecycle import control, rung_change
from distribution.mirror.ordering import is_stale
from distribution.models import (
    Distribution,
    MessageTemplate,
    QualitySource,
    Severity,
    TemplateStatus,
)
from distribution.quality import history, sent_templates
from distribution.runtime import india_time

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

# What a send with such a template fails for. A pause for it ends once the template is approved
# again, whether Meta's notice or the answer to a send came first.
CAUSES = {
    TemplateStatus.PAUSED: "template_paused",
    TemplateStatus.DISABLED: "template_disabled",
}

# The worse stands later; an unknown word is the best.
WORSE_STATUSES = ("APPROVED", "PENDING", "OTHER", "PAUSED", "REJECTED", "DISABLED")
WORSE_QUALITIES = ("GREEN", "YELLOW", "RED")


def find(account: str, meta_id: str, name: str, language: str) -> MessageTemplate | None:
    """The template that a notice of an account is about, locked.

    Names repeat between accounts, and a deleted template's name may be used again: where both ids
    are known only the id decides.
    """
    rows = MessageTemplate.objects.select_for_update(of=("self",))
    if account:
        rows = rows.filter(Q(waba__meta_id=account) | Q(waba__isnull=True))
    by_id = rows.filter(meta_id=meta_id).first() if meta_id else None
    if by_id is not None:
        return by_id
    named = rows.filter(name=name, language=language)
    return (named.filter(meta_id="") if meta_id else named).order_by("waba", "pk").first()


def apply_status(
    template: MessageTemplate, status: TemplateStatus, *, reason: str, at: datetime, now: datetime
) -> bool:
    """Take over the status that a notice of the time `at` names; False if it is stale."""
    bad = status != TemplateStatus.APPROVED
    better = _rank(WORSE_STATUSES, status) < _rank(WORSE_STATUSES, template.status)
    if is_stale(at, template.status_at, template.synced_at, bad=bad, better=better):
        return False
    write_status(template, status, reason=reason, now=now, status_at=at)
    return True


def write_status(
    template: MessageTemplate, status: TemplateStatus, *, reason: str, now: datetime, **more: Any
) -> None:
    """Record the status. What sends with the template is paused if no number can send it any more,
    else an alert names the numbers that cannot, while there are any."""
    before = template.status
    _write(template, status=status, status_reason=reason[:200], **more)
    review.follow(template, now=now)
    if before != status and TemplateStatus.APPROVED in (before, status):
        _tell_senders(template, f"{template} is {status} at Meta ({reason})", now)


def _tell_senders(template: MessageTemplate, why: str, now: datetime) -> None:
    running = Distribution.objects.sending()
    if template.status != TemplateStatus.APPROVED:
        for warming in running.filter(warm_template=template):
            sent_templates.stop_warming(warming.pk)
    related = running.select_related(
        "content__message_template", "message_template", "rung__message_template"
    )
    for distribution in related:
        planned = distribution.used_template
        if planned is None or _name(planned) != _name(template):
            continue
        lost = template.status != TemplateStatus.APPROVED
        if lost and not template_accounts.can_be_sent(planned):
            cause = CAUSES.get(TemplateStatus(template.status), "template_not_found")
            _leave_or_pause(distribution, f"message template {why}", cause, now)
            continue
        if sentence := template_accounts.left_out(planned):
            incidents.raise_alert(
                AlertRule.TEMPLATE_NOT_APPROVED,
                distribution.pk,
                severity=Severity.WARNING,
                message=f"{distribution}: {sentence}",
                now=now,
            )
        else:
            incidents.close_alert(AlertRule.TEMPLATE_NOT_APPROVED, distribution.pk, now=now)


def _leave_or_pause(distribution: Distribution, why: str, cause: str, now: datetime) -> None:
    if not rung_change.leave(distribution.pk, distribution.place, why=why, now=now):
        more = rung_change.none_left(distribution.pk, now)
        control.pause(distribution.pk, reason=why, cause=cause, more=more, now=now)


def apply_quality(template: MessageTemplate, quality: str, *, at: datetime) -> bool:
    """Take over the quality score; False if the notice is stale."""
    better = _rank(WORSE_QUALITIES, quality) < _rank(WORSE_QUALITIES, template.quality)
    if is_stale(at, template.quality_at, template.synced_at, bad=False, better=better):
        return False
    history.note_template(template, template.quality, quality[:8], QualitySource.WEBHOOK, at=at)
    _write(template, quality=quality[:8], quality_at=at)
    return True


def apply_category(
    template: MessageTemplate, category: str, *, at: datetime, now: datetime
) -> bool:
    """Take over the category that applies since `at`; False if the notice is stale.

    Another category has another price and other rules, so an alert reports it. An older notice of
    another category still tells that it changed, so that any order of notices alerts alike.
    """
    category = category[:16]
    if is_stale(at, None, template.synced_at, bad=False):
        return False
    if is_stale(at, template.category_at, None, bad=False):
        if category != template.category and not template.category_before:
            _write(template, category_before=category)
            tell_category(template, now)
        return False
    changed: dict[str, Any] = {"category": category, "category_at": at}
    was_announced = template.correct_category not in ("", template.category)
    if category != template.category:
        changed["category_before"] = template.category
    if template.correct_category_at is None or template.correct_category_at <= at:
        changed |= {"correct_category": category, "correct_category_at": at}
    _write(template, **changed)
    if was_announced or "category_before" in changed:
        tell_category(template, now)
    return True


def announce_category(
    template: MessageTemplate, category: str, *, at: datetime, now: datetime
) -> bool:
    """Note the category that will apply soon; the present one takes an announcement back."""
    category = category[:16]
    if is_stale(at, template.correct_category_at, None, bad=False):
        return False
    changed = category != (template.correct_category or template.category)
    _write(template, correct_category=category, correct_category_at=at)
    if changed:
        tell_category(template, now)
    return True


def tell_category(template: MessageTemplate, now: datetime) -> None:
    """One alert about what the category is now or will be; none if it stays as it was."""
    review.follow(template, now=now)
    rule = AlertRule.TEMPLATE_CATEGORY
    of_template = rule.scope(f"{template.pk} ")  # with any category
    coming = template.correct_category
    if coming and coming != template.category:
        key, before = coming, template.category
        change = f"was {before} and will be {coming}"
    elif template.category_before and template.category_before != template.category:
        key, before = template.category, template.category_before
        change = f"was {before} and is now {template.category}"
    else:
        meta_notices.close_superseded(rule, prefix=of_template, now=now)
        return
    price = outlook.change_words(before, key, on=india_time.local_date(now))
    key = f"{template.pk} {key}"
    meta_notices.close_superseded(rule, prefix=of_template, but=rule.scope(key), now=now)
    message = (
        f"Message template {template} {change} at Meta. {price} Check the price and the rules."
    )
    incidents.raise_alert(rule, key, message=" ".join(message.split()), now=now)


def _name(template: MessageTemplate) -> tuple[str, str]:
    return template.name, template.language


def _rank(order: Sequence[str], word: str) -> int:
    return order.index(word) if word in order else -1


def _write(template: MessageTemplate, **fields: Any) -> None:
    MessageTemplate.objects.filter(pk=template.pk).update(**fields)
    for name, value in fields.items():
        setattr(template, name, value)
