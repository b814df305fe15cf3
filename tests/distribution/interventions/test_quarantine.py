from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from distribution.engine import sweep
from distribution.interventions import quarantine
from distribution.interventions.quarantine import MARGIN
from distribution.ledger import deliveries
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.integrity.check import check_ledger
from distribution.models import (
    Alert,
    Attempt,
    Delivery,
    Distribution,
    DistributionState,
    Kind,
    Progress,
    State,
    StatusFeed,
)
from distribution.outcomes.report_rules import StatusReport
from distribution.outcomes.restored_attempts import match_restored_attempts
from distribution.outcomes.status_reports import AppliedReports, apply_reports
from phonepool.models import PhoneNumber
from tests.builders import LEASE, a_planned_distribution, an_approved_content, an_open_distribution

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 06:00 in India
LATER = NOW + timedelta(minutes=30)
STATES = [
    State.PENDING,
    State.CLAIMED,
    State.INFLIGHT,
    State.UNKNOWN,
    State.RETRY_WAIT,
    State.ACCEPTED,
    State.HELD,
    State.FAILED,
]


@pytest.fixture
def distribution() -> Distribution:
    """As the backup knows it: one delivery in each state."""
    opened = an_open_distribution(len(STATES), now=NOW, kind=Kind.DAILY)
    number = PhoneNumber.objects.first()
    claim = deliveries.claim(opened.pk, 0, limit=len(STATES) - 1, now=NOW, lease=LEASE)
    called = claim.deliveries[1:]  # the first stays claimed, the one left out pending
    deliveries.mark_inflight(claim, called, number_id=number.pk, now=NOW, lease=LEASE)
    deliveries.settle(
        [
            Settlement(claim.attempt(row), end, NOW, reason="why", outcome="REJECTED", next_at=NOW)
            for row, end in zip(called[1:], STATES[3:], strict=True)
        ]
    )
    for row in Delivery.objects.filter(state__in=[State.ACCEPTED, State.HELD]):
        Delivery.objects.filter(pk=row.pk).update(wamid=f"wamid.{row.pk}")
    return opened


def steps(**changes):
    return quarantine.plan(**{"restored_to": NOW, "margin": MARGIN, "now": LATER, **changes})


def carry_out(**changes) -> int:
    return quarantine.carry_out(steps(**changes), by="asha", reason="disk lost", now=LATER)


def states() -> dict[str, int]:
    return Delivery.objects.all().count_by_state()


def test_whoever_may_have_been_written_to_is_doubted_and_nobody_else(distribution):
    assert states() == dict.fromkeys(STATES, 1)

    assert carry_out() == 5
    assert carry_out() == 0

    assert states() == {State.UNKNOWN: 5, State.ACCEPTED: 1, State.HELD: 1, State.FAILED: 1}
    doubted = Delivery.objects.filter(state=State.UNKNOWN)
    assert {(row.reason, row.ambiguous_no, row.unknown_at, row.lease_until) for row in doubted} == {
        ("restored", 1, LATER, None)
    }
    assert [one.rule for one in check_ledger(now=LATER) if one.broken] == []


def test_it_is_on_record_who_did_it_and_why(distribution):
    carry_out()

    distribution.refresh_from_db()
    story = "Restored database (asha): disk lost"
    assert (distribution.state, distribution.state_reason) == (DistributionState.PAUSED, story)
    alert = Alert.objects.get(rule="quarantine")
    assert alert.message == f"Daily distribution of 23 Nov 2026: 5 deliveries are in doubt. {story}"
    kept = Attempt.objects.filter(outcome="FORGOTTEN")
    assert {(one.delivery.state, one.reason, one.ended_at) for one in kept} == {
        (State.UNKNOWN, "restored", LATER)
    }
    assert {one.attempt_id for one in kept} == {
        str(AttemptKey(row.pk, row.attempt_no, row.claim_token))
        for row in Delivery.objects.filter(state=State.UNKNOWN)
    }
    assert StatusFeed.current().dead_letter_at == LATER


def test_nobody_in_doubt_is_sent_to_again_however_silent_the_reports_are(distribution):
    carry_out()
    Distribution.objects.update(state=DistributionState.SENDING)  # somebody resumed it
    Delivery.objects.filter(state=State.HELD).update(state=State.FAILED, reason="so")
    late = LATER + timedelta(seconds=settings.RECONCILE_WINDOW_SECONDS * 2)
    StatusFeed.applied(late)

    assert sweep.sweep(late).resent == 0
    assert deliveries.claim(distribution.pk, 0, limit=50, now=late, lease=LEASE).deliveries == []
    assert states()[State.UNKNOWN] == 5


def test_after_the_window_a_person_decides(distribution):
    carry_out()
    distribution.refresh_from_db()

    sweep.sweep(distribution.window_end)
    assert states()[State.UNCONFIRMED] == 6  # the held one, too


def test_a_distribution_whose_window_was_over_before_is_let_be(distribution):
    after = distribution.window_end + MARGIN
    assert len(steps(restored_to=after - timedelta(seconds=1), now=after)) == 1
    assert steps(restored_to=after, now=after) == []


