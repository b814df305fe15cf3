"""What other systems are told, and that it is written with its cause or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import approval
from distribution.event_webhooks import delivery
from distribution.ledger import deliveries
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.lifecycle import closing, control, opening
from distribution.models import Delivery, EventKind, OutgoingEvent, State
from distribution.outcomes import status_reports
from distribution.outcomes.report_rules import StatusReport
from distribution.service_level import watch
from phonepool.models import PhoneNumber
from tests.builders import (
    LEASE,
    a_draft,
    a_number,
    a_planned_distribution,
    a_user,
    an_open_distribution,
)
from tests.distribution.receivers import a_subscription

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India


def kinds() -> list[str]:
    return list(OutgoingEvent.objects.order_by("pk").values_list("kind", flat=True))


def sent(distribution, outcome: State, *, pks: int = 2, reason: str = "undeliverable") -> list[int]:
    """Some of its messages are called, and end so."""
    claim = deliveries.claim(distribution.pk, 0, limit=pks, now=NOW, lease=LEASE)
    number = PhoneNumber.objects.first()
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number.pk, now=NOW, lease=LEASE)
    rows = claim.deliveries
    attempts = [AttemptKey(row.pk, row.attempt_no + 1, claim.token) for row in rows]
    deliveries.settle(
        [
            Settlement(attempt, outcome, NOW, reason=reason, wamid=f"wamid.{attempt}")
            for attempt in attempts
        ]
    )
    return [row.pk for row in rows]


def test_a_mornings_events_come_to_the_receiver_in_order_and_signed(receiver):
    listener = a_subscription(receiver.url)
    distribution = an_open_distribution(2, now=NOW)
    sent(distribution, State.ACCEPTED, reason="")
    watch.refresh(distribution, now=NOW)
    assert closing.complete_if_done(distribution.pk, now=NOW + timedelta(hours=1))

    delivery.deliver_due()

    told = receiver.verified(listener.secret)
    assert [one["type"] for one in told if one["type"].startswith("distribution")] == [
        "distribution.opened",
        "distribution.sending",
        "distribution.completed",
    ]
    completed = next(one for one in told if one["type"] == "distribution.completed")
    assert completed["data"]["distribution"]["id"] == distribution.pk
    assert completed["data"]["report"]["accepted"] == 2
    assert receiver.posts[0].path == "/hook?from=daybreak"


def test_progress_is_told_once_a_minute_however_often_it_is_looked_at():
    distribution = an_open_distribution(1, now=NOW)
    for after in (0, 5, 59, 60, 61):
        watch.refresh(distribution, now=NOW + timedelta(seconds=after))

    assert kinds().count(EventKind.DISTRIBUTION_SENDING) == 2


def test_pausing_resuming_and_cancelling_are_told():
    distribution = an_open_distribution(1, now=NOW)
    control.pause(distribution.pk, reason="Look first.", now=NOW)
    control.pause(distribution.pk, reason="Again.", now=NOW)
    control.resume(distribution.pk, now=NOW)
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)

    told = [kind for kind in kinds() if kind.startswith("distribution")]
    assert told == [
        *("distribution.opened", "distribution.paused", "distribution.sending"),
        "distribution.cancelled",
    ]
    last = OutgoingEvent.objects.get(kind=EventKind.DISTRIBUTION_CANCELLED)
    assert last.data["distribution"]["reason"] == "Wrong text."


def test_a_distribution_begun_too_late_is_told_as_missed():
    a_number()
    planned = a_planned_distribution(NOW, planned_at=NOW - timedelta(hours=19))
    opening.open_distribution(planned.pk, now=NOW)

    assert EventKind.DISTRIBUTION_MISSED in kinds()


def test_an_alert_is_told_when_it_opens_and_when_it_closes_not_between():
    for words in ("One.", "Two."):
        incidents.raise_alert(AlertRule.CLOCK_SET_BACK, message=words, now=NOW)
    for _ in range(2):
        incidents.close_alert(AlertRule.CLOCK_SET_BACK, now=NOW)

    assert kinds() == ["alert.opened", "alert.closed"]
    assert OutgoingEvent.objects.get(kind="alert.closed").data["alert"]["message"] == "Two."


def test_what_is_decided_about_content_is_told():
    first, second = a_draft(), a_draft()
    for content in (first, second):
        approval.submit(content, by=content.author, now=NOW)
    approval.approve(first, by=a_user(), now=NOW, reason="On the day itself.")
    approval.reject(second, by=a_user(), now=NOW, reason="Too long.")

    assert kinds() == ["content.approved", "content.rejected"]
    rejected = OutgoingEvent.objects.get(kind="content.rejected").data["content"]
    assert (rejected["id"], rejected["reason"]) == (second.pk, "Too long.")


def test_failures_come_in_one_event_with_their_reasons_and_without_phones(receiver):
    a_subscription(receiver.url, kinds=["deliveries.failed"])
    distribution = an_open_distribution(5, now=NOW)
    refused = sent(distribution, State.FAILED, reason="unsendable")
    taken = sent(distribution, State.ACCEPTED, reason="")
    report(taken[0], "failed", code=131026)
    delivery.deliver_due(lambda: NOW + timedelta(seconds=5))
    assert receiver.posts == []  # others may follow

    delivery.deliver_due(lambda: NOW + timedelta(seconds=30))

    (post,) = receiver.posts
    data = post.content["data"]
    assert data["distribution"] == {"id": distribution.pk}
    assert [one["id"] for one in data["deliveries"]] == sorted([*refused, taken[0]])
    assert {one["reason"] for one in data["deliveries"]} == {"unsendable", "undeliverable"}
    assert b"+91" not in post.body


def test_who_was_reached_after_all_is_not_told_as_failed(receiver):
    a_subscription(receiver.url, kinds=["deliveries.failed"])
    distribution = an_open_distribution(1, now=NOW)
    (pk,) = sent(distribution, State.ACCEPTED, reason="", pks=1)
    report(pk, "failed", code=131026)
    report(pk, "delivered")

    delivery.deliver_due(lambda: NOW + timedelta(seconds=30))

    assert receiver.posts == []


def test_a_batch_without_a_failure_writes_no_event():
    distribution = an_open_distribution(2, now=NOW)
    before = OutgoingEvent.objects.count()

    sent(distribution, State.ACCEPTED, reason="")

    assert OutgoingEvent.objects.count() == before


def test_sending_pays_no_statement_for_events_and_figures():
    distribution = an_open_distribution(5, now=NOW)
    with CaptureQueriesContext(connection) as asked:
        sent(distribution, State.ACCEPTED, reason="", pks=5)

    said = " ".join(one["sql"] for one in asked)
    assert "outgoingevent" not in said
    assert "rollup" not in said


def test_what_was_rolled_back_is_not_told():
    with transaction.atomic():
        incidents.raise_alert(AlertRule.CLOCK_SET_BACK, message="X.", now=NOW)
        transaction.set_rollback(True)

    assert kinds() == []


def report(pk: int, status: str, *, code: int | None = None) -> None:
    row = Delivery.objects.get(pk=pk)
    attempt = AttemptKey(row.pk, row.attempt_no, row.claim_token)
    status_reports.apply_reports([StatusReport(status, NOW, row.wamid, attempt, code)], now=NOW)
