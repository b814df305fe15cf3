from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from distribution.ledger import deliveries
from distribution.ledger.attempts import evidence
from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import (
    Attempt,
    Delivery,
    Distribution,
    DistributionState,
    Progress,
    State,
    StatusFeed,
    Verdict,
)
from distribution.outcomes import reconcile
from phonepool.models import PhoneNumber
from subscribers.models import Status, Subscriber
from tests.builders import LEASE, a_number, an_open_distribution

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
NEIGHBOURS = 20


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


DOUBTED = NOW + LEASE + seconds(1)
RIPE = DOUBTED + seconds(settings.RECONCILE_WINDOW_SECONDS)


@pytest.fixture
def distribution(db) -> Distribution:
    """One call's answer was lost; its twenty neighbours were accepted and reported, and
    everything that was reported has been read: every gate is open from RIPE on."""
    opened = an_open_distribution(NEIGHBOURS + 1, now=NOW)
    claim = deliveries.claim(opened.pk, 0, limit=50, now=NOW, lease=LEASE)
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=NOW, lease=LEASE)
    Delivery.objects.exclude(pk=claim.deliveries[0].pk).update(
        state=State.ACCEPTED, accepted_at=NOW + seconds(1), progress=Progress.SENT
    )
    deliveries.expire_leases(DOUBTED)
    StatusFeed.applied(RIPE)
    return opened


def unknown_delivery() -> Delivery:
    return Delivery.objects.order_by("pk").first()


def neighbours():
    return Delivery.objects.exclude(pk=unknown_delivery().pk).order_by("pk")


def resolve(distribution: Distribution, *, now: datetime = RIPE) -> tuple[int, int]:
    distribution.refresh_from_db()
    return reconcile.resolve_unknown(distribution, now=now)


def assert_waits(distribution: Distribution, *, now: datetime = RIPE) -> None:
    before = Delivery.objects.filter(pk=unknown_delivery().pk).values().get()
    assert before["state"] == State.UNKNOWN
    assert resolve(distribution, now=now) == (0, 0)
    assert Delivery.objects.filter(pk=unknown_delivery().pk).values().get() == before


UNSURE = DOUBTED + seconds(settings.RECONCILE_UNSURE_SECONDS)


@pytest.mark.parametrize(("code", "waits"), [(1, False), (131000, False), (424242, True)])
def test_after_metas_own_unknown_error_a_shorter_silence_is_enough(distribution, code, waits):
    # As a 500 leaves it; a code that is on no list is no such word of Meta's.
    Delivery.objects.filter(pk=unknown_delivery().pk).update(
        reason="server_fault", failed_code=code
    )
    StatusFeed.objects.update(applied_through=UNSURE)

    assert_waits(distribution, now=UNSURE - seconds(1))
    if waits:
        assert_waits(distribution, now=UNSURE)
    else:
        assert resolve(distribution, now=UNSURE) == (1, 0)


@pytest.mark.parametrize("reason", ["no_answer", "connection_lost", "answer_unreadable"])
def test_without_an_answer_of_metas_silence_must_last_the_whole_window(distribution, reason):
    Delivery.objects.filter(pk=unknown_delivery().pk).update(reason=reason)
    StatusFeed.objects.update(applied_through=UNSURE)

    assert_waits(distribution, now=UNSURE)


def test_when_every_gate_says_no_it_is_sent_again_once(distribution):
    before = unknown_delivery()

    assert resolve(distribution) == (1, 0)
    assert resolve(distribution) == (0, 0)

    row = unknown_delivery()
    assert (row.state, row.next_at, row.ambiguous_no) == (State.RETRY_WAIT, RIPE, 1)
    attempt = Attempt.objects.get()
    assert attempt.attempt_id == str(AttemptKey(row.pk, 1, before.claim_token))
    assert (attempt.outcome, attempt.ended_at) == ("UNKNOWN", RIPE)


def test_the_decision_is_kept_with_what_every_gate_saw(distribution):
    before = unknown_delivery()
    assert resolve(distribution) == (1, 0)

    verdict = Verdict.objects.get()
    assert (verdict.delivery_id, verdict.ruling, verdict.by) == (before.pk, "SEND_AGAIN", None)
    assert (verdict.attempt_id, verdict.at) == (evidence.latest_attempt_id(before), RIPE)
    assert verdict.evidence == {
        "policy": "reconcile",
        "distribution": "SENDING",
        "reports_read_through": RIPE.isoformat(),
        "held_messages": 0,
        "receiver": {"seen_at": None, "away_at": None},
        "neighbours": {"among": "number", "total": 20, "reported": 20},
        "nearest": {"among": "nearest of the number", "total": 10, "reported": 10},
        "unknown_at": DOUBTED.isoformat(),
        "state": "UNKNOWN",
        "sent_again_before": 0,
    }
    with pytest.raises(Exception, match="append-only"):
        verdict.delete()


# --- each gate in turn ------------------------------------------------------------------------


def test_it_waits_until_the_reports_had_their_time(distribution):
    StatusFeed.objects.all().delete()
    StatusFeed.applied(RIPE - seconds(1))
    assert_waits(distribution, now=RIPE - seconds(0.001))


def test_it_waits_while_reports_are_unread(distribution):
    StatusFeed.objects.update(applied_through=RIPE - reconcile.MAX_FEED_AGE - seconds(0.001))
    assert_waits(distribution)


def test_it_waits_until_all_that_came_in_the_window_was_read(distribution):
    StatusFeed.objects.update(applied_through=RIPE - seconds(0.001))
    assert_waits(distribution, now=RIPE + seconds(20))


