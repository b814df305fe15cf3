"""What a row of a record says about the calls for one person, and what was reported of each.

A row lists the attempts that were not accepted. One more may have been: its times are the row's
own. Two attempts with one number are one call, whose outcome became known in two steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.formats.values import InvalidValue
from sandbox.webhooks.timeline import Step

LONGEST_SILENCE_S = 60.0  # of an answer that never comes: every caller has given up by then
# What one code means more than once is told apart by the subcode, or by the text.
SUBCODES = {"number_not_reachable": 33}
DETAILS = {
    "number_locked": "Two-step verification PIN mismatch.",
    "bad_recipient": "Param to is not a valid phone number.",
}
HELD_BEFORE = {"portfolio_pacing", "template_pacing", "never_released"}
# A state in which Meta's answers alone cannot bring anybody, and what it is called.
LEFT_BY_US = {"opted_out", "person_paused", "number_invalid", "cancelled", "portfolio_limit"}
ENDS = {"ACCEPTED", "FAILED", "SKIPPED", "UNCONFIRMED"}


class LeftOut(Exception):  # noqa: N818 - what a row says, no error
    """This person cannot be replayed; the text says why."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call, as Meta answered it and reported it afterwards."""

    number: str  # the name of the sender in the record
    after_s: float  # from the call to its answer
    accepted: bool
    answered: bool = True  # else no answer came
    refused: bool = False  # by an answer in the API's format
    held: bool = False
    code: int | None = None  # of a Graph error
    status: int | None = None  # HTTP; None: 200
    subcode: int | None = None
    details: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def is_of_number(self) -> bool:
        """Whether it says that the number cannot send: then no other number must get it."""
        code = self.code or 0
        return (
            code in (33, 131037, 131045)
            or (133000 <= code <= 133999 and code != 133004)
            or self.subcode == SUBCODES["number_not_reachable"]
            or self.details == DETAILS["number_locked"]
        )


_WRONG_FORM = (TypeError, KeyError, ValueError, AttributeError)


def calls_of(row: dict[str, Any]) -> list[RecordedCall]:
    """Every call for this person that reached Meta, in order. Raises LeftOut; InvalidValue if the
    row has another form."""
    try:
        return _calls(row)
    except _WRONG_FORM as error:
        raise InvalidValue(f"the row of person {row.get('person')} has another form") from error


def numbers_of(row: dict[str, Any]) -> set[str]:
    """The names of the phone numbers in a row. Raises InvalidValue."""
    try:
        return {str(one["number"]) for one in (row, *row.get("attempts", [])) if "number" in one}
    except _WRONG_FORM as error:
        raise InvalidValue(f"the row of person {row.get('person')} has another form") from error


def _calls(row: dict[str, Any]) -> list[RecordedCall]:
    state, reason = row["state"], row.get("reason", "")
    if state not in ENDS:
        raise LeftOut("not finished when the record was made")
    groups = _by_call(row.get("attempts", []))
    outcomes = {attempt["outcome"] for group in groups for attempt in group}
    if outcomes & {"FORGOTTEN", "CONFLICT"}:
        raise LeftOut("uncertain since a restore, or since two messages had one id")
    last_is_listed = len(groups) >= row.get("attempt", 0)
    earlier = groups[:-1] if last_is_listed and groups else groups
    found = [call for group in earlier if (call := _ended(group, row)) is not None]
    if last_is_listed and groups:
        last = _ended(groups[-1], row, is_last=True)
    elif row.get("accepted_ms") is not None:
        last = _accepted(row, [], held=reason in HELD_BEFORE)
    else:
        last = None
    if last is None and not found:
        raise LeftOut("no call was made")
    if state == "SKIPPED" and reason in LEFT_BY_US:
        raise LeftOut("skipped by us, not for an answer")
    if last is None and state != "SKIPPED":
        raise LeftOut("the last call never reached Meta")
    return found if last is None else [*found, last]


