"""Reports and wishes in any order, any number of times: through the real inbox and database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distribution.models import Delivery
from subscribers.models import Status, Subscriber
from tests.builders import a_subscriber
from tests.webhooks.posts import apply, in_flight, pool_number, status, statuses, text_message
from webhooks.applying import inbox
from webhooks.models import WebhookEvent
from webhooks.receiving import store

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India

FAILURES = [131026, 131049, 131000, 130429, 131056, 133010, 131042, 132016, 135000, 131050, None]
ORDER = ["sent", "delivered", "read", *FAILURES]
# A message fails once if at all; whether it was delivered all the same is another matter.
HISTORIES = st.tuples(
    st.sets(st.sampled_from(ORDER[:3])), st.sets(st.sampled_from(ORDER[3:]), max_size=1)
).filter(any)
# They differ on purpose: that of the highest progress counts.
PRICINGS = {
    "sent": {"category": "utility", "type": "regular", "pricing_model": "PMP", "billable": True},
    "delivered": {"category": "marketing", "type": "regular", "pricing_model": "PMP"},
}
KEPT = (
    "state",
    "progress",
    "wamid",
    "reason",
    "accepted_at",
    "sent_at",
    "delivered_at",
    "read_at",
    "failed_at",
    "failed_code",
    "attempt_no",
)


def reported(word: str | int | None, key: object, place: int) -> dict[str, object]:
    at = NOW + timedelta(seconds=place)
    if not isinstance(word, str):
        return status("failed", key, at=at, wamid="w1", code=word)
    return status(word, key, at=at, wamid="w1", pricing=PRICINGS.get(word))


def outcome(key: object, webhooks: list[list[dict[str, object]]], drains: list[bool]) -> tuple:
    """What a delivery is after these webhooks, drained in between where it says so."""
    now = NOW + timedelta(minutes=1)
    for items, drain in zip(webhooks, drains, strict=True):
        store.store(statuses(*items), 0, now=now)
        if drain:
            inbox.drain(now=now)
    inbox.drain(now=now)
    assert not WebhookEvent.objects.pending().exists()
    assert not WebhookEvent.objects.dead().exists()
    row = Delivery.objects.select_related("pricing").get()
    priced = row.pricing and (row.pricing.progress, row.pricing.category)
    return (*(getattr(row, name) for name in KEPT), priced)


@given(history=HISTORIES, data=st.data())
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_order_and_any_repetition_of_reports_end_the_same(db, history, data):
    words = sorted(history[0] | history[1], key=ORDER.index)
    times = {word: place for place, word in enumerate(words)}
    told = data.draw(
        st.permutations(words + data.draw(st.lists(st.sampled_from(words), max_size=4)))
    )
    cuts = data.draw(st.lists(st.booleans(), min_size=len(told), max_size=len(told)))
    ends = []
    for order in (words, told):
        with transaction.atomic():
            _, attempts = in_flight(1, now=NOW - timedelta(seconds=5))
            (key,) = attempts.values()
            items = [[reported(word, key, times[word])] for word in order]
            together = [[item for one in items for item in one]] if order is words else items
            ends.append(outcome(key, together, cuts if order is told else [False]))
            transaction.set_rollback(True)

    straight, shuffled = ends
    assert shuffled == straight


@given(order=st.permutations([("STOP", 1), ("START", 2), ("STOP", 3), ("START", 4), ("ok", 5)]))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_order_of_wishes_ends_with_the_latest(db, order):
    with transaction.atomic():
        pool_number()
        who = a_subscriber()
        for word, second in order:
            at = NOW + timedelta(seconds=second)
            apply(text_message(who.phone, word, at=at), now=NOW + timedelta(minutes=1))
        result = Subscriber.objects.get(pk=who.pk).status
        transaction.set_rollback(True)

    assert result == Status.ACTIVE
