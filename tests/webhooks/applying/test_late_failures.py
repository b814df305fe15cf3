"""A failure that is reported after acceptance means what the same code means in the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.engine import sweep
from distribution.interventions import manual_retry
from distribution.ledger import deliveries
from distribution.ledger.attempts.ids import AttemptKey
from distribution.lifecycle import closing, control
from distribution.models import Alert, Attempt, Delivery, Distribution, DistributionState, State
from phonepool.models import Breaker, NumberState, PhoneNumber, Portfolio
from subscribers.models import Status, Subscriber
from tests.builders import a_number
from tests.webhooks.posts import NUMBER, apply, in_flight, status, statuses

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SENT_AT = NOW - timedelta(seconds=5)
pytestmark = pytest.mark.django_db

TOO_FAST, PORTFOLIO_PACING, TEMPLATE_PACING = 130429, 135000, 132015


def failed(
    pk: int, key: AttemptKey, code: int, *, at=NOW, details: str = "", number: str = NUMBER
) -> dict[str, object]:
    item = status("failed", key, at=at, wamid=f"w{pk}", code=code)
    if details:
        item["errors"][0]["error_data"] = {"details": details}
    return item


def fail(attempts: dict[int, AttemptKey], code: int, *, now=NOW, **fields) -> None:
    """All of them in one webhook."""
    fields = {"at": now, **fields}
    apply(statuses(*(failed(pk, key, code, **fields) for pk, key in attempts.items())), now=now)


def hold(**fields) -> None:
    Delivery.objects.update(state=State.HELD, accepted_at=SENT_AT, lease_until=None, **fields)


def states() -> dict[str, int]:
    return Delivery.objects.count_by_state()


def events(kind: str) -> int:
    return number().events.filter(kind=kind).count()


def number() -> PhoneNumber:
    return PhoneNumber.objects.get(meta_id=NUMBER)


# --- phone numbers --------------------------------------------------------------------------------


def test_late_throttling_cuts_the_rate_once_and_gives_up_nobody():
    """Case A9."""
    _, attempts = in_flight(20, now=SENT_AT)
    pks = sorted(attempts)
    good = [status("sent", attempts[pk], at=NOW, wamid=f"w{pk}") for pk in pks[:10]]
    bad = [failed(pk, attempts[pk], TOO_FAST) for pk in pks[10:]]

    apply(statuses(*good, *bad[:5]), now=NOW)
    apply(statuses(*bad[5:]), now=NOW + timedelta(seconds=3))  # sent before the cut

    assert states() == {State.ACCEPTED: 10, State.RETRY_WAIT: 10}
    assert events("rate_cut") == 1
    assert number().cut_rate == 40


def test_late_throttling_of_messages_sent_after_the_cut_cuts_again():
    _, first = in_flight(2, now=SENT_AT)
    fail(first, TOO_FAST)
    _, later = in_flight(2, now=NOW + timedelta(seconds=3))

    fail(later, TOO_FAST, now=NOW + timedelta(seconds=4))

    assert events("rate_cut") == 2


def test_one_late_throttling_among_many_is_only_tried_again():
    _, attempts = in_flight(20, now=SENT_AT)
    pks = sorted(attempts)
    good = [status("sent", attempts[pk], at=NOW, wamid=f"w{pk}") for pk in pks[:-1]]

    apply(statuses(*good, failed(pks[-1], attempts[pks[-1]], TOO_FAST)), now=NOW)

    assert states() == {State.ACCEPTED: 19, State.RETRY_WAIT: 1}
    assert events("rate_cut") == 0


@pytest.mark.parametrize(
    ("code", "details", "slug"),
    [
        (133010, "", "number_not_registered"),
        (131031, "Two step verification PIN mismatch", "number_locked"),
    ],
)
def test_a_late_failure_of_the_number_rests_it_and_moves_its_recipients(code, details, slug):
    distribution, attempts = in_flight(3, now=SENT_AT)

    fail(attempts, code, details=details)

    assert (number().state, number().state_reason) == (NumberState.RESTING, slug)
    assert states() == {State.RETRY_WAIT: 3}
    assert set(Delivery.objects.values_list("reason", "next_at")) == {(slug, NOW)}
    assert Attempt.objects.filter(details=details or "…").count() == 3
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING


def test_a_number_that_came_back_does_not_rest_again_for_what_was_sent_before():
    _, attempts = in_flight(2, now=SENT_AT)
    first, second = attempts
    fail({first: attempts[first]}, 133010)
    PhoneNumber.objects.update(state=NumberState.ACTIVE, rest_until=None)

    fail({second: attempts[second]}, 133010, now=NOW + timedelta(seconds=20))

    assert number().state == NumberState.ACTIVE


def test_a_late_failure_of_the_account_opens_its_breaker():
    _, attempts = in_flight(2, now=SENT_AT)

    fail(attempts, 131031)

    assert Portfolio.objects.get().breaker == Breaker.OPEN
    assert number().breaker == Breaker.OPEN
    assert Alert.objects.filter(rule="account_breaker", closed_at=None).exists()


def test_a_breaker_that_closed_is_not_opened_by_what_was_sent_before():
    _, attempts = in_flight(2, now=SENT_AT)
    PhoneNumber.objects.update(breaker_at=NOW.timestamp())

    fail(attempts, 131031)

    assert number().breaker == Breaker.CLOSED


@pytest.mark.parametrize("code", [TOO_FAST, 133010, 131031, 4])
def test_an_event_older_than_ten_minutes_changes_nothing_in_the_pool(code):
    _, attempts = in_flight(3, now=NOW - timedelta(minutes=12))

    fail(attempts, code, at=NOW - timedelta(minutes=11))

    account = Portfolio.objects.get()
    assert (number().state, number().breaker) == (NumberState.ACTIVE, Breaker.CLOSED)
    assert (number().cut_rate, account.breaker) == (None, Breaker.CLOSED)
    assert account.paused_until == 0
    assert states() == {State.RETRY_WAIT: 3}


# --- people ---------------------------------------------------------------------------------------


def test_a_late_bad_value_is_the_persons_only_if_meta_says_so():
    _, attempts = in_flight(2, now=SENT_AT)
    (first, its_key), (second, other_key) = sorted(attempts.items())

    apply(
        statuses(
            failed(first, its_key, 131009, details="Parameter 'to' is not valid"),
            failed(second, other_key, 131009, details="components[0] is not valid"),
        ),
        now=NOW,
    )

    reasons = dict(Delivery.objects.values_list("pk", "reason"))
    assert reasons == {first: "bad_recipient", second: "parameter_value"}
    assert sorted(Subscriber.objects.values_list("unreachable_days", flat=True)) == [0, 1]


def test_an_opt_out_that_meta_reports_of_a_message_already_given_up_still_counts():
    _, attempts = in_flight(1, now=SENT_AT)
    Delivery.objects.update(state=State.SKIPPED, reason="window")

    fail(attempts, 131050)

    assert Subscriber.objects.get().status == Status.UNSUBSCRIBED
    assert Delivery.objects.get().state == State.SKIPPED


# --- what stops a distribution --------------------------------------------------------------------


@pytest.mark.parametrize(("code", "slug"), [(131042, "payment_problem"), (132016, "")])
def test_who_waited_for_the_account_or_the_template_to_the_end_is_skipped_with_that_reason(
    code, slug
):
    distribution, attempts = in_flight(4, now=SENT_AT)
    slug = slug or "template_disabled"
    one, another, *unsent = sorted(attempts)
    Delivery.objects.filter(pk__in=unsent).update(state=State.PENDING, lease_until=None)
    fail({one: attempts[one], another: attempts[another]}, code)
    paused = Distribution.objects.get(pk=distribution.pk)
    assert (paused.state, paused.pause_cause) == (DistributionState.PAUSED, slug)
    assert states() == {State.RETRY_WAIT: 2, State.PENDING: 2}

    closing.complete_if_done(distribution.pk, now=paused.window_end)

    assert states() == {State.SKIPPED: 4}
    assert set(Delivery.objects.values_list("reason", flat=True)) == {slug}


def test_a_resumed_distribution_goes_on_with_everybody():
    distribution, attempts = in_flight(3, now=SENT_AT)
    fail(attempts, 132016)

    control.resume(distribution.pk, now=NOW + timedelta(seconds=60))

    claim = deliveries.claim(
        distribution.pk,
        0,
        limit=9,
        now=NOW + timedelta(seconds=60),
        lease=timedelta(seconds=60),
    )
    assert len(claim.deliveries) == 3
    assert Distribution.objects.get(pk=distribution.pk).pause_cause == ""


def test_what_was_resumed_is_not_paused_again_by_messages_sent_before():
    distribution, attempts = in_flight(2, now=SENT_AT)
    first, second = attempts
    fail({first: attempts[first]}, 131042)
    control.resume(distribution.pk, now=NOW + timedelta(seconds=60))

    fail({second: attempts[second]}, 131042, now=NOW + timedelta(seconds=61))

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING
    assert states() == {State.RETRY_WAIT: 2}


def test_after_the_end_a_late_failure_has_failed():
    _, attempts = in_flight(1, now=SENT_AT)
    Distribution.objects.update(state=DistributionState.COMPLETED)

    fail(attempts, TOO_FAST)

    assert (Delivery.objects.get().state, Delivery.objects.get().reason) == (
        State.FAILED,
        "throughput_exceeded",
    )
    sweep.sweep(NOW)
    assert states() == {State.FAILED: 1}


# --- what Meta dropped ----------------------------------------------------------------------------


def test_a_held_message_dropped_by_portfolio_pacing_stops_the_portfolio_and_is_never_resent():
    """Case G1."""
    distribution, attempts = in_flight(2, now=SENT_AT)
    hold()
    another, _ = in_flight(0, now=SENT_AT)

    fail(attempts, PORTFOLIO_PACING)

    assert states()[State.FAILED] == 2
    assert set(Delivery.objects.filter(state=State.FAILED).values_list("reason", flat=True)) == {
        "portfolio_pacing"
    }
    for one in (distribution, another):
        one.refresh_from_db()
        assert (one.state, one.pause_cause) == (DistributionState.PAUSED, "portfolio_pacing")
    assert Portfolio.objects.get().breaker == Breaker.OPEN
    assert "review" in Alert.objects.get(rule="account_notice", closed_at=None).message
    preview = manual_retry.preview(distribution)
    assert preview.sizes == {"safe": 0, "unsafe": 0, "pointless": 2}


def test_another_portfolio_goes_on_while_one_is_reviewed():
    """Case G1."""
    _, attempts = in_flight(1, now=SENT_AT)
    hold()
    other_account = Portfolio.objects.create(business_id="901")
    other = a_number(portfolio=other_account)
    elsewhere, moved = in_flight(0, now=SENT_AT)
    Delivery.objects.filter(pk__in=moved).update(number=other)

    fail(attempts, PORTFOLIO_PACING)

    elsewhere.refresh_from_db()
    other.refresh_from_db()
    assert elsewhere.state == DistributionState.SENDING
    assert other.breaker == Breaker.CLOSED


@pytest.mark.parametrize(
    ("seconds", "paused"),
    [([0], False), ([0, 9], False), ([0, 30, 61], False), ([0, 30, 60], True)],
)
def test_three_drops_in_a_minute_are_portfolio_pacing_even_if_nothing_was_held(seconds, paused):
    """Case G1. Each is reported by a webhook of its own."""
    distribution, attempts = in_flight(5, now=SENT_AT)
    for (pk, key), after in zip(sorted(attempts.items()), seconds, strict=False):
        fail({pk: key}, PORTFOLIO_PACING, now=NOW + timedelta(seconds=after))

    distribution.refresh_from_db()
    assert (distribution.state == DistributionState.PAUSED) == paused
    assert Delivery.objects.filter(state=State.FAILED).count() == len(seconds)
    assert not Delivery.objects.filter(state=State.RETRY_WAIT).exists()


def test_a_held_message_dropped_by_template_pacing_pauses_its_distribution_and_is_never_resent():
    """Case G1."""
    distribution, attempts = in_flight(2, now=SENT_AT)
    hold()

    fail(attempts, TEMPLATE_PACING)

    distribution.refresh_from_db()
    assert states() == {State.FAILED: 2}
    assert (distribution.state, distribution.pause_cause) == (
        DistributionState.PAUSED,
        "template_pacing",
    )
    assert manual_retry.preview(distribution).sizes["safe"] == 0