def _by_call(attempts: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The attempts of each call; the first records did not number them."""
    groups: dict[object, list[dict[str, Any]]] = {}
    for attempt in attempts:
        call = attempt.get("no") or (attempt.get("started_ms"), attempt.get("number"))
        groups.setdefault(call, []).append(attempt)
    return sorted(groups.values(), key=lambda group: group[0].get("no", 0))


def _ended(
    group: list[dict[str, Any]], row: dict[str, Any], *, is_last: bool = False
) -> RecordedCall | None:
    """A call that ended as these attempts say; None if it never reached Meta. The last one may be
    accepted all the same: then the row tells what was reported of it."""
    answer, reported = _parted(group)
    if answer is not None and not _reached_meta(answer):
        answer = None
        if reported is None:
            return None
    if is_last and (reported is not None or row["state"] == "ACCEPTED"):
        return _accepted(row, group, held=_was_held(reported))
    if reported is not None:
        return _failed_later(answer, reported)
    assert answer is not None
    return RecordedCall(accepted=False, **_answer(answer))


def _parted(
    group: list[dict[str, Any]],
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The attempt that tells the answer, and the one that tells of a failure reported later."""
    answers = [one for one in group if one["outcome"] != "REPORTED"]
    reports = [one for one in group if one["outcome"] == "REPORTED"]
    return next(iter(answers), None), next(iter(reports), None)


def _reached_meta(attempt: dict[str, Any]) -> bool:
    if attempt["outcome"] == "REJECTED":
        return "code" in attempt or "http_status" in attempt
    return bool(attempt["outcome"] == "UNKNOWN")


def _was_held(reported: dict[str, Any] | None) -> bool:
    return reported is not None and reported["reason"] in HELD_BEFORE


def _answer(attempt: dict[str, Any]) -> dict[str, Any]:
    """How the caller was answered, by the attempt."""
    code, status, reason = attempt.get("code"), attempt.get("http_status"), attempt["reason"]
    return {
        "number": attempt.get("number", ""),
        "after_s": _seconds(attempt.get("started_ms"), attempt["ended_ms"]),
        "answered": status is not None,
        "refused": attempt["outcome"] == "REJECTED",
        "code": code,
        "status": status,
        "subcode": SUBCODES.get(reason),
        "details": DETAILS.get(reason, ""),
    }


def _failed_later(answer: dict[str, Any] | None, reported: dict[str, Any]) -> RecordedCall:
    """An accepted message that failed and was followed by another call. When it was accepted is
    not kept, so the failure is timed from the call."""
    told: dict[str, Any] = {"number": reported.get("number", ""), "after_s": 0.0}
    if answer is not None:
        told = _answer(answer)
    told["details"] = DETAILS.get(reported["reason"], "")
    failed = _seconds(reported.get("started_ms"), reported["ended_ms"])
    return RecordedCall(
        accepted=True,
        held=_was_held(reported),
        steps=(Step(failed, "failed", reported.get("code") or 0),),
        **told,
    )


def _accepted(row: dict[str, Any], group: list[dict[str, Any]], *, held: bool) -> RecordedCall:
    """The last call, of whose message the row tells everything."""
    answer, reported = _parted(group)
    told: dict[str, Any] = {"number": row.get("number", ""), "after_s": _latency(row)}
    if answer is not None and _reached_meta(answer):
        told = _answer(answer)
    elif reported is not None:
        told["details"] = DETAILS.get(reported["reason"], "")
    return RecordedCall(accepted=True, held=held, steps=tuple(_steps(row)), **told)


def _latency(row: dict[str, Any]) -> float:
    return _seconds(row.get("inflight_ms"), row.get("accepted_ms"))


def _steps(row: dict[str, Any]) -> Iterator[Step]:
    # After a resend `accepted_ms` is still that of the first message.
    accepted = max(row.get("accepted_ms") or 0, row.get("inflight_ms") or 0)
    code = row.get("failed_code") or 0
    read, delivered = row.get("read_ms"), row.get("delivered_ms")
    # A read message without a report of its own that it was delivered has one time for both.
    times = {"sent": row.get("sent_ms"), "delivered": None if delivered == read else delivered}
    times |= {"read": read, "failed": row.get("failed_ms")}
    found = [
        (_seconds(accepted, at), place, status)
        for place, (status, at) in enumerate(times.items())
        if at is not None
    ]
    for after_s, place, status in sorted(found):
        if status == "failed":
            yield Step(after_s, status, code)
        else:
            yield Step(after_s, status, priced=place == min(known for _, known, _ in found))


def _seconds(start: int | None, end: int | None) -> float:
    """Reported times are in whole seconds, so that one may be before the acceptance."""
    if start is None or end is None:
        return 0.0
    return max(0, end - start) / 1000
