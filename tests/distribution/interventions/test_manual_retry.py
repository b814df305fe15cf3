from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from distribution.interventions import manual_retry
from distribution.interventions.rules import InterventionError
from distribution.ledger import deliveries
from distribution.ledger.attempts import evidence
from distribution.ledger.attempts.ids import parse
from distribution.ledger.attempts.settlements import Settlement
from distribution.lifecycle import closing, control
from distribution.models import (
    Alert,
    Attempt,
    Certainty,
    Delivery,
    Distribution,
    Duplicate,
    State,
    Verdict,
)
from distribution.outcomes import status_reports
from distribution.outcomes.report_rules import StatusReport
from phonepool.models import PhoneNumber
from subscribers.models import Status, Subscriber
from tests.builders import LEASE, a_user, an_open_distribution

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)


def an_operator() -> User:
    user = a_user()
    user.user_permissions.add(Permission.objects.get(codename="retry_failed"))
    return user


@pytest.fixture
def distribution(db) -> Distribution:
    """One person, whom WhatsApp's server refused for certain."""
    opened = an_open_distribution(1, now=NOW)
    fail()
    return opened


def fail(at: datetime = NOW, reason: str = "service_unavailable") -> None:
    """The next call to the only person is refused, for ever."""
    claim = deliveries.claim(Distribution.objects.get().pk, 0, limit=9, now=at, lease=LEASE)
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=at, lease=LEASE)
    refused = [
        Settlement(claim.attempt(row), State.FAILED, at, reason=reason, outcome="REJECTED")
        for row in claim.deliveries
    ]
    assert deliveries.settle(refused) == 1


def person() -> Delivery:
    return Delivery.objects.get()


def counts(distribution: Distribution) -> tuple[int, int, int]:
    found = manual_retry.preview(distribution)
    return found.safe.total(), found.unsafe.total(), found.pointless.total()


def retry(distribution: Distribution, **changes):
    wishes = {"by": None, "reason": "Meta is well again.", "now": LATER, **changes}
    wishes["by"] = wishes["by"] or an_operator()
    return manual_retry.retry(distribution.pk, **wishes)


def report(status: str, attempt: str) -> None:
    key = parse(attempt)
    status_reports.apply_reports([StatusReport(status, LATER, "wamid.late", key)], now=LATER)


def test_a_refused_call_is_safe_and_is_sent_again_with_a_verdict(distribution):
    operator = an_operator()
    assert counts(distribution) == (1, 0, 0)
    done = retry(distribution, by=operator)
    assert (done.deliveries, done.batches) == (1, [0])
    assert (person().state, person().next_at) == (State.RETRY_WAIT, LATER)
    verdict = Verdict.objects.get()
    assert (verdict.ruling, verdict.by, verdict.reason, verdict.at) == (
        *("HUMAN_RETRY", operator, "Meta is well again."),
        LATER,
    )
    assert verdict.evidence["failed"] == "service_unavailable"


def test_a_second_retry_finds_nobody(distribution):
    retry(distribution)
    with pytest.raises(InterventionError, match="No failed delivery can be retried safely"):
        retry(distribution)
    assert Verdict.objects.count() == 1


def test_who_was_retried_can_be_called_once_and_fail_again(distribution):
    retry(distribution)
    fail(LATER)
    assert (person().attempt_no, counts(distribution)) == (2, (1, 0, 0))


def test_a_completed_distribution_opens_for_them(distribution):
    assert closing.complete_if_done(distribution.pk, now=NOW + timedelta(hours=4))
    retry(distribution, now=NOW + timedelta(hours=5))
    distribution.refresh_from_db()
    assert (distribution.state, distribution.completed_at) == ("SENDING", None)
    assert distribution.window_end == NOW + timedelta(hours=5, minutes=15)


def test_a_call_that_was_reported_failed_is_safe(distribution):
    Attempt.objects.create(
        delivery=person(),
        attempt_id=evidence.latest_attempt_id(person()),
        outcome="UNKNOWN",
        reason="no_answer",
        ended_at=NOW,
    )
    assert counts(distribution) == (1, 0, 0)  # unknown first, then refused for certain


