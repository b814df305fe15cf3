"""What became of each message to one person, in sentences that can be read out on the phone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max, QuerySet

from distribution.ledger.reasons import explain
from distribution.models import Delivery, Progress, State
from distribution.models.deliveries import UNSETTLED
from distribution.runtime import india_time

SHOWN = 30  # deliveries on a page: a month


@dataclass(frozen=True, slots=True)
class Sentence:
    """One delivery as a person would tell it; `good`, `bad` or `open` for its colour."""

    delivery_id: int
    text: str
    mood: str
    advice: str = ""


def deliveries_of(
    subscriber_id: int, *, today: date, limit: int = SHOWN, skip: int = 0
) -> list[Sentence]:
    """Each delivery of this person in one sentence, the latest first."""
    rows = Delivery.objects.filter(subscriber_id=subscriber_id).select_related("distribution")
    latest = rows.order_by("-distribution__local_date", "-pk")
    return [sentence(delivery, today=today) for delivery in latest[skip : skip + limit]]


def sentence(delivery: Delivery, *, today: date) -> Sentence:
    """What happened, when, and why; the distribution comes along with `delivery`."""
    day = _day(delivery.distribution.local_date, today)
    if delivery.state in (State.ACCEPTED, State.HELD):
        return Sentence(delivery.pk, _taken(delivery, day), _mood(delivery))
    if delivery.state in UNSETTLED:
        return Sentence(delivery.pk, _under_way(delivery, day), "open")
    if delivery.state == State.UNCONFIRMED:
        text = f"Nobody knows whether it arrived on {day}: WhatsApp never answered."
        return Sentence(delivery.pk, text, "bad", "Ask the person before sending it again.")
    verb = "Not sent" if delivery.state == State.SKIPPED else "Not delivered"
    reason = explain(delivery.reason)
    text = f"{verb} on {day}: {reason.sentence_end}."
    return Sentence(delivery.pk, text, "bad", reason.advice)


def last_delivered(subscriber_ids: Iterable[int]) -> dict[int, datetime]:
    """When each of them last got a message; those who never did are absent."""
    rows = Delivery.objects.filter(
        subscriber_id__in=list(subscriber_ids),
        state=State.ACCEPTED,
        progress__gte=Progress.DELIVERED,
    )
    return {pk: at for pk, at in rows.values_list("subscriber").annotate(Max("delivered_at")) if at}


def delivered_since(moment: datetime | None) -> QuerySet[Delivery]:
    """Deliveries that arrived after `moment`, or ever; for a subquery over subscribers."""
    arrived = Delivery.objects.filter(state=State.ACCEPTED, progress__gte=Progress.DELIVERED)
    return arrived if moment is None else arrived.filter(delivered_at__gte=moment)


def _taken(delivery: Delivery, day: str) -> str:
    if delivery.progress == Progress.READ and delivery.read_at:
        return f"Delivered on {day} at {_clock(delivery.delivered_at)}, and read."
    if delivery.progress >= Progress.DELIVERED:
        return f"Delivered on {day} at {_clock(delivery.delivered_at)}."
    return f"Sent on {day} at {_clock(delivery.accepted_at)}: not delivered yet, phone off perhaps."


def _under_way(delivery: Delivery, day: str) -> str:
    if delivery.state == State.UNKNOWN:
        return f"In doubt on {day}: WhatsApp has not answered, we are finding out."
    if delivery.state == State.RETRY_WAIT:
        reason = explain(delivery.reason)
        return f"Waiting on {day} for another try: {reason.sentence_end}."
    return f"On its way on {day}."


def _mood(delivery: Delivery) -> str:
    return "good" if delivery.progress >= Progress.DELIVERED else "open"


def _day(day: date, today: date) -> str:
    """`21 Nov`, and its year when that is not plain."""
    plain = today - day < timedelta(days=300)
    return f"{day.day} {day:%b}" if plain else f"{day.day} {day:%b %Y}"


def _clock(moment: datetime | None) -> str:
    return india_time.clock(moment) if moment else "an unknown time"
