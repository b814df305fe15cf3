"""Deliveries whose outcome stayed unknown to the end: listed for a human, who decides on each.

Sending again is that person's risk: it needs a permission and a reason, is recorded for ever, and
is counted apart from what the rules did.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from distribution.interventions import rules
from distribution.interventions.rules import InterventionError
from distribution.ledger import doubts
from distribution.ledger.attempts.evidence import new_verdict, unknown_attempt
from distribution.models import Attempt, Delivery, Distribution, Ruling, State, Verdict
from distribution.models.deliveries import DeliveryQuerySet

PERMISSION = "distribution.resend_unconfirmed"


def listed(distribution: Distribution | None = None) -> DeliveryQuerySet:
    """Those that await a human's decision, oldest first, with distribution and subscriber."""
    rows = Delivery.objects.filter(state=State.UNCONFIRMED)
    if distribution is not None:
        rows = rows.filter(distribution=distribution)
    left = Verdict.objects.filter(ruling=Ruling.HUMAN_LEAVE).values("delivery")
    return rows.exclude(pk__in=left).select_related("distribution", "subscriber").order_by("pk")


def resend(delivery_id: int, *, by: User, reason: str, now: datetime) -> None:
    """Send it again although the first message may have arrived. `by` answers for it.

    InterventionError without the permission or a reason, for another day's distribution, for one
    that was cancelled, and for a delivery that is not (any more) unconfirmed.
    """
    reason = _require_right(by, reason)
    with transaction.atomic():
        row = _lock(delivery_id)
        rules.require_same_day(row.distribution, now)
        Attempt.objects.bulk_create([unknown_attempt(row, now)], ignore_conflicts=True)
        _decide(row, Ruling.HUMAN_SEND_AGAIN, by, reason, now)
        rules.reopen(row.distribution_id, now)
        doubts.resend_unconfirmed(row.pk, distribution_id=row.distribution_id, next_at=now)


def leave(delivery_id: int, *, by: User, reason: str, now: datetime) -> None:
    """Leave it as it is: it stays unconfirmed and leaves the list. Raises as `resend` does."""
    reason = _require_right(by, reason)
    with transaction.atomic():
        row = _lock(delivery_id)
        _decide(row, Ruling.HUMAN_LEAVE, by, reason, now)


def _require_right(by: User, reason: str) -> str:
    rules.require_permission(
        by,
        PERMISSION,
        refusal=_("You don’t have permission to decide on unconfirmed deliveries."),
    )
    return rules.require_reason(reason, kept_with=_("the decision"))


def _lock(delivery_id: int) -> Delivery:
    rows = Delivery.objects.filter(pk=delivery_id, state=State.UNCONFIRMED)
    row = rows.select_for_update(of=("self",)).select_related("distribution").first()
    if row is None:
        raise InterventionError(_("This delivery is no longer unconfirmed."))
    return row


def _decide(row: Delivery, ruling: Ruling, by: User, reason: str, now: datetime) -> None:
    new_verdict(row, ruling, reason, {"reason": row.reason}, now, by).save(force_insert=True)