def test_it_waits_when_nobody_reads_reports(distribution):
    StatusFeed.objects.all().delete()
    assert_waits(distribution)


def test_it_waits_when_a_report_could_not_be_read(distribution):
    StatusFeed.dead_letter(unknown_delivery().inflight_at)
    assert_waits(distribution)


def test_an_older_unreadable_report_does_not_matter(distribution):
    StatusFeed.dead_letter(unknown_delivery().inflight_at - seconds(0.001))
    assert resolve(distribution) == (1, 0)


def test_it_waits_when_its_neighbours_were_not_reported_either(distribution):
    silent = neighbours().values_list("pk", flat=True)[:2]  # 18 of 20 is 90 %
    Delivery.objects.filter(pk__in=list(silent)).update(progress=Progress.NONE)
    assert_waits(distribution)


def test_nineteen_of_twenty_reported_neighbours_are_enough(distribution):
    Delivery.objects.filter(pk=neighbours().last().pk).update(progress=Progress.NONE)
    assert resolve(distribution) == (1, 0)


def test_a_neighbour_reported_as_failed_was_reported(distribution):
    neighbours().update(state=State.FAILED, reason="undeliverable", progress=0, failed_at=NOW)
    assert resolve(distribution) == (1, 0)


def test_it_waits_when_it_has_too_few_neighbours(distribution):
    some = neighbours().values_list("pk", flat=True)[:11]
    Delivery.objects.filter(pk__in=list(some)).update(
        state=State.FAILED, reason="undeliverable", accepted_at=None
    )
    assert_waits(distribution)


def test_neighbours_are_those_of_its_number_and_of_its_minutes(distribution):
    """Ten others of another number were silent: theirs is another number's trouble."""
    some = list(neighbours().values_list("pk", flat=True)[:10])
    Delivery.objects.filter(pk__in=some).update(number=a_number(), progress=Progress.NONE)

    assert resolve(distribution) == (1, 0)


def test_a_number_whose_reports_are_missing_is_judged_by_its_own(distribution):
    Delivery.objects.filter(pk__in=list(neighbours().values_list("pk", flat=True)[:10])).update(
        number=a_number()
    )
    mine = neighbours().filter(number=unknown_delivery().number)
    mine.update(progress=Progress.NONE)
    assert mine.count() == 10
    assert_waits(distribution)


def test_with_few_neighbours_near_the_whole_distribution_is_asked(distribution):
    neighbours().update(accepted_at=NOW + seconds(3600))
    assert resolve(distribution) == (1, 0)

    Delivery.objects.filter(pk=unknown_delivery().pk).update(
        state=State.UNKNOWN, ambiguous_no=0, unknown_at=DOUBTED
    )
    neighbours().update(progress=Progress.NONE)
    assert_waits(distribution)


def test_it_waits_while_meta_holds_messages_back(distribution):
    Delivery.objects.filter(pk=neighbours().last().pk).update(state=State.HELD)
    assert_waits(distribution)


def test_it_is_not_sent_a_third_time(distribution):
    Delivery.objects.filter(pk=unknown_delivery().pk).update(ambiguous_no=1)
    assert_waits(distribution)


@pytest.mark.parametrize("where", [DistributionState.PAUSED, DistributionState.CANCELLED])
def test_it_waits_while_nothing_is_sent(distribution, where):
    Distribution.objects.update(state=where)
    assert_waits(distribution)


@pytest.mark.parametrize("status", [status for status in Status if status != Status.ACTIVE])
def test_it_waits_when_the_person_may_not_be_written_to_any_more(distribution, status):
    Subscriber.objects.filter(pk=unknown_delivery().subscriber_id).update(status=status)
    assert_waits(distribution)


def test_the_hold_policy_never_sends_again(distribution, settings):
    settings.AMBIGUOUS_POLICY = "hold"
    assert_waits(distribution)


def test_many_doubts_ask_about_their_neighbours_once(distribution, django_assert_max_num_queries):
    some = list(neighbours().values_list("pk", flat=True)[:9])
    Delivery.objects.filter(pk__in=some).update(
        state=State.UNKNOWN, unknown_at=DOUBTED, accepted_at=None, progress=0
    )
    distribution.refresh_from_db()

    with django_assert_max_num_queries(15):
        assert reconcile.resolve_unknown(distribution, now=RIPE) == (10, 0)


# --- the window's end -------------------------------------------------------------------------


def test_at_the_windows_end_a_human_decides(distribution):
    end = distribution.window_end
    StatusFeed.applied(end)

    assert resolve(distribution, now=end) == (0, 1)

    row = unknown_delivery()
    assert (row.state, row.reason, row.ambiguous_no) == ("UNCONFIRMED", "never_answered", 0)
    verdict = Verdict.objects.get()
    assert (verdict.ruling, verdict.reason) == ("UNCONFIRMED", "never_answered")
    assert verdict.evidence["policy"] == "reconcile"


@pytest.mark.parametrize("where", [DistributionState.PAUSED, DistributionState.CANCELLED])
def test_also_of_what_was_paused_or_cancelled(distribution, where):
    Distribution.objects.update(state=where)

    assert resolve(distribution, now=distribution.window_end) == (0, 1)


def test_what_meta_never_released_is_left_to_a_human_too(distribution):
    Delivery.objects.filter(pk=neighbours().last().pk).update(state=State.HELD)

    assert resolve(distribution, now=distribution.window_end) == (0, 2)
    assert set(Delivery.objects.filter(state="UNCONFIRMED").values_list("reason", flat=True)) == {
        "never_answered",
        "never_released",
    }
