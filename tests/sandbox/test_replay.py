"""What the sandbox makes of a run record: each call's answer, who is left out, what it refuses."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.formats.values import InvalidValue
from sandbox.replay.calls import LeftOut, RecordedCall, calls_of
from sandbox.replay.replay import Replay
from sandbox.webhooks.timeline import Step

ACCEPTED = {"person": 0, "state": "ACCEPTED", "number": "a", "attempt": 1, "inflight_ms": 100}
ACCEPTED |= {"accepted_ms": 350, "sent_ms": 0, "delivered_ms": 2350, "read_ms": 9000}
DELIVERED = (
    Step(0.0, "sent", priced=True),
    Step(2.0, "delivered"),
    Step(8.65, "read"),
)


def attempt(outcome: str, no: int = 1, **more: Any) -> dict[str, Any]:
    times = {"started_ms": 100, "ended_ms": 1100, "number": "b", "reason": "a_reason"}
    return {"no": no, "outcome": outcome, **times, **more}


def row(*attempts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**ACCEPTED, "attempts": list(attempts), **more}


def call(*steps: Step, accepted: bool = False, **more: Any) -> RecordedCall:
    return RecordedCall(
        **{"number": "b", "after_s": 1.0, "accepted": accepted, **more}, steps=steps
    )


WITHOUT_ANSWER = attempt("UNKNOWN")
REFUSED = attempt("REJECTED", code=131016, http_status=503)
REPORTED = attempt("REPORTED", code=131026, started_ms=101)
GOOD = call(*DELIVERED, accepted=True, number="a", after_s=0.25)
NEVER = {"sent_ms": None, "delivered_ms": None, "read_ms": None, "accepted_ms": None}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (row(), [GOOD]),
        (
            row(read_ms=2350),
            [
                call(
                    DELIVERED[0],
                    Step(2.0, "read"),
                    accepted=True,
                    number="a",
                    after_s=0.25,
                )
            ],
        ),
        (row(REFUSED, attempt=2), [call(code=131016, status=503, refused=True), GOOD]),
        # The answer was lost, and a report told that it was accepted.
        (row(WITHOUT_ANSWER), [call(*DELIVERED, accepted=True, answered=False)]),
        # Nobody knows: the product had it sent again.
        (row(WITHOUT_ANSWER, attempt=2), [call(answered=False), GOOD]),
        # One call, whose outcome became known in two steps.
        (
            row(
                WITHOUT_ANSWER,
                REPORTED,
                state="FAILED",
                failed_ms=1350,
                failed_code=131026,
                **{**NEVER, "accepted_ms": 350},
            ),
            [call(Step(1.0, "failed", 131026), accepted=True, answered=False)],
        ),
        (
            row(REPORTED, attempt=2),
            [call(Step(0.999, "failed", 131026), accepted=True, after_s=0.0), GOOD],
        ),
        # Connections that were never made are calls that never came.
        (row(attempt("NOT_SENT"), attempt=2), [GOOD]),
        (row(attempt("REJECTED", reason="withdrawn"), attempt=2), [GOOD]),
        # Held, and not released.
        (
            row(state="UNCONFIRMED", reason="never_released", **{**NEVER, "accepted_ms": 350}),
            [call(accepted=True, held=True, number="a", after_s=0.25)],
        ),
    ],
)
def test_a_row_says_how_each_call_was_answered(given, expected) -> None:
    assert calls_of(given) == expected


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (row(state="SKIPPED", reason="opted_out", attempt=0, **NEVER), "no call was made"),
        (row(REFUSED, state="SKIPPED", reason="opted_out", **NEVER), "skipped by us"),
        (
            row(
                attempt("NOT_SENT"),
                REFUSED | {"no": 2},
                attempt("NOT_SENT", 3),
                attempt=3,
                state="FAILED",
                **NEVER,
            ),
            "never reached Meta",
        ),
        (row(WITHOUT_ANSWER, state="UNKNOWN"), "not finished"),
        (row(attempt("FORGOTTEN")), "since a restore"),
    ],
)
def test_whom_no_answer_can_bring_there_is_left_out(given, why) -> None:
    with pytest.raises(LeftOut, match=why):
        calls_of(given)


def saved(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return str(path)


def test_what_is_about_a_number_is_answered_to_that_number_only(tmp_path) -> None:
    gone = attempt("REJECTED", code=133010, http_status=400)
    file = saved(
        tmp_path / "deliveries.jsonl",
        {"row": row(gone, attempt=2), "salt": "00"},
        {"row": row(REFUSED, attempt=2, person=1), "salt": "00"},
        {"leaf": "00"},
        {"row": row(gone, attempt=2, person=3), "salt": "00"},
    )
    replay = Replay(file, ["1", "2"], within_s=2.5)  # "a" is 1, "b" is 2
    zero, one, three = "917700000000", "917700000001", "917700000003"
    in_time = call(*DELIVERED[:2], Step(2.5, "read"), accepted=True, number="a", after_s=0.25)

    assert replay.next_call(zero, "1") == in_time  # number 2 was not asked
    second = replay.next_call(three, "2")
    assert second is not None
    assert (second.code, replay.next_call(three, "1")) == (133010, in_time)
    first = replay.next_call(one, "1")
    assert first is not None
    assert (first.code, replay.next_call(one, "1")) == (131016, in_time)
    assert replay.next_call(one, "1") == in_time  # the last one again
    assert replay.next_call("917700000002", "1") is None  # erased: nobody of the record
    assert replay.state() == {
        "people": [zero, one, three],
        "waiting": 0,
        "left_out": {"erased since": 1},
    }
    with pytest.raises(
        InvalidValue, match=r"2 phone numbers \(a, b\), the sandbox 1: add --number"
    ):
        Replay(file, ["1"])


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([{"leaf": "00"}], "nobody in .* can be replayed: 1 erased since"),
        ([], "nobody in .* it has no rows"),
        ([[1]], "line 1 of rows has no row: it is no run record"),
        ([{"row": {"person": "x"}}], "no number of its person"),
        ([{"row": {"person": 7, "attempts": 3}}], "the row of person 7 has another form"),
        ([{"row": {"person": 7}}], "the row of person 7 has another form"),
    ],
)
def test_what_is_no_record_is_refused(lines, complaint, tmp_path) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        Replay(saved(tmp_path / "rows", *lines), ["1"])


def test_a_file_that_is_none_is_refused(tmp_path) -> None:
    path = tmp_path / "x"
    for content in (b"PK", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(InvalidValue, match="line 1 of x is not JSON"):
            Replay(str(path), ["1"])
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("other", "")
    for name in ("x", "missing"):
        with pytest.raises(InvalidValue, match="is no run record, or is damaged"):
            Replay(str(tmp_path / name), ["1"])
