from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.models import Progress, State
from distribution.outcomes.report_rules import DeliveryFacts, StatusReport, apply_report

NOON = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
RESEND_AT = NOON + timedelta(seconds=5)
WINDOW_END = NOON + timedelta(hours=4)
LOST = 131000  # Meta failed to send: BACKOFF
NOT_ON_WHATSAPP = 131026


def standing(state: State = State.INFLIGHT) -> DeliveryFacts:
    return DeliveryFacts(
        state=state,
        progress=Progress.NONE,
        resend_no=0,
        reason="",
        wamid=None,
        next_at=NOON,
        inflight_at=NOON,
        accepted_at=NOON if state is State.ACCEPTED else None,
        sent_at=None,
        delivered_at=None,
        read_at=None,
        failed_at=None,
        failed_code=None,
    )


def report(status: str, second: int = 1, code: int | None = None) -> StatusReport:
    return StatusReport(status, NOON + timedelta(seconds=second), "wamid.1", None, code)


SENT, DELIVERED, READ = report("sent", 1), report("delivered", 2), report("read", 3)
INVALID, LOST_BY_META = report("failed", 4, NOT_ON_WHATSAPP), report("failed", 4, LOST)


def after(start: DeliveryFacts, *reports: StatusReport, attempts: int = 1) -> DeliveryFacts:
    for one in reports:
        apply_report(start, one, attempts=attempts, now=NOON, window_end=WINDOW_END)
    return start


@pytest.mark.parametrize(
    ("state", "heard", "state_after"),
    [
        # Good news settles whatever was in doubt, waiting or given up.
        (State.INFLIGHT, SENT, State.ACCEPTED),
        (State.UNKNOWN, SENT, State.ACCEPTED),
        (State.HELD, DELIVERED, State.ACCEPTED),
        (State.UNCONFIRMED, READ, State.ACCEPTED),
        (State.RETRY_WAIT, SENT, State.ACCEPTED),
        (State.CLAIMED, SENT, State.ACCEPTED),
        (State.FAILED, DELIVERED, State.ACCEPTED),
        (State.SKIPPED, DELIVERED, State.ACCEPTED),
        (State.ACCEPTED, READ, State.ACCEPTED),
        # A failure ends what is out.
        (State.INFLIGHT, INVALID, State.FAILED),
        (State.UNKNOWN, INVALID, State.FAILED),
        (State.ACCEPTED, INVALID, State.FAILED),
        (State.HELD, INVALID, State.FAILED),
        (State.UNCONFIRMED, INVALID, State.FAILED),
        # It also spares who waits for another try a refusal that is certain.
        (State.RETRY_WAIT, INVALID, State.FAILED),
        (State.CLAIMED, INVALID, State.FAILED),
        (State.RETRY_WAIT, LOST_BY_META, State.RETRY_WAIT),
        (State.CLAIMED, LOST_BY_META, State.CLAIMED),
        (State.SKIPPED, INVALID, State.SKIPPED),
        # What Meta itself lost goes again, once.
        (State.ACCEPTED, LOST_BY_META, State.RETRY_WAIT),
        (State.UNKNOWN, LOST_BY_META, State.RETRY_WAIT),
    ],
)
def test_a_report_moves_a_delivery(state, heard, state_after):
    assert after(standing(state), heard).state == state_after


def test_a_message_lost_by_meta_is_sent_again_only_once():
    once = after(standing(State.ACCEPTED), LOST_BY_META)
    assert (once.state, once.resend_no, once.next_at) == (State.RETRY_WAIT, 1, RESEND_AT)

    again = standing(State.ACCEPTED)
    again.resend_no = 1
    assert after(again, LOST_BY_META).state == State.FAILED


@pytest.mark.parametrize("code", [131042, 132015, 133010, 130429, 131016])
def test_our_own_trouble_costs_nobody_the_message_however_often_it_comes_back(code):
    """Case A9: a resend that is refused again was given up; in the answer it was not."""
    number_gone = code == 133010  # another number may take it at once
    for resends, delay in ((0, 5), (1, 10), (3, 20), (30, 20)):
        kept = after(standing(State.ACCEPTED), report("failed", 4, code), attempts=resends + 1)
        assert kept.state == State.RETRY_WAIT
        assert kept.next_at == NOON + timedelta(seconds=0 if number_gone else delay)
        assert kept.resend_no == 0


