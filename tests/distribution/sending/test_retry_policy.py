from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.models import State
from distribution.sending import retry_policy
from phonepool.cloud_api.client import OutcomeKind, SendOutcome
from phonepool.errors import (
    CONNECT_TIMEOUT,
    DEADLINE_PASSED,
    NO_ANSWER,
    NOT_SENT,
    SERVER_FAULT,
    UNLISTED,
    WITHDRAWN,
    Failure,
    classify,
)

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
WINDOW_END = NOW + timedelta(hours=4)

# RATE_LIMIT
TOO_FAST, APP_LIMIT, PAIR_LIMIT = classify(130429), classify(4), classify(131056)
# never again
NOT_ON_WHATSAPP, BLOCKED, OPTED_OUT = classify(131026), classify(130403), classify(131050)
META_ILL, SEND_FAILED, NUMBER_GONE = classify(131016), classify(131000), classify(133010)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def outcome(
    kind: OutcomeKind = OutcomeKind.REJECTED,
    failure: Failure | None = None,
    *,
    ended: datetime = NOW,
    retry_after: float | None = None,
    wamid: str = "",
) -> SendOutcome:
    return SendOutcome(
        key=1,
        kind=kind,
        wamid=wamid,
        failure=failure,
        code=131016 if failure else None,
        http_status=503 if failure else 200,
        retry_after=retry_after,
        started_at=ended - seconds(0.3),
        ended_at=ended,
        details="Try later." if failure else "",
        fbtrace_id="AbC1" if failure else "",
    )


def settled(ended: SendOutcome, *, attempt_no: int = 1, charged: int = 0) -> Settlement:
    return retry_policy.settlement(
        AttemptKey(1, attempt_no, 10),
        ended,
        tries_charged=charged,
        number_id=7,
        window_end=WINDOW_END,
    )


def delay(failure: Failure, **fields) -> float | None:
    """Seconds until the next try after a definite refusal; None: no other try."""
    kind = fields.pop("kind", OutcomeKind.REJECTED)
    retry_after = fields.pop("retry_after", None)
    after = settled(outcome(kind, failure, retry_after=retry_after), **fields)
    assert after.state == (State.FAILED if after.next_at is None else State.RETRY_WAIT)
    return None if after.next_at is None else (after.next_at - NOW).total_seconds()


@pytest.mark.parametrize(
    "failure",
    [TOO_FAST, APP_LIMIT, NOT_SENT, CONNECT_TIMEOUT, DEADLINE_PASSED, WITHDRAWN, META_ILL],
    ids=lambda failure: f"{failure.category} {failure.slug}",
)
def test_our_own_trouble_waits_five_ten_and_then_twenty_seconds_for_ever(failure):
    assert [delay(failure, attempt_no=no) for no in range(1, 7)] == [5, 10, 20, 20, 20, 20]


def test_what_may_lie_in_the_message_is_tried_three_times_more():
    assert [delay(SEND_FAILED, attempt_no=n + 1, charged=n) for n in range(5)] == [
        5,
        10,
        20,
        None,
        None,
    ]


def test_a_person_gets_no_two_messages_within_six_seconds():
    assert [delay(PAIR_LIMIT, attempt_no=n + 1, charged=n) for n in range(4)] == [6, 10, 20, None]


def test_only_charged_tries_climb_the_ladder_of_a_charged_failure():
    assert delay(SEND_FAILED, attempt_no=9, charged=0) == 5


@pytest.mark.parametrize(
    "failure",
    [NOT_ON_WHATSAPP, BLOCKED, OPTED_OUT, classify(131049), classify(132000), UNLISTED],
    ids=lambda failure: f"{failure.category} {failure.slug}",
)
def test_what_would_be_refused_again_is_not_repeated(failure):
    assert delay(failure) is None


def test_another_number_may_take_it_at_once():
    assert [delay(NUMBER_GONE, attempt_no=no) for no in (1, 9)] == [0, 0]


def test_a_request_called_generically_wrong_is_tried_once_more():
    assert [delay(classify(135000), attempt_no=n + 1, charged=n) for n in (0, 1)] == [5, None]


@pytest.mark.parametrize("code", [190, 132015], ids=["account", "message template"])
def test_what_pauses_everybody_leaves_each_waiting(code):
    assert delay(classify(code)) == 5


def test_metas_own_wish_for_patience_is_granted():
    assert delay(META_ILL, retry_after=33.0) == 33
    assert delay(META_ILL, retry_after=1.0) == 5
    assert delay(NUMBER_GONE, retry_after=7.0) == 7


def test_nothing_is_tried_after_the_window():
    before = outcome(failure=TOO_FAST, ended=WINDOW_END - seconds(5.001))
    after = outcome(failure=TOO_FAST, ended=WINDOW_END - seconds(5))

    assert settled(before).next_at == WINDOW_END - seconds(0.001)
    assert (settled(after).state, settled(after).next_at) == (State.FAILED, None)


def test_what_was_withdrawn_at_the_windows_end_is_skipped_for_it():
    withdrawn = settled(outcome(OutcomeKind.NOT_SENT, WITHDRAWN, ended=WINDOW_END))

    assert (withdrawn.state, withdrawn.reason) == (State.SKIPPED, "window")


def test_a_longer_ladder_is_a_setting(settings):
    settings.RETRY_DELAYS_SECONDS = [1, 2]

    assert [delay(SEND_FAILED, attempt_no=n + 1, charged=n) for n in range(3)] == [1, 2, None]
    assert [delay(TOO_FAST, attempt_no=no) for no in (1, 2, 3)] == [1, 2, 2]


def test_accepted_and_held_keep_the_message_id_and_no_evidence():
    for kind, after in ((OutcomeKind.ACCEPTED, State.ACCEPTED), (OutcomeKind.HELD, State.HELD)):
        assert settled(outcome(kind, wamid="wamid.1")) == Settlement(
            AttemptKey(1, 1, 10), after, NOW, wamid="wamid.1"
        )


@pytest.mark.parametrize("failure", [NO_ANSWER, SERVER_FAULT])
def test_an_unknown_outcome_is_never_just_repeated(failure):
    after = settled(outcome(OutcomeKind.UNKNOWN, failure))

    assert (after.state, after.next_at, after.reason) == (State.UNKNOWN, None, failure.slug)
    assert (after.outcome, after.charged) == ("UNKNOWN", False)


def test_a_refusal_keeps_its_evidence():
    after = settled(outcome(failure=SEND_FAILED))

    assert after == Settlement(
        AttemptKey(1, 1, 10),
        State.RETRY_WAIT,
        NOW,
        reason="send_failed",
        next_at=NOW + seconds(5),
        charged=True,
        outcome="REJECTED",
        number_id=7,
        code=131016,
        http_status=503,
        details="Try later.",
        fbtrace_id="AbC1",
        started_at=NOW - seconds(0.3),
    )
    assert not settled(outcome(failure=TOO_FAST)).charged
    assert settled(outcome(OutcomeKind.NOT_SENT, NOT_SENT)).outcome == "NOT_SENT"
