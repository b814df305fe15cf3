"""The only writer of consent and of a subscriber's status.

Every decision becomes a ConsentEvent first; the status is then derived from the latest event of
each kind. So events may come twice, late or in any order and end the same: a START
that is older than a STOP never re-subscribes, whichever of the two arrives last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import Max

from subscribers import inserting
from subscribers.consent.status_rule import status_from_events
from subscribers.models import ConsentEvent, Status, Subscriber, Suppression

Kind = ConsentEvent.Kind
Item = TypeVar("Item")

LOCKED_ROWS_LIMIT = 500  # locked together: some milliseconds, so that other writers wait briefly


@dataclass(frozen=True, slots=True)
class Decision:
    """One event to be recorded about a subscriber that exists."""

    subscriber_id: int
    kind: ConsentEvent.Kind
    source: str
    at: datetime
    evidence: str = ""
    notice: str = ""
    actor: str = ""
    resumes_on: date | None = None  # of a PAUSE: the day in India on which it ends
    # Whether `at` of an OPT_IN counts to the microsecond, after an opt-out of the same second.
    exact: bool = False


def record(decisions: Sequence[Decision], *, now: datetime) -> set[int]:
    """Append the events and bring the statuses in line; returns the ids whose status changed.

    An event already recorded is skipped. Subscribers are locked in order of id, so two callers
    wait for each other and never deadlock.
    """
    changed: set[int] = set()
    for chunk in in_chunks(sorted(decisions, key=lambda decision: decision.subscriber_id)):
        with transaction.atomic():
            current = lock_statuses([decision.subscriber_id for decision in chunk])
            events = [_event(d, now) for d in chunk if d.subscriber_id in current]
            inserting.insert(ConsentEvent, EVENT_COLUMNS, events, passing_over=True)
            changed |= _update_statuses(current, now)
    return changed


def decision_of_suppression(subscriber_id: int, stop: Suppression) -> Decision:
    """A STOP from a phone that was unknown then, as a decision about its new subscriber."""
    return Decision(subscriber_id, Kind.OPT_OUT, stop.source, stop.at, stop.evidence)


def lock_statuses(ids: Sequence[int]) -> dict[int, str]:
    """Current statuses by id, locked until the transaction ends (SQLite locks the database).

    Without those who were erased or removed, perhaps while we waited for the lock: nothing is
    decided about them any more. no_key: deliveries that refer to a subscriber may be written
    meanwhile.
    """
    rows = Subscriber.objects.existing().filter(pk__in=set(ids)).order_by("pk")
    return dict(rows.select_for_update(no_key=True).values_list("pk", "status"))


EVENT_COLUMNS = (
    "subscriber_id",
    "kind",
    "source",
    "evidence",
    "notice",
    "actor",
    "at",
    "recorded_at",
    "resumes_on",
)


def _event(decision: Decision, now: datetime) -> tuple[object, ...]:
    """The values of EVENT_COLUMNS."""
    at = min(decision.at, now)  # a clock that runs ahead must not outrank the next STOP
    if decision.kind == Kind.OPT_IN and not decision.exact:
        # WhatsApp's times are whole seconds: a STOP in the same second must not look older.
        at = at.replace(microsecond=0)
    return (
        decision.subscriber_id,
        str(decision.kind),
        decision.source[:200],
        decision.evidence[:200],
        decision.notice,
        decision.actor[:150],
        at,
        now,
        decision.resumes_on,
    )


def _update_statuses(current: Mapping[int, str], now: datetime) -> set[int]:
    """Write the statuses that no longer follow from the events; returns their ids."""
    moved: dict[Status, list[int]] = defaultdict(list)
    for pk, latest in _latest_events(current).items():
        status = status_from_events(current[pk], latest)
        if status != current[pk]:
            moved[status].append(pk)
    for status, pks in moved.items():
        # A subscriber who becomes active starts without unreachable days.
        count = {"unreachable_days": 0} if status == Status.ACTIVE else {}
        Subscriber.objects.filter(pk__in=pks).update(status=status, updated_at=now, **count)
    return {pk for pks in moved.values() for pk in pks}


def _latest_events(ids: Collection[int]) -> dict[int, dict[str, datetime]]:
    events = ConsentEvent.objects.filter(subscriber__in=list(ids)).order_by()
    latest: dict[int, dict[str, datetime]] = defaultdict(dict)
    for pk, kind, at in events.values_list("subscriber_id", "kind").annotate(Max("at")):
        latest[pk][kind] = at
    for pk, times in latest.items():
        opted_in, opted_out = times.get(Kind.OPT_IN), times.get(Kind.OPT_OUT)
        if opted_in and opted_out and opted_out < opted_in:
            second = opted_in.replace(microsecond=0)
            # A STOP of WhatsApp in the second of both: it may be later than either.
            if (
                opted_out > second
                and events.filter(subscriber=pk, kind=Kind.OPT_OUT, at=second).exists()
            ):
                times[Kind.OPT_OUT] = second
    return latest


def in_chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), LOCKED_ROWS_LIMIT):
        yield items[start : start + LOCKED_ROWS_LIMIT]
