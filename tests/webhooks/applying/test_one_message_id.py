"""One message id for two calls of ours, and word of messages that were sent long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.lifecycle import closing
from distribution.models import Alert, Attempt, Delivery, Distribution, DistributionState, State
from distribution.sending import batch
from phonepool.cloud_api.client import PreparedMessage, SendOutcome
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import states
from tests.fakes import FakeCloudApi
from tests.webhooks.posts import apply, in_flight, post, rows, status, statuses
from webhooks.applying import inbox
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SAME = "wamid.the-same"
WEEK = timedelta(days=7)


class OneIdForTwo(FakeCloudApi):
    """The first and the third call are answered with one message id."""

    def outcome(self, message: PreparedMessage) -> SendOutcome:
        outcome = super().outcome(message)
        same = len(self.sent) in (1, 3)
        told = {name: getattr(outcome, name) for name in SendOutcome.__slots__}
        return SendOutcome(**{**told, "wamid": SAME}) if same else outcome


def open_alerts() -> list[tuple[str, str]]:
    return list(Alert.objects.filter(closed_at=None).values_list("rule", "scope"))


def test_a_message_id_stays_the_firsts_and_the_conflict_is_kept_and_alerted():
    a_number(rate_per_second=1000)
    distribution = an_open_distribution(5)

    batch.send_batch(distribution.pk, 0, api=OneIdForTwo())

    first, _, third, *_ = Delivery.objects.order_by("pk")
    assert states() == {State.ACCEPTED: 5}
    owner, other = (first, third) if first.wamid == SAME else (third, first)
    assert (owner.wamid, other.wamid) == (SAME, None)
    assert Delivery.objects.exclude(wamid=None).count() == 4
    [kept] = Attempt.objects.all()
    assert (kept.delivery_id, kept.outcome) == (other.pk, "CONFLICT")
    assert kept.reason == f"message_id_of_{owner.pk}"
    assert open_alerts() == [("message_id_conflict", f"delivery {other.pk}")]
    assert f"delivery {owner.pk}" in Alert.objects.get().message


def test_a_report_with_anothers_message_id_does_not_take_it_over(client):
    _, keys = in_flight(2, now=NOW)
    one, two = sorted(keys)
    for pk in (one, two, two):
        body = statuses(status("sent", keys[pk], at=NOW, wamid=SAME))
        assert post(client, body).status_code == 200
        inbox.drain(now=NOW)

    first, second = rows(keys)
    assert (first.wamid, second.wamid) == (SAME, None)
    assert states() == {State.ACCEPTED: 2}
    assert open_alerts() == [("message_id_conflict", f"delivery {two}")]
    assert Attempt.objects.filter(outcome="CONFLICT").count() == 1


def a_week_ago() -> tuple[Distribution, dict[int, str]]:
    """A distribution of last week, closed with one person read and one never heard of."""
    then = NOW - WEEK
    distribution, keys = in_flight(2, now=then)
    heard, silent = sorted(keys)
    for word in ("sent", "read"):
        body = statuses(status(word, keys[heard], at=then, wamid="wamid.heard"))
        apply(body, now=then)
    apply(statuses(status("sent", keys[silent], at=then, wamid="wamid.silent")), now=then)
    closing.complete_if_done(distribution.pk, now=then + timedelta(hours=1))
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.COMPLETED
    return distribution, {heard: "wamid.heard", silent: "wamid.silent"}


def test_word_of_last_weeks_message_is_taken_and_changes_what_it_may(client):
    distribution, wamids = a_week_ago()
    heard, silent = wamids
    results, alerts = distribution.results, open_alerts()
    answers = [
        post(client, statuses(status("delivered", at=NOW, wamid=wamids[pk]))) for pk in wamids
    ]
    answers.append(
        post(client, statuses(status("failed", at=NOW, wamid="wamid.heard", code=131026)))
    )
    inbox.drain(now=NOW)

    assert [answer.status_code for answer in answers] == [200] * 3
    assert not WebhookEvent.objects.pending().exists()
    assert not WebhookEvent.objects.dead().exists()
    told = {row.pk: (row.state, row.progress) for row in rows(wamids)}
    assert told == {heard: (State.ACCEPTED, 3), silent: (State.ACCEPTED, 2)}
    assert Delivery.objects.get(pk=silent).delivered_at == NOW
    closed = Distribution.objects.get(pk=distribution.pk)
    assert (closed.state, closed.results) == (DistributionState.COMPLETED, results)
    assert open_alerts() == alerts


def test_last_weeks_failure_is_told_and_nobody_is_written_to_again(client):
    distribution, wamids = a_week_ago()
    _, silent = wamids

    post(client, statuses(status("failed", at=NOW, wamid="wamid.silent", code=131000)))
    inbox.drain(now=NOW)

    row = Delivery.objects.get(pk=silent)
    assert (row.state, row.failed_code) == (State.FAILED, 131000)
    assert Distribution.objects.get(pk=distribution.pk).state == DistributionState.COMPLETED
    assert states() == {State.ACCEPTED: 1, State.FAILED: 1}
