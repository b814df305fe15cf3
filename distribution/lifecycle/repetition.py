"""The same content twice on one day: refused when a person plans it, left out when it opens.

*The same* is one message template with the same values, whatever the row. What a person confirms
with a reason (`Distribution.again_reason`) is sent to everybody.
"""

from __future__ import annotations

from datetime import date

from django.db.models import Count, Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.ledger import deliveries
from distribution.ledger.reasons import DeliveryReason
from distribution.ledger.same_content import same
from distribution.models import (
    BlackoutDate,
    Content,
    Delivery,
    Distribution,
    DistributionState,
    MessageTemplate,
    State,
)
from distribution.models.distributions import RUNNING, UNBEGUN

# The message is out, or may be: nobody knows before its end is known.
RECEIVED = (
    State.CLAIMED,
    State.INFLIGHT,
    State.UNKNOWN,
    State.HELD,
    State.ACCEPTED,
    State.UNCONFIRMED,
)
CONFIRM = gettext_lazy("If people should get it twice, give a reason.")


def lock(content: Content) -> None:
    """Let nobody else plan or open this content's message template until the transaction ends."""
    templates = MessageTemplate.objects.select_for_update(no_key=True)
    templates.get(pk=content.message_template_id)


def objection(
    content: Content, day: date, *, own: Distribution | None = None, daily_to_come: bool = False
) -> str:
    """Why it should not be sent that day, in a sentence; '' if nobody has it or is to have it.

    `daily_to_come`: that day's daily distribution is not stored yet and will begin. The rest of a
    cancelled one may be sent: who has it is left out at the opening.
    """
    for other in _same_that_day(content, day, own):
        if other.state in (*UNBEGUN, *RUNNING):
            return _already(_("Distribution %(id)s (%(name)s) sends the same content."), other)
        received = Delivery.objects.filter(distribution=other, state__in=RECEIVED)
        if other.state != DistributionState.CANCELLED and received.exists():
            return _already(_("Distribution %(id)s (%(name)s) has sent the same content."), other)
    dark = BlackoutDate.objects.filter(day=day)
    if daily_to_come and same(Content.objects.approved_for(day), content) and not dark.exists():
        sentence = _("The daily distribution of %(day)s sends the same content.") % {"day": day}
        return f"{sentence} {CONFIRM}"
    return ""


def _already(sentence: str, other: Distribution) -> str:
    return f"{sentence % {'id': other.pk, 'name': other}} {CONFIRM}"


def skip_received(distribution: Distribution, content: Content, *, first_batch: int = 0) -> int:
    """Leave out, from a batch on, who has this content today, or is to have it by one that is
    running; how many.

    Call it in the transaction that freezes them, after `lock` and after they are inserted.
    """
    others = _same_that_day(content, distribution.local_date, distribution)
    if distribution.again_reason or not others:
        return 0
    running = [other.pk for other in others if other.state in RUNNING]
    theirs = Q(distribution__in=[other.pk for other in others], state__in=RECEIVED)
    theirs |= Q(distribution__in=running, state__in=(State.PENDING, State.RETRY_WAIT))
    ours = Q(distribution=distribution, batch_no__gte=first_batch)
    # By grouping, not by a join, as for the portfolio's limit: fresh rows have no statistics yet.
    people = Delivery.objects.filter(ours | theirs).order_by().values("phone")
    people = people.annotate(delivery=Max("pk", filter=ours), theirs=Count("pk", filter=~ours))
    reached = people.filter(theirs__gt=0, delivery__isnull=False)
    pks = list(reached.values_list("delivery", flat=True))
    reason = DeliveryReason.ALREADY_RECEIVED
    return deliveries.skip(pks, reason, distribution_id=distribution.pk)


def _same_that_day(content: Content, day: date, own: Distribution | None) -> list[Distribution]:
    """Distributions of the day with this content, cancelled ones included, missed ones not."""
    rows = Distribution.objects.filter(local_date=day).exclude(state=DistributionState.MISSED)
    if own is not None:
        rows = rows.exclude(pk=own.pk)
    of_the_day = Content.objects.approved_for(day)
    return [
        row
        for row in rows.select_related("content").order_by("pk")
        if (row.state in (*UNBEGUN, *RUNNING) or row.opened_at is not None)
        and same(row.content or of_the_day, content)
    ]
