"""A failure of one of several accounts: its numbers rest, and the others carry its recipients.

Of one account, or while no number of another can send, the distribution is paused instead.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial

from django.db import transaction

from distribution.alerts import incidents, phone_pool
from distribution.alerts.catalogue import AlertRule
from distribution.content import eligible_numbers
from distribution.ledger import returns
from distribution.lifecycle import control
from distribution.models import Distribution
from distribution.quality import sent_templates
from phonepool.errors import FAILURES, Failure
from phonepool.models import PhoneNumber
from phonepool.numbers import health

# Whose failure it is: of the WhatsApp account, or of its portfolio. Of the token it is everybody's.
OF_ACCOUNT = {FAILURES[code].slug: "waba_id" for code in (368, 131031, 131042)}
OF_ACCOUNT |= {FAILURES[131048].slug: "portfolio_id"}


def leave_out(
    distribution_id: int, failure: Failure, number_ids: Collection[int | None], *, now: datetime
) -> bool:
    """Rest the numbers of the accounts that messages of these numbers met the failure in; who
    failed for it waits again. False: nothing was done, for it is everybody's failure."""
    column = OF_ACCOUNT.get(failure.slug)
    if column is None or None in number_ids:
        return False
    known = PhoneNumber.objects.filter(pk__in=[pk for pk in number_ids if pk is not None])
    accounts = set(known.values_list(column, flat=True))
    if not accounts or None in accounts or not _others_can(distribution_id, column, accounts):
        return False
    refused = PhoneNumber.objects.filter(**{f"{column}__in": accounts}).order_by("pk")
    for number_id in refused.values_list("pk", flat=True):
        health.rest(number_id, failure.slug, now=now)
        transaction.on_commit(
            partial(
                returns.return_failed, distribution_id, failure.slug, number_id=number_id, now=now
            )
        )
    control.wake_all_backups(now)
    phone_pool.refresh(now)
    names = ", ".join(sorted({str(one.waba or one.portfolio) for one in refused}))
    incidents.raise_alert(
        AlertRule.ACCOUNT_NOTICE,
        failure.slug,
        message=f"Meta refuses messages from {names}: {failure.slug}. {failure.advice} Its "
        "numbers are paused. Those of other accounts continue.",
        now=now,
    )
    return True


def _others_can(distribution_id: int, column: str, accounts: Collection[int]) -> bool:
    """Whether a number of another account can send this content now."""
    distribution = Distribution.objects.select_related(
        "content__message_template",
        "message_template",
        "warm_template",
        "rung__content__message_template",
        "rung__message_template",
    ).get(pk=distribution_id)
    content, day = distribution.content, distribution.local_date
    sent = sent_templates.of(distribution, content).content if content else None
    allowed = eligible_numbers.for_content(sent, day).allowed if sent else None
    able = PhoneNumber.objects.able_to_send()
    others = able.exclude(**{f"{column}__in": accounts}).exclude(**{f"{column}__isnull": True})
    return any(allowed is None or pk in allowed for pk in others.values_list("pk", flat=True))
