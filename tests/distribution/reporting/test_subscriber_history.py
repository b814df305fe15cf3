"""What became of messages, in sentences."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from distribution.ledger import reasons
from distribution.models import Delivery, Distribution, State
from distribution.reporting import subscriber_history
from phonepool.errors import FAILURES, FailureCategory
from subscribers.models import Erasure
from subscribers.people import erasure as erasing
from tests.builders import a_subscriber

DAY = date(2026, 11, 21)
TODAY = date(2026, 11, 23)
SIX = datetime(2026, 11, 21, 0, 30, 7, tzinfo=UTC)


def a_delivery(**fields):
    fields.setdefault("progress", 0)
    fields.setdefault("reason", "")
    return Delivery(distribution=Distribution(local_date=DAY), **fields)


@pytest.mark.parametrize(
    ("fields", "text", "level"),
    [
        (
            {"state": "FAILED", "reason": "undeliverable"},
            "Not delivered on 21 Nov: the number is not on WhatsApp.",
            "bad",
        ),
        (
            {"state": "ACCEPTED", "progress": 2, "delivered_at": SIX},
            "Delivered on 21 Nov at 06:00:07 IST.",
            "good",
        ),
        (
            {"state": "ACCEPTED", "progress": 3, "delivered_at": SIX, "read_at": SIX},
            "Delivered on 21 Nov at 06:00:07 IST, and read.",
            "good",
        ),
        (
            {"state": "ACCEPTED", "progress": 1, "accepted_at": SIX},
            "Sent on 21 Nov at 06:00:07 IST. Not delivered yet (phone may be off).",
            "open",
        ),
        (
            {"state": "SKIPPED", "reason": "opted_out"},
            "Not sent on 21 Nov: the person had opted out.",
            "bad",
        ),
        (
            {"state": "UNCONFIRMED", "reason": "never_answered"},
            "Unconfirmed: no response from WhatsApp on 21 Nov.",
            "bad",
        ),
        ({"state": "PENDING"}, "On its way on 21 Nov.", "open"),
    ],
)
def test_a_delivery_is_one_sentence(fields, text, level):
    entry = subscriber_history.entry(a_delivery(**fields), today=TODAY)

    assert (entry.text, entry.level) == (text, level)


@pytest.mark.parametrize("state", ["PENDING", "CLAIMED", "RETRY_WAIT"])
@pytest.mark.parametrize(
    ("fields", "text", "advised"),
    [
        (
            {"pause_cause": "payment_problem", "state_reason": "payment_problem: Repair …"},
            "Waiting on 21 Nov: the distribution is paused, because our WhatsApp account could "
            "not send.",
            True,
        ),
        (
            {"pause_cause": "undeliverable", "state_reason": "290 of 300 messages failed …"},
            "Waiting on 21 Nov: the distribution is paused, because too many messages failed "
            "alike.",
            True,
        ),
        (
            {"state_reason": "asha: A figure in it is wrong."},
            "Waiting on 21 Nov: the distribution is paused: asha: A figure in it is wrong.",
            False,
        ),
        ({}, "Waiting on 21 Nov: the distribution is paused.", False),
    ],
)
def test_while_a_distribution_is_paused_who_waits_is_told_why(state, fields, text, advised):
    delivery = a_delivery(state=state, reason="send_failed")
    delivery.distribution.state = "PAUSED"
    for name, value in fields.items():
        setattr(delivery.distribution, name, value)

    entry = subscriber_history.entry(delivery, today=TODAY)

    assert (entry.text, entry.level, bool(entry.advice)) == (text, "open", advised)


def test_what_a_call_may_have_brought_is_in_doubt_while_paused_and_says_what_to_do():
    """Class K7: after a proxy's page nobody knows; it is never simply sent again."""
    delivery = a_delivery(state="UNKNOWN", reason="proxy_answer")
    delivery.distribution.state = "PAUSED"

    entry = subscriber_history.entry(delivery, today=TODAY)

    assert entry.text.startswith("Unconfirmed on 21 Nov: a proxy answered instead of WhatsApp")
    assert "ask the person before you send it again" in entry.advice


def test_a_day_long_ago_says_its_year():
    entry = subscriber_history.entry(a_delivery(state="PENDING"), today=DAY + timedelta(days=400))

    assert entry.text == "On its way on 21 Nov 2026."


@pytest.mark.parametrize("state", State.values)
def test_every_state_has_a_sentence(state):
    assert subscriber_history.entry(a_delivery(state=state), today=TODAY).text.endswith(".")


def test_every_reason_of_meta_has_words_and_advice():
    assert set(reasons.SENTENCE_ENDS) == set(FailureCategory)
    for failure in FAILURES.values():
        assert failure.slug not in reasons.explain(failure.slug).sentence_end
        assert reasons.explain(failure.slug).advice


@pytest.mark.django_db
def test_a_purge_takes_the_phone_from_deliveries_and_waits_for_those_on_their_way():
    now = datetime(2026, 11, 23, 6, tzinfo=UTC)
    who = a_subscriber(phone="+919812345678")
    morning = Distribution.objects.create(kind="MANUAL", local_date=DAY, planned_at=now)
    mine = Delivery.objects.create(
        distribution=morning,
        subscriber=who,
        phone=who.phone,
        tier="BASIC",
        batch_no=0,
        next_at=now,
    )
    erasing.request_erasure(who, reason="asked", by="omar", now=now)
    erasure = Erasure.objects.get()

    with pytest.raises(erasing.ErasureRefused, match="on its way"):
        erasing.purge(erasure, now=now)
    Delivery.objects.update(state="FAILED", reason="undeliverable")
    erasing.purge(erasure, now=now)

    mine.refresh_from_db()
    assert mine.phone == f"+0{who.pk:014d}"
