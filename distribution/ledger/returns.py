"""Deliveries that failed for a reason that hit everybody return to waiting, each with a verdict."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from distribution.ledger import deliveries, rollup_marks
from distribution.ledger.attempts import open_calls
from distribution.ledger.chunks import update_in_chunks
from distribution.ledger.partitions import keys
from distribution.models import Delivery, Distribution, Progress, State
from distribution.models.deliveries import DeliveryQuerySet
from phonepool.errors import BY_SLUG, may_be_sent_again

WHY = "It failed for a reason that hit everybody, which is not this person's."


def return_for_pause(distribution: Distribution, *, now: datetime) -> int:
    """Have everybody wait again who failed for a cause of its pause; how many.

    After a resume only those who were sent to before it: reports of theirs may come late.
    """
    facts, before = distribution.pause_facts, None
    causes = [distribution.pause_cause or facts.get("cause", ""), *facts.get("others", ())]
    if not distribution.pause_cause:
        before = distribution.resumed_at
        if before is None:
            return 0
    return sum(
        return_failed(distribution.pk, cause, sent_before=before, now=now)
        for cause in filter(None, causes)
    )


def return_failed(
    distribution_id: int,
    reason: str,
    *,
    number_id: int | None = None,
    sent_before: datetime | None = None,
    now: datetime,
) -> int:
    """Have everybody wait again who failed for `reason`, on that number if one is named; how many.

    None of their tries for it counts. Who may have got a message stays failed, and so does what
    Meta dropped: a second send would be the worst answer.
    """
    failure = BY_SLUG.get(reason)
    if failure is None or not may_be_sent_again(failure):
        return 0
    rows = Delivery.objects.filter(distribution_id=distribution_id, reason=reason)
    if number_id is not None:
        rows = rows.filter(number_id=number_id)
    if sent_before is not None:
        rows = rows.filter(inflight_at__lt=sent_before)
    waiting = rows.filter(state=State.RETRY_WAIT)
    update_in_chunks(
        waiting.filter(Q(tries_charged__gt=0) | Q(resend_no__gt=0)),
        lambda part: part.update(tries_charged=0, resend_no=0),
    )
    failed = rows.filter(state=State.FAILED, progress__lt=Progress.DELIVERED)
    # Most of the time there are none, and the condition on their calls costs more.
    if not failed.exists():
        return 0
    certain = open_calls.annotate(failed).exclude(open_calls.may_have_arrived())
    returned = update_in_chunks(
        keys.of(distribution_id).filter(state=State.FAILED),
        lambda part: _return(part, distribution_id, now),
        list(certain.values_list("pk", flat=True)),
    )
    if returned:
        rollup_marks.mark_changed([distribution_id], now=now)
    return returned


def _return(part: DeliveryQuerySet, distribution_id: int, now: datetime) -> int:
    pks = list(part.values_list("pk", flat=True))
    return deliveries.retry_failed(
        pks, distribution_id=distribution_id, by=None, reason=WHY, next_at=now, now=now
    )