@pytest.mark.parametrize("outcome", ["UNKNOWN", "FORGOTTEN"])
def test_an_earlier_call_of_unknown_end_makes_it_unsafe(distribution, outcome):
    Attempt.objects.create(
        delivery=person(),
        attempt_id=f"daybreak:{person().pk}.9.abc",
        outcome=outcome,
        reason="no_answer",
        ended_at=NOW,
    )
    refuses_everybody(distribution, (0, 1, 0))


@pytest.mark.parametrize(
    "fields",
    [{"ambiguous_no": 1}, {"progress": 2}, {"reason": "unlisted"}, {"attempt_no": 2}],
    ids=str,
)
def test_whatever_leaves_a_doubt_makes_it_unsafe(distribution, fields):
    Delivery.objects.update(**fields)
    refuses_everybody(distribution, (0, 1, 0))


def test_a_proven_double_is_unsafe(distribution):
    Duplicate.objects.create(
        delivery=person(),
        certainty=Certainty.SUSPECT,
        earlier_attempt="a",
        later_attempt="b",
        found_at=NOW,
    )
    refuses_everybody(distribution, (0, 1, 0))


@pytest.mark.parametrize("reason", ["undeliverable", "marketing_opted_out", "marketing_capped"])
def test_who_cannot_or_must_not_be_reached_is_pointless(distribution, reason):
    Delivery.objects.update(reason=reason)
    refuses_everybody(distribution, (0, 0, 1))


def test_who_opted_out_since_is_pointless(distribution):
    Subscriber.objects.update(status=Status.UNSUBSCRIBED)
    refuses_everybody(distribution, (0, 0, 1))


def refuses_everybody(distribution: Distribution, expected: tuple[int, int, int]) -> None:
    assert counts(distribution) == expected
    with pytest.raises(InterventionError, match="No failed delivery can be retried safely"):
        retry(distribution)
    assert (person().state, Verdict.objects.count()) == (State.FAILED, 0)


def test_a_late_report_of_delivery_between_look_and_lock_keeps_it_from_being_sent(
    distribution, monkeypatch
):
    """The report arrives when the choice was made and nothing is locked yet."""
    open_for_retry = manual_retry._open_for_retry

    def overtaken(*arguments) -> None:
        report("delivered", evidence.latest_attempt_id(person()))
        open_for_retry(*arguments)

    monkeypatch.setattr(manual_retry, "_open_for_retry", overtaken)
    assert retry(distribution).deliveries == 0
    assert (person().state, Verdict.objects.count()) == (State.ACCEPTED, 0)


def test_a_late_report_of_delivery_ends_the_waiting(distribution):
    attempt = evidence.latest_attempt_id(person())
    retry(distribution)
    report("delivered", attempt)
    assert person().state == State.ACCEPTED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"by": "nobody"}, "permission"),
        ({"reason": "  "}, "reason"),
        ({"now": NOW + timedelta(days=1)}, "another day"),
    ],
)
def test_it_is_refused_without_permission_reason_or_day(distribution, changes, words):
    if changes.get("by"):
        changes = {"by": a_user()}
    with pytest.raises(InterventionError, match=words):
        retry(distribution, **changes)
    assert person().state == State.FAILED


def test_it_is_refused_after_a_cancel_and_after_a_restore(distribution):
    Alert.objects.create(
        rule="quarantine",
        scope=f"distribution {distribution.pk}",
        severity="CRITICAL",
        message="restored",
        opened_at=NOW,
    )
    with pytest.raises(InterventionError, match="restored"):
        retry(distribution)
    Alert.objects.all().delete()
    control.cancel(distribution.pk, reason="test", now=LATER)
    with pytest.raises(InterventionError, match="cancelled"):
        retry(distribution)
    assert timezone.is_aware(LATER)
    assert person().state == State.FAILED
