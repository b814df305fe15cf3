"""Every code of the table means the same in the answer, in a late report and in `value.errors`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Delivery, Distribution, DistributionState, State
from distribution.sending import retry_policy
from phonepool import errors
from phonepool.cloud_api.client import OutcomeKind, SendOutcome
from phonepool.errors import Action, Failure, FailureCategory, classify
from phonepool.models import NumberState, PhoneNumber
from tests.webhooks.posts import apply, envelope, in_flight, messages, status, statuses

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SENT_AT = NOW - timedelta(seconds=5)
CODES = sorted({*errors.FAILURES, *(codes[0] for codes in errors.RANGES), 424242} - {0})
# Reported after acceptance it means that the message was dropped: G1.
DROPPED = {135000}
HALTING = {Action.ABORT, Action.TEMPLATE}


def answered(failure: Failure, code: int) -> tuple[str, float | None]:
    """State and delay after a first call that was refused in the answer."""
    outcome = SendOutcome(
        1, OutcomeKind.REJECTED, "", failure, code, 400, None, started_at=NOW, ended_at=NOW
    )
    after = retry_policy.settlement(
        AttemptKey(1, 1, 1),
        outcome,
        tries_charged=0,
        number_id=1,
        window_end=NOW + timedelta(hours=4),
    )
    return str(after.state), after.next_at and (after.next_at - NOW).total_seconds()


@pytest.mark.django_db
@pytest.mark.parametrize("code", CODES)
def test_a_late_report_does_what_the_answer_does(code):
    distribution, attempts = in_flight(2, now=SENT_AT)
    items = [
        status("failed", key, at=NOW, wamid=f"w{pk}", code=code) for pk, key in attempts.items()
    ]

    apply(statuses(*items), now=NOW)

    failure = classify(code, http_status=400)
    row, number = Delivery.objects.order_by("pk").first(), PhoneNumber.objects.get()
    delay = (row.next_at - NOW).total_seconds() if row.state == State.RETRY_WAIT else None
    if code in DROPPED:
        assert (row.state, row.reason) == (State.FAILED, "request_dropped")
    else:
        assert ((row.state, delay), row.reason) == (answered(failure, code), failure.slug)
    assert was_paused(distribution) == (failure.action in HALTING)
    assert (number.state == NumberState.RESTING) == (failure.action is Action.NUMBER)
    assert (number.cut_rate is not None) == (failure.slug == "throughput_exceeded")
    assert (number.breaker != "CLOSED") == (failure.action is Action.ABORT)


@pytest.mark.django_db
@pytest.mark.parametrize("code", CODES)
def test_an_error_about_no_message_has_the_same_effect_on_number_and_distribution(code):
    distribution, _ = in_flight(1, now=SENT_AT)

    apply(envelope(messages(errors=[{"code": code}, {"code": code}])), now=NOW)

    failure, number = classify(code, http_status=400), PhoneNumber.objects.get()
    assert was_paused(distribution) == (failure.action in HALTING)
    assert (number.state == NumberState.RESTING) == (failure.action is Action.NUMBER)
    assert (number.cut_rate is not None) == (failure.slug == "throughput_exceeded")
    assert (number.breaker != "CLOSED") == (failure.action is Action.ABORT)
    assert Delivery.objects.get().state == State.INFLIGHT


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "details", ["", "Parameter 'to' is not valid", "Two step verification PIN mismatch"]
)
def test_details_mean_the_same_in_every_channel(code, details):
    if code not in DROPPED:
        answer = classify(code, http_status=400, details=details)
        assert classify(code, late=True, details=details) == answer


def test_what_is_not_about_a_message_in_the_answer_is_never_charged_later():
    for _, failure in errors.TABLE:
        if failure.category in (FailureCategory.ACCOUNT, FailureCategory.TEMPLATE):
            assert not failure.charged


def was_paused(distribution: Distribution) -> bool:
    distribution.refresh_from_db()
    return distribution.state == DistributionState.PAUSED
