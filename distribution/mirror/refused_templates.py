"""What stops a distribution: a failure of the account, or of the message template.

A message template is one of each account. Where numbers of other accounts can still send it, the
distribution goes on with those, and only the accounts that refused it are left out.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from distribution.content import template_accounts
from distribution.lifecycle import control
from distribution.mirror import refused_accounts, templates
from distribution.models import Distribution, MessageTemplate, TemplateStatus
from distribution.quality import sent_templates
from phonepool.errors import Action, Failure
from phonepool.models import PhoneNumber

# What our copy says until Meta is asked again; of any other code nobody knows.
STATUS_AFTER = {
    "template_paused": TemplateStatus.PAUSED,
    "template_disabled": TemplateStatus.DISABLED,
}


def stop(
    distribution_id: int,
    failure: Failure,
    number_ids: Collection[int | None],
    *,
    at: datetime,
    seen: str = "",
    now: datetime,
) -> None:
    """Pause it for a failure that messages of these numbers met, or leave their accounts out.

    `at` is when Meta refused; None among the numbers: by an unknown one. What Meta held and dropped
    may be the portfolio's pacing as well: whatever else is sent would go into its review.
    """
    if refused_accounts.leave_out(distribution_id, failure, number_ids, now=now):
        return
    of_template = failure.action is Action.TEMPLATE and not failure.dropped
    if failure.action is Action.TEMPLATE and sent_templates.stop_warming(distribution_id):
        return  # the standby may be what was refused: what waits goes out without it
    refusing = _accounts(number_ids) if of_template else set()
    template = _template(distribution_id) if refusing else None
    if template is None or not template_accounts.can_be_sent(template, but=refusing):
        control.pause_for(distribution_id, failure, seen=seen, now=now)
        return
    reason = f"Meta refused it: {failure.slug}"
    status = STATUS_AFTER.get(failure.slug, TemplateStatus.OTHER)
    with transaction.atomic():
        for row in _rows(template).filter(waba__in=refusing, status=TemplateStatus.APPROVED):
            templates.apply_status(row, status, reason=reason, at=at, now=now)


def _accounts(number_ids: Collection[int | None]) -> set[int]:
    """The accounts of these numbers; none unless all are known."""
    numbers = {pk for pk in number_ids if pk is not None}
    rows = PhoneNumber.objects.filter(pk__in=numbers)
    accounts = set(rows.values_list("waba_id", flat=True))
    known = {pk for pk in accounts if pk is not None}
    return known if known == accounts and None not in number_ids else set()


def _template(distribution_id: int) -> MessageTemplate | None:
    rows = Distribution.objects.select_related("content__message_template", "message_template")
    return rows.get(pk=distribution_id).used_template


def _rows(template: MessageTemplate) -> QuerySet[MessageTemplate]:
    rows = MessageTemplate.objects.select_for_update(of=("self",)).order_by("pk")
    return rows.filter(name=template.name, language=template.language)