def test_our_own_trouble_uses_up_none_of_what_meta_advises_for_a_lost_message():
    """Throttled after acceptance and sent again, then lost by Meta: one resend is still right."""
    throttled = after(standing(State.ACCEPTED), report("failed", 4, 130429))
    again = standing(State.ACCEPTED)
    again.resend_no = throttled.resend_no

    lost = after(again, LOST_BY_META, attempts=2)

    assert (lost.state, lost.resend_no, lost.next_at) == (State.RETRY_WAIT, 1, RESEND_AT)


@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        (State.ACCEPTED, 135000, "request_dropped"),
        (State.HELD, 135000, "portfolio_pacing"),
        (State.HELD, 132015, "template_pacing"),
        (State.RETRY_WAIT, 135000, "request_dropped"),
        (State.CLAIMED, 135000, "request_dropped"),
    ],
)
def test_what_meta_dropped_is_never_sent_again(state, code, reason):
    """G1: 135000 is how portfolio pacing drops what it held; a resend goes into a review."""
    dropped = after(standing(state), report("failed", 4, code))

    assert (dropped.state, dropped.reason) == (State.FAILED, reason)


def test_a_held_message_that_was_never_released_and_then_dropped_is_known_as_held():
    waited = standing(State.UNCONFIRMED)
    waited.reason = "never_released"

    assert after(waited, report("failed", 4, 135000)).reason == "portfolio_pacing"


def test_a_repeated_failure_does_not_end_the_wait_that_somebody_chose_after_it():
    failed = after(standing(State.ACCEPTED), INVALID)
    failed.state = State.RETRY_WAIT  # a person has it tried again

    assert after(failed, INVALID).state == State.RETRY_WAIT


def test_a_message_lost_after_the_window_has_failed():
    late = standing(State.ACCEPTED)
    apply_report(late, LOST_BY_META, attempts=1, now=NOON, window_end=None)
    assert (late.state, late.reason) == (State.FAILED, "send_failed")


def test_sent_does_not_contradict_failed():
    assert after(standing(), INVALID, SENT).state == State.FAILED
    assert after(standing(), SENT, INVALID).state == State.FAILED


def test_read_without_delivered_counts_as_delivered():
    read = after(standing(), READ)
    assert (read.progress, read.delivered_at, read.read_at) == (Progress.READ, READ.at, READ.at)


def settled(one: DeliveryFacts) -> tuple[object, ...]:
    """What must not depend on the order. A resend that was called off leaves only its count."""
    return (
        one.state,
        one.progress,
        one.reason,
        one.wamid,
        one.accepted_at,
        one.sent_at,
        one.delivered_at,
        one.read_at,
        one.failed_at,
        one.failed_code,
    )


@pytest.mark.parametrize("failure", [INVALID, LOST_BY_META])
@pytest.mark.parametrize("start", [State.INFLIGHT, State.UNKNOWN, State.ACCEPTED])
def test_reports_in_any_order_end_the_same(start, failure):
    for chosen in ([SENT, DELIVERED, READ, failure], [SENT, failure], [DELIVERED, failure]):
        ends = {settled(after(standing(start), *order)) for order in permutations(chosen)}
        assert len(ends) == 1


statuses = st.sampled_from(["sent", "delivered", "read", "failed"])
reports = st.builds(
    lambda status, second: report(status, second, NOT_ON_WHATSAPP), statuses, st.integers(0, 9)
)


@given(st.lists(reports, min_size=1, max_size=6), st.randoms())
def test_doubled_and_shuffled_reports_end_the_same(heard, dice):
    straight = after(standing(), *heard)
    shuffled = [*heard, *heard]
    dice.shuffle(shuffled)

    assert settled(after(standing(), *shuffled)) == settled(straight)


@given(st.lists(reports, max_size=8))
def test_progress_never_falls(heard):
    one, seen = standing(), 0
    for heard_one in heard:
        apply_report(one, heard_one, attempts=1, now=NOON, window_end=WINDOW_END)
        assert one.progress >= seen
        seen = one.progress
