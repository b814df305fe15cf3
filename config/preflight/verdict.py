"""GREEN, AMBER or RED, from what the checks found. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.setup.items import Finding, Result
from distribution.models import PreflightVerdict


@dataclass(frozen=True, slots=True)
class Found:
    """One check's finding; `number` is the id of the number that it is about."""

    key: str
    title: str
    finding: Finding
    serious: bool = True
    number: int | None = None


def judge(found: Iterable[Found]) -> PreflightVerdict:
    """RED for a serious failure; AMBER for any other doubt, so that GREEN means all was seen."""
    results = [(one.finding.result, one.serious) for one in found]
    if (Result.FAILS, True) in results:
        return PreflightVerdict.RED
    if any(result is not Result.OK for result, _ in results):
        return PreflightVerdict.AMBER
    return PreflightVerdict.GREEN


def sentence(found: Sequence[Found]) -> str:
    """What is wrong, the failures first, each with the name of its check."""
    order = {Result.FAILS: 0, Result.WARNING: 1, Result.NOT_CHECKED: 2}
    wrong = [one for one in found if one.finding.result is not Result.OK]
    wrong.sort(key=lambda one: (order[one.finding.result], not one.serious))
    return " ".join(f"{one.title}: {one.finding.seen}" for one in wrong)