@pytest.mark.parametrize("known", [True, False])
def test_what_may_have_begun_in_the_lost_hours_does_not_begin_again(known):
    an_approved_content(day=timezone.localdate(NOW))
    if known:
        a_planned_distribution(NOW, kind=Kind.DAILY)
    before = NOW - timedelta(minutes=10)

    (step,) = steps(restored_to=before)
    assert (step.name, step.unopened, step.deliveries) == (
        "Daily distribution of 23 Nov 2026",
        True,
        0,
    )
    assert Distribution.objects.count() == known
    assert carry_out(restored_to=before) == 0

    assert Distribution.objects.get().state == DistributionState.CANCELLED
    assert steps(restored_to=before) == []


def test_what_is_planned_for_later_is_let_be():
    a_planned_distribution(LATER + timedelta(seconds=1))
    early = NOW - timedelta(hours=1)

    assert steps(restored_to=early, now=NOW - timedelta(seconds=1)) == []


# --- what is heard afterwards -------------------------------------------------------------------


def hear(word: str, attempt: AttemptKey, **fields) -> AppliedReports:
    report = StatusReport(word, LATER, "wamid.lost", attempt, **fields)
    applied = apply_reports([report], now=LATER)
    match_restored_attempts(applied, now=LATER)
    return applied


def of(before: State) -> Delivery:
    return Delivery.objects.order_by("pk")[PLACES[before]]


PLACES = {State.CLAIMED: 0, State.INFLIGHT: 1, State.UNKNOWN: 2, State.RETRY_WAIT: 3}
PLACES[State.PENDING] = len(STATES) - 1


@pytest.mark.parametrize("before", PLACES)
def test_a_report_of_a_forgotten_attempt_settles_its_delivery(distribution, before):
    was = of(before)
    assert was.state == before
    carry_out()
    lost = AttemptKey(was.pk, was.attempt_no + 1, 12345)

    applied = hear("delivered", lost)

    assert (applied.unmatched, applied.changed) == ([], 1)
    assert applied.reached == {was.subscriber_id}
    row = of(before)
    assert (row.state, row.progress, row.wamid) == (
        State.ACCEPTED,
        Progress.DELIVERED,
        "wamid.lost",
    )
    assert (row.accepted_at, row.reason) == (LATER, "")
    assert hear("read", lost).changed == 1
    assert of(before).progress == Progress.READ


def test_a_report_of_the_attempt_that_was_under_way_settles_it_too(distribution):
    was = of(State.INFLIGHT)
    carry_out()

    assert hear("sent", AttemptKey(was.pk, 1, was.claim_token)).changed == 1
    assert of(State.INFLIGHT).state == State.ACCEPTED


def test_a_failure_alone_gives_no_attempt_back(distribution):
    was = of(State.PENDING)
    carry_out()

    applied = hear("failed", AttemptKey(was.pk, 1, 12345), code=131000)

    assert len(applied.unmatched) == 1
    assert of(State.PENDING).state == State.UNKNOWN


@pytest.mark.parametrize(
    ("before", "attempt_no"), [(State.RETRY_WAIT, 0), (State.ACCEPTED, 2), (State.PENDING, 1)]
)
def test_an_attempt_that_cannot_be_theirs_is_nobodys(distribution, before, attempt_no):
    row = Delivery.objects.get(state=before)
    if before != State.PENDING:  # the pending one was not quarantined
        carry_out()

    assert len(hear("sent", AttemptKey(row.pk, attempt_no, 12345)).unmatched) == 1


def test_late_news_reaches_what_was_left_to_a_person(distribution):
    was = of(State.PENDING)
    carry_out()
    distribution.refresh_from_db()
    sweep.sweep(distribution.window_end)

    assert hear("sent", AttemptKey(was.pk, 1, 12345)).changed == 1
    assert of(State.PENDING).state == State.ACCEPTED


# --- the command --------------------------------------------------------------------------------


def run(*arguments: str) -> None:
    moment = timezone.now() - timedelta(minutes=5)
    call_command("quarantine", "--restored-to", moment.isoformat(), "--reason", "why", *arguments)


def test_the_command_only_shows_what_it_would_do(capsys):
    an_open_distribution(2)
    run()

    out = capsys.readouterr().out
    assert "paused, 2 deliveries in doubt" in out
    assert "Nothing was changed" in out
    assert states() == {State.PENDING: 2}


def test_the_command_does_it_when_told_to(capsys):
    an_open_distribution(2)
    run("--yes")

    assert capsys.readouterr().out.endswith("Done: 2 deliveries are in doubt.\n")
    assert states() == {State.UNKNOWN: 2}


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01T00:00", "2999-01-01T00:00"])
def test_the_command_wants_a_moment_that_was(moment):
    with pytest.raises(CommandError, match=r"not a time|in the future"):
        call_command("quarantine", "--restored-to", moment, "--reason", "why")
