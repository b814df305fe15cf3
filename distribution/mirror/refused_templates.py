"""What stops a distribution: a failure of the account, or of the message template.

A message template is one of each account. Where numbers of other accounts can still send it, the
distribution goes on with those, and only the accounts that refused it are left out. Else it takes
the next rung of its ladder, if it has one that can be sent.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from distribution.content import template_accounts
from distribution.ledger.template_shares import PLANNED, SentWith
from distribution.lifecycle import control, rung_change
from distribution.mirror import refused_accounts, templates
from distribution.models import Distribution, MessageTemplate, TemplateStatus
from distribution.quality import sent_templates
from phonepool.errors import Action, Failure
from phonepool.models import PhoneNumber

# What our copy says until Meta is asked again; of any other code nobody knows.
STATUS_AFTER = {cause: status for status, cause in templates.CAUSES.items()}


def stop(
    distribution_id: int,
    failure: Failure,
    number_ids: Collection[int | None],
    *,
    at: datetime,
    seen: str = "",
    sent_with: Collection[SentWith] = (),
    now: datetime,
) -> None:
    """Pause it for a failure that messages of these numbers met, or go on without what was refused:
    the accounts, the standby that a share of the people gets, or the rung of the ladder.

    `at` is when Meta refused; None among the numbers: by an unknown one. `sent_with` says how these
    messages left; empty: nobody knows. What Meta held and dropped may be the portfolio's pacing as
    well: whatever else is sent would go into its review.
    """
    if refused_accounts.leave_out(distribution_id, failure, number_ids, now=now):
        return
    of_template = failure.action is Action.TEMPLATE and not failure.dropped
    distribution = _distribution(distribution_id)
    if of_template and _is_left(distribution, sent_with, at):
        return
    if failure.action is Action.TEMPLATE and _stop_warming(distribution, of_template, sent_with):
        return
    refusing = _accounts(number_ids) if of_template else set()
    template = distribution.used_template if refusing else None
    if template is None or not template_accounts.can_be_sent(template, but=refusing):
        _leave_or_pause(distribution, failure, seen, now)
        return
    reason = f"Meta refused it: {failure.slug}"
    status = STATUS_AFTER.get(failure.slug, TemplateStatus.OTHER)
    with transaction.atomic():
        for row in _rows(template).filter(waba__in=refusing, status=TemplateStatus.APPROVED):
            templates.apply_status(row, status, reason=reason, at=at, now=now)


def _is_left(distribution: Distribution, sent_with: Collection[SentWith], at: datetime) -> bool:
    """Whether what was refused is a rung that the distribution has left meanwhile."""
    if sent_with:
        return all(one.place != distribution.place for one in sent_with)
    taken_at = distribution.rung.taken_at if distribution.rung else None
    return taken_at is not None and at < taken_at


def _stop_warming(
    distribution: Distribution, of_template: bool, sent_with: Collection[SentWith]
) -> bool:
    """Whether the refused messages had the standby, or may have had it: the rest goes out without.
    A fault that remains is the main template's."""
    if of_template and sent_with and distribution.place == 0:
        if PLANNED in sent_with:
            return False
        sent_templates.stop_warming(distribution.pk)
        return True
    return sent_templates.stop_warming(distribution.pk)


def _leave_or_pause(distribution: Distribution, failure: Failure, seen: str, now: datetime) -> None:
    more = ""
    if failure.slug in rung_change.CAUSES:
        why = f"Meta refused {distribution.used_template}: {failure.slug}"
        if rung_change.leave(distribution.pk, distribution.place, why=why, now=now):
            return
        more = rung_change.none_left(distribution.pk, now)
    control.pause_for(distribution.pk, failure, seen=seen, more=more, now=now)


def _accounts(number_ids: Collection[int | None]) -> set[int]:
    """The accounts of these numbers; none unless all are known."""
    numbers = {pk for pk in number_ids if pk is not None}
    rows = PhoneNumber.objects.filter(pk__in=numbers)
    accounts = set(rows.values_list("waba_id", flat=True))
    known = {pk for pk in accounts if pk is not None}
    return known if known == accounts and None not in number_ids else set()


def _distribution(distribution_id: int) -> Distribution:
    rows = Distribution.objects.select_related(
        "content__message_template", "message_template", "rung__message_template"
    )
    return rows.get(pk=distribution_id)


def _rows(template: MessageTemplate) -> QuerySet[MessageTemplate]:
    rows = MessageTemplate.objects.select_for_update(of=("self",)).order_by("pk")
    return rows.filter(name=template.name, language=template.language)
