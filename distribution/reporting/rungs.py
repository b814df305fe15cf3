"""The ladder of a distribution as its page shows it: each rung, and how many people it reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from distribution.lifecycle import ladder
from distribution.models import Delivery, Distribution, LadderRung, State


@dataclass(frozen=True, slots=True)
class RungShown:
    """One rung; `people` is how many messages WhatsApp accepted on it, None if that is all."""

    rung: LadderRung
    people: int | None
    current: bool


def of_distribution(distribution: Distribution) -> Sequence[RungShown]:
    """The rungs in their order; none without a ladder."""
    people: dict[int, int] = {}
    if distribution.rung_id is not None:
        accepted = Delivery.objects.filter(
            distribution=distribution, state__in=[State.ACCEPTED, State.HELD]
        )
        people = dict(accepted.order_by().values_list("rung").annotate(Count("pk")))
    return [
        RungShown(
            rung,
            people.get(rung.place, 0) if distribution.rung_id is not None else None,
            current=rung.place == distribution.place and distribution.opened_at is not None,
        )
        for rung in ladder.rungs_of(distribution)
    ]


def sent_with(delivery: Delivery) -> str:
    """The content and the message template with which a delivery left last."""
    distribution = delivery.distribution
    content, own = distribution.content, distribution.message_template
    if delivery.rung and distribution.ladder is not None:
        rungs = distribution.ladder.rungs.filter(place=delivery.rung)
        if rung := rungs.select_related("content", "message_template").first():
            return str(rung)
    template = delivery.message_template or own or (content and content.message_template)
    return f"“{content.title}” with {template}" if content else ""
