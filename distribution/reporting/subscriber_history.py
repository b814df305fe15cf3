"""What became of each message to one person, in sentences that can be read out on the phone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max, QuerySet

from distribution.ledger import deliveries
from distribution.models import Delivery, KeptAnswer, Progress, State
from distribution.models.deliveries import UNSETTLED
from distribution.runtime import india_time
from phonepool.errors import FAILURES, WITHDRAWN, Reason

SHOWN = 30  # deliveries on a page: a month

# Ends "Not delivered on 21 Nov: …"
_WHY: dict[Reason, str] = {
    Reason.RATE_LIMIT: "WhatsApp took no more messages in time",
    Reason.NETWORK_ERROR: "WhatsApp could not be reached",
    Reason.TIMEOUT: "WhatsApp did not answer in time",
    Reason.INVALID_NUMBER: "the number is not on WhatsApp",
    Reason.BLOCKED: "this person may not be written to by us",
    Reason.OPTED_OUT: "the person told WhatsApp to stop our messages",
    Reason.CAPPED: "the person has had as many marketing messages as Meta allows",
    Reason.EXPERIMENT: "Meta keeps this person out of marketing for a study",
    Reason.TEMPLATE: "the message template could not be used",
    Reason.CONTENT: "WhatsApp refused the text, perhaps for this person's name or details",
    Reason.NUMBER: "our phone number could not send",
    Reason.ACCOUNT: "our WhatsApp account could not send",
    Reason.SERVER_ERROR: "WhatsApp had a fault",
    Reason.UNKNOWN: "WhatsApp gave a reason that we do not know",
}
_SLUGS = {failure.slug: failure.reason for failure in FAILURES.values()}
_OURS = {
    deliveries.OPTED_OUT: "the person had opted out",
    deliveries.CANCELLED: "the distribution was cancelled",
    deliveries.WINDOW_OVER: "the time for sending was over",
    WITHDRAWN.slug: "the call was withdrawn before it was sent",
    "portfolio_limit": "Meta's limit of people in 24 hours was reached",
}


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
    text = f"{verb} on {day}: {why(delivery.reason)}."
    return Sentence(delivery.pk, text, "bad", advice(delivery.reason))


def why(reason: str) -> str:
    """A delivery's reason as the end of a sentence."""
    if reason in _OURS:
        return _OURS[reason]
    known = _SLUGS.get(reason)
    return _WHY[known] if known else reason.replace("_", " ") or "no reason was given"


def advice(reason: str) -> str:
    """What staff can do about it, or an empty text."""
    return next((f.advice for f in FAILURES.values() if f.slug == reason), "")


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


def forget(subscriber_id: int, phone: str, blank: str) -> None:
    """The phone goes from this person's deliveries; how they ended stays, for the sums. Answers
    that tell it are not kept for repetitions any more."""
    Delivery.objects.filter(subscriber_id=subscriber_id).update(phone=blank)
    KeptAnswer.objects.filter(body__contains=phone).delete()


def objection(subscriber_id: int, now: datetime) -> str:
    """Why this person cannot be forgotten yet: what is on its way must still find its row."""
    mine = Delivery.objects.filter(subscriber_id=subscriber_id)
    if mine.filter(state__in=UNSETTLED).exists():
        return "A message to this person is on its way: erase after the distribution has ended."
    recent = now - timedelta(days=1)
    if mine.filter(state=State.ACCEPTED, accepted_at__gte=recent).exists():
        return "WhatsApp may still report on a message of the last 24 hours: erase tomorrow."
    return ""


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
        return f"Waiting on {day} for another try: {why(delivery.reason)}."
    return f"On its way on {day}."


def _mood(delivery: Delivery) -> str:
    return "good" if delivery.progress >= Progress.DELIVERED else "open"


def _day(day: date, today: date) -> str:
    """`21 Nov`, and its year when that is not plain."""
    plain = today - day < timedelta(days=300)
    return f"{day.day} {day:%b}" if plain else f"{day.day} {day:%b %Y}"


def _clock(moment: datetime | None) -> str:
    return india_time.clock(moment) if moment else "an unknown time"
