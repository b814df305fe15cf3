"""How fast, by whom and how late: the invariants about numbers and the service level.

Asked of the journal, of the numbers' history and of what each distribution promised.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from distribution.ledger.attempts import ids
from distribution.models import Attempt, Delivery, Distribution
from distribution.service_level import sla
from phonepool.models import PhoneEvent, PhoneNumber
from tests.faults.cloud import Acceptance
from tests.faults.stack import CALM, SCALED

BURST = int(str(CALM["rate_burst"]))
SHARE = 0.99  # of the people, by the service level's deadline
# Whoever was handed over before a breaker opened may still write until half its lease is over.
HANDED_OVER = float(SCALED["LEASE_SECONDS"]) / 2 + 1.0
TRIAL_EVERY = float(SCALED["BREAKER_COOLDOWN_SECONDS"])


def within_rates(mine: Mapping[int, list[Acceptance]]) -> Iterator[str]:
    """I5: in any second no number had more accepted than its rate and a burst."""
    rates = dict(PhoneNumber.objects.values_list("meta_id", "rate_per_second"))
    for number, moments in _by_number(mine).items():
        most = max(
            place - bisect_right(moments, moment - 1.0) + 1 for place, moment in enumerate(moments)
        )
        if most > rates[number] + BURST:
            yield f"I5 number {number} had {most} accepted in a second at {rates[number]}/s"


def breakers_held(
    mine: Mapping[int, list[Acceptance]], known: Mapping[int, Distribution]
) -> Iterator[str]:
    """I5: by a number whose breaker was open nothing went but a trial now and then."""
    arrivals = _by_number(mine)
    for run in known.values():
        if run.opened_at is None or run.completed_at is None:
            continue
        start, end = run.opened_at.timestamp(), run.completed_at.timestamp()
        for number, since, until in _open_spans(start, end):
            moments = arrivals.get(number, [])
            went = bisect_left(moments, until) - bisect_right(moments, since + HANDED_OVER)
            trials = 2 + (until - since) / TRIAL_EVERY
            if went > trials:
                yield f"I5 number {number} carried {went} while its breaker was open"


def _by_number(mine: Mapping[int, list[Acceptance]]) -> dict[str, list[float]]:
    """The moments at which each number's accepted calls arrived, in order."""
    moments: dict[str, list[float]] = defaultdict(list)
    for entries in mine.values():
        for entry in entries:
            moments[entry.number].append(entry.arrived_at)
    return {number: sorted(times) for number, times in moments.items()}


def _open_spans(start: float, end: float) -> Iterator[tuple[str, float, float]]:
    """From when to when each number's breaker was open, as far as its history tells."""
    opened: dict[str, float] = {}
    history = PhoneEvent.objects.filter(kind__in=["breaker_opened", "breaker_closed"])
    for number, kind, at in history.order_by("pk").values_list("number__meta_id", "kind", "at"):
        moment = at.timestamp()
        if not start <= moment <= end:
            continue
        if kind == "breaker_opened":
            opened[number] = moment
        elif number in opened:
            yield number, opened.pop(number), moment
    for number, since in opened.items():
        yield number, since, end


def attempts_are_numbered(
    rows: Mapping[int, Delivery], mine: Mapping[int, list[Acceptance]]
) -> Iterator[str]:
    """I12: no attempt was made that its delivery did not count, and the last word is of one of
    them: who stands at accepted was accepted by an attempt of its own."""
    told: dict[int, set[int]] = defaultdict(set)
    kept = Attempt.objects.filter(delivery__in=rows).values_list("attempt_id", flat=True)
    for word in [*kept, *(entry.attempt_id for one in mine.values() for entry in one)]:
        key = ids.parse(word)
        if key is not None:
            told[key.delivery_id].add(key.attempt_no)
    for pk, row in rows.items():
        if too_high := sorted(no for no in told[pk] if no > row.attempt_no):
            yield f"I12 delivery {pk} counted {row.attempt_no} attempts, made were {too_high}"
        if len(told[pk]) > row.attempt_no:
            yield f"I12 delivery {pk} counted {row.attempt_no} attempts of {len(told[pk])}"
        if row.attempt_no == 0 and row.state not in ("SKIPPED", "PENDING", "CLAIMED", "RETRY_WAIT"):
            yield f"I12 delivery {pk} is {row.state} without an attempt"


def in_time(
    known: Mapping[int, Distribution],
    rows: Iterable[Delivery],
    mine: Mapping[int, list[Acceptance]],
) -> Iterator[str]:
    """I14: 99 of 100 were accepted by the deadline, wherever it began in time and ended. Whoever
    was in doubt is left out: they wait for proof, by intention longer than the deadline."""
    owed: dict[int, list[Delivery]] = defaultdict(list)
    for row in rows:
        owed[row.distribution_id].append(row)
    for pk, run in known.items():
        if run.state != "COMPLETED" or run.opened_at is None or run.sla_deadline is None:
            continue
        sure = [row for row in owed[pk] if not row.ambiguous_no and row.state != "SKIPPED"]
        if run.opened_at - run.planned_at > sla.LATE_START_AFTER or not sure:
            continue
        end = run.sla_deadline.timestamp()
        late = sum(min((e.accepted_at for e in mine.get(row.pk, ())), default=end + 1) > end
                   for row in sure)  # fmt: skip
        if late > (1 - SHARE) * len(sure):
            yield f"I14 distribution {pk} reached {late} of {len(sure)} people too late"
