"""What other systems are told is what the document says of it: every type, to the letter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.api.document.events import BODIES
from distribution.content import approval
from distribution.drafting import review
from distribution.event_webhooks import delivery
from distribution.ledger import deliveries, outbox
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.lifecycle import closing, control, opening, rung_change
from distribution.models import (
    Content,
    Distribution,
    EventKind,
    Kind,
    MessageTemplate,
    Preflight,
    RotationCause,
    State,
)
from distribution.quality import groups
from distribution.reporting import morning_report
from distribution.service_level import watch
from phonepool.models import PhoneNumber
from tests.api.test_examples import DOCUMENT, validator
from tests.builders import (
    LEASE,
    a_draft,
    a_group,
    a_planned_distribution,
    a_template,
    a_template_draft,
    a_user,
    an_approved_content,
    an_open_distribution,
)
from tests.distribution.receivers import a_receiver, a_subscription

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
LATER = NOW + timedelta(hours=1)


def test_every_type_of_event_is_a_webhook_of_the_document() -> None:
    assert list(BODIES) == list(EventKind)
    assert set(DOCUMENT["webhooks"]) == set(EventKind.values)
    for kind, methods in DOCUMENT["webhooks"].items():
        (media,) = methods["post"]["requestBody"]["content"].values()
        assert media["example"]["type"] == kind
        assert {one["name"] for one in methods["post"]["parameters"]} == {
            *("webhook-id", "webhook-timestamp", "webhook-signature")
        }


def _a_morning() -> None:
    """One failed and one accepted message, a pause and its end, and the distribution's end."""
    distribution = an_open_distribution(2, now=NOW)
    claim = deliveries.claim(distribution.pk, 0, limit=2, now=NOW, lease=LEASE)
    number = PhoneNumber.objects.first()
    assert number is not None
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number.pk, now=NOW, lease=LEASE)
    for row, outcome in zip(claim.deliveries, (State.FAILED, State.ACCEPTED), strict=True):
        attempt = AttemptKey(row.pk, row.attempt_no + 1, claim.token)
        reason = "unsendable" if outcome == State.FAILED else ""
        deliveries.settle(
            [Settlement(attempt, outcome, NOW, reason=reason, wamid=f"wamid.{attempt}")]
        )
    watch.refresh(distribution, now=NOW)
    control.pause(distribution.pk, reason="Look first.", now=NOW)
    control.resume(distribution.pk, now=NOW)
    assert closing.complete_if_done(distribution.pk, now=LATER)
    Distribution.objects.filter(pk=distribution.pk).update(kind=Kind.DAILY)
    assert distribution.sla_deadline
    assert morning_report.send_due(distribution.sla_deadline + timedelta(minutes=2)) == 1


def _a_rejected_draft() -> None:
    template = a_template(status="REJECTED", status_reason="REJECTED: SCAM")
    a_template_draft(state="PENDING", template=template)
    review.follow(template, now=NOW)


def _everything_else() -> None:
    _a_rejected_draft()
    control.cancel(an_open_distribution(1, now=NOW).pk, reason="Wrong text.", now=NOW)
    late = a_planned_distribution(NOW, planned_at=NOW - timedelta(hours=19))
    opening.open_distribution(late.pk, now=NOW)
    incidents.raise_alert(AlertRule.CLOCK_SET_BACK, message="Look.", now=NOW)
    incidents.close_alert(AlertRule.CLOCK_SET_BACK, now=NOW)
    coming = timezone.localdate(NOW) + timedelta(days=2)
    first, second = a_draft(day=coming), a_draft(day=coming)
    for content in (first, second):
        approval.submit(content, by=content.author, now=NOW)
    approval.approve(first, by=a_user(), now=NOW, reason="On the day itself.")
    approval.reject(second, by=a_user(), now=NOW, reason="Too long.")
    group = a_group()
    content = an_approved_content(message_template=group.templates.earliest("pk"))
    run = an_open_distribution(1, now=NOW, content=content)
    assert rung_change.leave(run.pk, 0, why="Meta refused it", now=NOW)
    standby = a_group().templates.get(group_role="STANDBY")
    groups.make_primary(standby, cause=RotationCause.BLOCK_RATE, reason="81 of 2,000.", now=NOW)
    _costs_and_a_preflight(a_draft(day=coming + timedelta(days=1)))


def _costs_and_a_preflight(content: Content) -> None:
    tested = Preflight(
        pk=1, verdict="RED", sends=True, started_at=NOW, ended_at=NOW + timedelta(seconds=70)
    )
    outbox.preflight(tested, failing=["token"], doubtful=["number"], now=NOW)
    check = {"account": "900", "day": content.day, "currency": "INR", "unpriced": 0}
    check |= {"our_messages": 1, "metas_messages": 9, "our_amount": "0.1", "metas_amount": "1.0"}
    outbox.cost_differs(check, now=NOW)
    MessageTemplate.objects.filter(pk=content.message_template_id).update(category="MARKETING")
    content.message_template.refresh_from_db()
    approval.submit(content, by=content.author, now=NOW)
    approval.approve(content, by=a_user(), now=NOW, reason="Worth it.")


@pytest.fixture
def posted() -> Iterator[list[Any]]:
    """Every body that a listener was sent."""
    with a_receiver() as receiver:
        a_subscription(receiver.url)
        _a_morning()
        _everything_else()
        delivery.deliver_due(lambda: LATER + timedelta(minutes=1))
        yield [json.loads(post.body) for post in receiver.posts]


def test_what_is_posted_is_as_the_document_says(posted: list[Any]) -> None:
    for body in posted:
        media = DOCUMENT["webhooks"][body["type"]]["post"]["requestBody"]["content"]
        check = validator(media["application/json"]["schema"])
        assert [error.message for error in check.iter_errors(body)] == [], body["type"]
    assert {body["type"] for body in posted} == set(EventKind.values)
