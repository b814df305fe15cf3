"""The outcome of each message to one subscriber, in sentences that staff can read out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from distribution.ledger.reasons import explain
from distribution.models import Delivery, Distribution, DistributionState, Progress, State
from distribution.models.deliveries import UNSETTLED
from distribution.runtime import india_time, partitions
from phonepool.errors import BY_SLUG, PROXY_ANSWER, FailureCategory

WAITING = (State.PENDING, State.CLAIMED, State.RETRY_WAIT)  # no call is under way
# The sentences of these are about one person, which a cause that stops everybody is not.
PERSONAL = (
    FailureCategory.INVALID_NUMBER,
    FailureCategory.CONTENT,
    FailureCategory.OPTED_OUT,
    FailureCategory.UNKNOWN,
)
DELIVERIES_SHOWN = 30  # on a page: a month


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One delivery as a sentence, with what staff can do about it."""

    delivery_id: int
    text: str
    level: str  # good, bad or open: its colour
    advice: str = ""
    message: str = ""  # the content that was sent


def deliveries_of(
    subscriber_id: int, *, today: date, limit: int = DELIVERIES_SHOWN, skip: int = 0
) -> list[HistoryEntry]:
    """The deliveries of a subscriber, the latest first."""
    rows = Delivery.objects.filter(subscriber_id=subscriber_id).select_related(
        "distribution__content"
    )
    latest = rows.order_by("-distribution__local_date", "-pk")
    return [
        replace(entry(row, today=today), message=_message(row))
        for row in latest[skip : skip + limit]
    ]


def removed_until() -> date | None:
    """The last day of which deliveries were removed because of their age; None: none were."""
    if not partitions.is_partitioned():
        return None
    removed = Distribution.objects.filter(deliveries_removed_at__isnull=False)
    last: date | None = removed.aggregate(last=Max("local_date"))["last"]
    return last


def _message(delivery: Delivery) -> str:
    content = delivery.distribution.content
    return content.title if content else ""


def entry(delivery: Delivery, *, today: date) -> HistoryEntry:
    """What happened, when, and why. Reads `delivery.distribution`: select it with the delivery."""
    day = _day(delivery.distribution.local_date, today)
    if delivery.state in (State.ACCEPTED, State.HELD):
        return HistoryEntry(delivery.pk, _accepted_text(delivery, day), _level(delivery))
    if delivery.state in UNSETTLED:
        return _unsettled(delivery, day)
    if delivery.state == State.UNCONFIRMED:
        text = _("Unconfirmed: no response from WhatsApp on %(day)s.") % {"day": day}
        return HistoryEntry(delivery.pk, text, "bad", _("Ask the person before you send it again."))
    verb = "Not sent" if delivery.state == State.SKIPPED else "Not delivered"
    reason = explain(delivery.reason)
    text = f"{verb} on {day}: {reason.sentence_end}."
    return HistoryEntry(delivery.pk, text, "bad", reason.advice)


def last_delivered(subscriber_ids: Iterable[int]) -> dict[int, datetime]:
    """When a message was last delivered to each of them; absent without any."""
    rows = Delivery.objects.filter(
        subscriber_id__in=list(subscriber_ids),
        state=State.ACCEPTED,
        progress__gte=Progress.DELIVERED,
    )
    return {pk: at for pk, at in rows.values_list("subscriber").annotate(Max("delivered_at")) if at}


def delivered_since(moment: datetime | None) -> QuerySet[Delivery]:
    """Deliveries delivered since `moment`, or ever; for a subquery over subscribers."""
    delivered = Delivery.objects.filter(state=State.ACCEPTED, progress__gte=Progress.DELIVERED)
    return delivered if moment is None else delivered.filter(delivered_at__gte=moment)


def _accepted_text(delivery: Delivery, day: str) -> str:
    if delivery.progress == Progress.READ and delivery.read_at:
        return f"Delivered on {day} at {_clock(delivery.delivered_at)}, and read."
    if delivery.progress >= Progress.DELIVERED:
        return f"Delivered on {day} at {_clock(delivery.delivered_at)}."
    at = _clock(delivery.accepted_at)
    return f"Sent on {day} at {at}. Not delivered yet (phone may be off)."


def _unsettled(delivery: Delivery, day: str) -> HistoryEntry:
    text, advice = f"On its way on {day}.", ""
    if delivery.state == State.UNKNOWN:
        text = f"Unconfirmed on {day}: {_doubt(delivery)}. We are checking."
        advice = _("Wait. If it stays unconfirmed, ask the person before you send it again.")
    elif delivery.state in WAITING and delivery.distribution.state == DistributionState.PAUSED:
        why, advice = _pause(delivery.distribution)
        text = f"Waiting on {day}: the distribution is paused{why}."
    elif delivery.state == State.RETRY_WAIT:
        reason = explain(delivery.reason)
        text = f"Will retry on {day}: {reason.sentence_end}."
    return HistoryEntry(delivery.pk, text, "open", advice)


def _doubt(delivery: Delivery) -> str:
    if delivery.reason == PROXY_ANSWER.slug:
        return _("a proxy answered instead of WhatsApp and may have passed it on")
    return _("WhatsApp has not answered")


def _pause(distribution: Distribution) -> tuple[str, str]:
    """Why it is paused, to stand after that word, and what helps."""
    cause = BY_SLUG.get(distribution.pause_cause)
    if cause is not None:
        alike = "too many messages failed alike"
        why = alike if cause.category in PERSONAL else explain(cause.slug).sentence_end
        return f", because {why}", _(
            "Nothing is wrong with this person. Sending resumes for everybody."
        )
    reason = distribution.state_reason.rstrip(". ")
    return f": {reason}" if reason else "", ""


def _level(delivery: Delivery) -> str:
    return "good" if delivery.progress >= Progress.DELIVERED else "open"


def _day(day: date, today: date) -> str:
    """`21 Nov`; with its year when the month alone is ambiguous."""
    is_recent = today - day < timedelta(days=300)
    return f"{day.day} {day:%b}" if is_recent else f"{day.day} {day:%b %Y}"


def _clock(moment: datetime | None) -> str:
    return india_time.clock(moment) if moment else "an unknown time"
