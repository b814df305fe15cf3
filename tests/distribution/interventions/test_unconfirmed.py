from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from distribution.interventions import unconfirmed
from distribution.interventions.rules import InterventionError
from distribution.ledger import deliveries, doubts
from distribution.ledger.attempts import evidence
from distribution.ledger.attempts.ids import parse
from distribution.ledger.attempts.settlements import Settlement
from distribution.lifecycle import closing
from distribution.models import Alert, Attempt, Delivery, Distribution, Duplicate, State, Verdict
from distribution.outcomes import status_reports
from distribution.outcomes.report_rules import StatusReport
from phonepool.models import PhoneNumber
from tests.builders import LEASE, a_user, an_open_distribution

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_decider():
    user = a_user()
    user.user_permissions.add(Permission.objects.get(codename="resend_unconfirmed"))
    return user


@pytest.fixture
def distribution(db) -> Distribution:
    """Two people: the first one's answer was lost for ever. The window is over, it is closed."""
    opened = an_open_distribution(2, now=NOW)
    claim = deliveries.claim(opened.pk, 0, limit=50, now=NOW, lease=LEASE)
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=NOW, lease=LEASE)
    second = claim.attempt(claim.deliveries[1])
    deliveries.settle([Settlement(second, State.ACCEPTED, NOW, wamid="wamid.neighbour")])
    deliveries.expire_leases(NOW + LEASE * 2)
    pks = Delivery.objects.filter(state=State.UNKNOWN).values_list("pk", flat=True)
    assert doubts.leave_unconfirmed(list(pks), "never_answered", now=opened.window_end) == 1
    assert closing.complete_if_done(opened.pk, now=opened.window_end)
    opened.refresh_from_db()
    return opened


def case() -> Delivery:
    return Delivery.objects.order_by("pk").first()


def decide(what, now: datetime, *, by=None, reason: str = "She says that nothing came.") -> None:
    what(case().pk, by=by or a_decider(), reason=reason, now=now)


def test_what_stayed_unknown_is_listed_for_a_human(distribution):
    assert list(unconfirmed.listed()) == [case()]
    assert list(unconfirmed.listed(distribution)) == [case()]
    assert Alert.objects.filter(rule="unconfirmed", closed_at=None).exists()


def test_sending_again_opens_the_distribution_for_that_one_and_counts_as_a_humans_risk(
    distribution,
):
    now = distribution.window_end + HOUR
    before, user = case(), a_decider()

    decide(unconfirmed.resend, now, by=user)

    row = case()
    assert (row.state, row.next_at, row.ambiguous_no) == (State.RETRY_WAIT, now, 1)
    verdict = Verdict.objects.get(by=user)
    assert (verdict.ruling, verdict.attempt_id) == (
        "HUMAN_SEND_AGAIN",
        evidence.latest_attempt_id(before),
    )
    assert verdict.reason == "She says that nothing came."
    assert Attempt.objects.filter(
        attempt_id=evidence.latest_attempt_id(before), outcome="UNKNOWN"
    ).exists()
    claim = deliveries.claim(distribution.pk, 0, limit=50, now=now, lease=LEASE)
    assert [row.pk for row in claim.deliveries] == [before.pk]

    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=now, lease=LEASE)
    attempt = claim.attempt(claim.deliveries[0])
    deliveries.settle([Settlement(attempt, State.ACCEPTED, now, wamid="wamid.again")])
    assert closing.complete_if_done(distribution.pk, now=now)
    distribution.refresh_from_db()
    assert distribution.results["sent_again"] == {"by_rule": 0, "by_hand": 1}
    assert distribution.results["unconfirmed"] == 0


def test_a_late_word_about_the_first_message_after_that_is_a_proven_double(distribution):
    now = distribution.window_end + HOUR
    first = parse(evidence.latest_attempt_id(case()))
    decide(unconfirmed.resend, now)
    claim = deliveries.claim(distribution.pk, 0, limit=50, now=now, lease=LEASE)
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=now, lease=LEASE)
    attempt = claim.attempt(claim.deliveries[0])
    deliveries.settle([Settlement(attempt, State.ACCEPTED, now, wamid="wamid.again")])

    status_reports.apply_reports([StatusReport("delivered", now, "wamid.first", first)], now=now)

    assert Duplicate.objects.get().certainty == "CONFIRMED"


def test_leaving_it_takes_it_off_the_list_and_changes_nothing_else(distribution):
    before = Delivery.objects.filter(pk=case().pk).values().get()

    decide(unconfirmed.leave, NOW + HOUR)

    assert list(unconfirmed.listed()) == []
    assert Delivery.objects.filter(pk=case().pk).values().get() == before
    distribution.refresh_from_db()
    assert distribution.state == "COMPLETED"


@pytest.mark.parametrize("what", [unconfirmed.resend, unconfirmed.leave])
def test_nobody_decides_without_the_permission_or_a_reason(distribution, what):
    with pytest.raises(InterventionError, match="permission"):
        decide(what, NOW, by=a_user())
    with pytest.raises(InterventionError, match="reason"):
        decide(what, NOW, reason="  ")
    assert not Verdict.objects.filter(by__isnull=False).exists()
    assert case().state == State.UNCONFIRMED


def test_it_is_decided_once(distribution):
    decide(unconfirmed.resend, NOW + HOUR)

    with pytest.raises(InterventionError, match="no longer unconfirmed"):
        decide(unconfirmed.resend, NOW + HOUR)


def test_another_days_message_is_not_sent_any_more(distribution):
    with pytest.raises(InterventionError, match="another day"):
        decide(unconfirmed.resend, NOW + timedelta(days=1))
    assert timezone.localdate(NOW) == distribution.local_date
    assert case().state == State.UNCONFIRMED


def test_nothing_of_a_cancelled_distribution_is_sent(distribution):
    Distribution.objects.update(state="CANCELLED")

    with pytest.raises(InterventionError, match="cancelled"):
        decide(unconfirmed.resend, NOW + HOUR)
    assert not Verdict.objects.filter(ruling="HUMAN_SEND_AGAIN").exists()
