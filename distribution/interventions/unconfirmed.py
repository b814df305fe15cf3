"""Deliveries whose outcome stayed unknown to the end: listed for a human, who decides on each.

Sending again is that person's risk: it needs a permission and a reason, is written down for
ever, and is counted apart from what the rules did.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from distribution.ledger import deliveries
from distribution.ledger.evidence import doubt, verdict
from distribution.lifecycle import control
from distribution.models import Attempt, Delivery, Distribution, Ruling, State, Verdict
from distribution.models.deliveries import DeliveryQuerySet
from distribution.runtime import india_time

PERMISSION = "distribution.resend_unconfirmed"
TIME_TO_SEND = timedelta(minutes=15)  # for a distribution whose window is over


class UnconfirmedError(Exception):
    """The decision cannot be taken; the text says why."""


def listed(distribution: Distribution | None = None) -> DeliveryQuerySet:
    """Those that wait for a human's word, oldest first, with distribution and subscriber."""
    rows = Delivery.objects.filter(state=State.UNCONFIRMED)
    if distribution is not None:
        rows = rows.filter(distribution=distribution)
    left = Verdict.objects.filter(ruling=Ruling.HUMAN_LEAVE).values("delivery")
    return rows.exclude(pk__in=left).select_related("distribution", "subscriber").order_by("pk")


def resend(delivery_id: int, *, by: User, reason: str, now: datetime) -> None:
    """Send it again although the first message may have arrived. `by` answers for it.

    UnconfirmedError without the permission or a reason, for another day's distribution, for one
    that was cancelled, and for a delivery that is not (any more) unconfirmed.
    """
    with transaction.atomic():
        row = _open_case(delivery_id, by, reason)
        _insist_on_today(row.distribution, now)
        Attempt.objects.bulk_create([doubt(row, now)], ignore_conflicts=True)
        _decide(row, Ruling.HUMAN_SEND_AGAIN, by, reason, now)
        try:
            control.reopen(row.distribution_id, until=now + TIME_TO_SEND)
        except control.ControlError as error:
            raise UnconfirmedError(str(error)) from None
        deliveries.send_by_hand(row.pk, next_at=now)


def leave(delivery_id: int, *, by: User, reason: str, now: datetime) -> None:
    """Let it be: it stays unconfirmed and leaves the list. Raises as `resend` does."""
    with transaction.atomic():
        row = _open_case(delivery_id, by, reason)
        _decide(row, Ruling.HUMAN_LEAVE, by, reason, now)


def _open_case(delivery_id: int, by: User, reason: str) -> Delivery:
    if not by.has_perm(PERMISSION):
        raise UnconfirmedError("This needs the permission to send unconfirmed deliveries again.")
    if not reason.strip():
        raise UnconfirmedError("Give a reason: it is kept with the decision.")
    rows = Delivery.objects.filter(pk=delivery_id, state=State.UNCONFIRMED)
    row = rows.select_for_update(of=("self",)).select_related("distribution").first()
    if row is None:
        raise UnconfirmedError("It is not unconfirmed any more.")
    return row


def _insist_on_today(distribution: Distribution, now: datetime) -> None:
    if distribution.local_date != india_time.local_date(now):
        raise UnconfirmedError("It is another day's message: that is not sent any more.")


def _decide(row: Delivery, ruling: Ruling, by: User, reason: str, now: datetime) -> None:
    verdict(row, ruling, reason.strip(), {"reason": row.reason}, now, by).save(force_insert=True)
