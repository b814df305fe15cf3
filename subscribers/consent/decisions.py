"""The only writer of consent and of a subscriber's status.

Every decision becomes a ConsentEvent first; the status is then worked out anew from the latest
event of each kind. So events may come twice, late or in any order and end the same: a START
that is older than a STOP never re-subscribes, whichever of the two arrives last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q

from subscribers import inserting, phones
from subscribers.consent import suppressions
from subscribers.models import ConsentEvent, Status, Subscriber, Suppression

Kind = ConsentEvent.Kind
Item = TypeVar("Item")

UNREACHABLE_LIMIT = 3  # separate days in a row; then the number counts as invalid
UNREACHABLE_SOURCE = "whatsapp:unreachable"
CHUNK = 500  # rows locked together: some milliseconds, so that nobody waits long

# What an event makes of somebody who has not opted out. Of two at the same time the later line
# wins: in doubt nobody is written to.
_OUTCOME: dict[str, Status] = {
    Kind.OPT_IN: Status.ACTIVE,
    Kind.RESUME: Status.ACTIVE,
    Kind.UNREACHABLE: Status.INVALID,
    Kind.PAUSE: Status.PAUSED,
}
_CAUTION = list(_OUTCOME)


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


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person told us from a phone: `wants` is START, not `wants` is STOP."""

    phone: str  # E.164, or WhatsApp's spelling without the plus
    wants: bool
    source: str
    evidence: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PreferenceReport:
    """How many subscribers changed status, how many did not, and whose phones we do not know."""

    changed: int
    unchanged: int
    unknown: tuple[str, ...]  # as they came: mask before showing


def opt_out(
    who: str | Subscriber,
    *,
    source: str,
    at: datetime,
    now: datetime,
    evidence: str = "",
    actor: str = "",
) -> bool:
    """Withdraw consent as of `at`. True if the status changed; an unknown phone is False."""
    return _decide(who, Kind.OPT_OUT, source, at=at, now=now, evidence=evidence, actor=actor)


def opt_in(
    who: str | Subscriber,
    *,
    source: str,
    at: datetime,
    now: datetime,
    evidence: str = "",
    notice: str = "",
    actor: str = "",
) -> bool:
    """Give consent as of `at`: also ends a pause and revives an invalid number.

    `notice` is the wording that the person agreed to. True if the status changed.
    """
    return _decide(
        who, Kind.OPT_IN, source, at=at, now=now, evidence=evidence, notice=notice, actor=actor
    )


def pause(
    who: str | Subscriber,
    *,
    source: str,
    at: datetime,
    now: datetime,
    evidence: str = "",
    actor: str = "",
) -> bool:
    """Write to nobody who is paused, until `resume` or an opt-in. True if the status changed."""
    return _decide(who, Kind.PAUSE, source, at=at, now=now, evidence=evidence, actor=actor)


def resume(
    who: str | Subscriber,
    *,
    source: str,
    at: datetime,
    now: datetime,
    evidence: str = "",
    actor: str = "",
) -> bool:
    """End a pause, or try an invalid number again; never undoes an opt-out."""
    return _decide(who, Kind.RESUME, source, at=at, now=now, evidence=evidence, actor=actor)


def apply_preferences(items: Sequence[Preference], *, now: datetime) -> PreferenceReport:
    """Many STOP and START at once, in any order.

    Phones that we do not know are returned, and remembered for the day when somebody adds them.
    """
    changed: set[int] = set()
    known: set[int] = set()
    unknown: list[str] = []
    for chunk in _chunks(items):
        ids = _ids_by_phone(chunk)
        decisions = [_as_decision(item, ids[item.phone]) for item in chunk if item.phone in ids]
        for item in (item for item in chunk if item.phone not in ids):
            unknown.append(item.phone)
            suppressions.remember(
                item.phone,
                stops=not item.wants,
                at=item.at,
                source=item.source,
                evidence=item.evidence,
                now=now,
            )
        known |= set(ids.values())
        changed |= record(decisions, now=now)
    return PreferenceReport(len(changed), len(known - changed), tuple(unknown))


def report_unreachable(subscriber_ids: Collection[int], *, on: date, now: datetime) -> set[int]:
    """Count `on` as a day on which WhatsApp could not deliver; the limit makes a number INVALID.

    A day counts once, and only if it is later than the last one counted. Returns the ids that
    became INVALID; only ACTIVE subscribers do.
    """
    lost: set[int] = set()
    for chunk in _chunks(sorted(set(subscriber_ids))):
        with transaction.atomic():
            _lock(chunk)
            fresh = Subscriber.objects.filter(pk__in=chunk).filter(
                Q(unreachable_on=None) | Q(unreachable_on__lt=on)
            )
            fresh.update(unreachable_days=F("unreachable_days") + 1, unreachable_on=on)
            over = Subscriber.objects.eligible().filter(
                pk__in=chunk, unreachable_on=on, unreachable_days__gte=UNREACHABLE_LIMIT
            )
            evidence = on.isoformat()
            decisions = [
                Decision(pk, Kind.UNREACHABLE, UNREACHABLE_SOURCE, now, evidence)
                for pk in over.values_list("pk", flat=True)
            ]
            lost |= record(decisions, now=now)
    return lost


def report_reached(subscriber_ids: Collection[int], *, now: datetime) -> int:
    """Forget the unreachable days of those who got a message; returns how many had any.

    A number that these days made INVALID is valid after all; what a file or a person called so
    stays so until an opt-in or `resume`.
    """
    reset = 0
    for chunk in _chunks(sorted(set(subscriber_ids))):
        counted = Subscriber.objects.filter(pk__in=chunk, unreachable_days__gt=0)
        # Nearly always empty, and then no write is asked for: on SQLite writers queue.
        needy = list(counted.values_list("pk", flat=True))
        if needy:
            with transaction.atomic():
                _lock(needy)
                reset += counted.update(unreachable_days=0)
                record([_revival(pk, now) for pk in _lost_by_mistake(needy)], now=now)
    return reset


def _lost_by_mistake(ids: Sequence[int]) -> list[int]:
    """Those of them whom only WhatsApp's silence made INVALID."""
    invalid = Subscriber.objects.filter(pk__in=ids, status=Status.INVALID)
    silent = ConsentEvent.objects.filter(subscriber=OuterRef("pk"), kind=Kind.UNREACHABLE)
    others = silent.exclude(source=UNREACHABLE_SOURCE)
    return list(invalid.exclude(Exists(others)).values_list("pk", flat=True))


def _revival(subscriber_id: int, now: datetime) -> Decision:
    return Decision(subscriber_id, Kind.RESUME, "whatsapp:delivered", now)


def record(decisions: Sequence[Decision], *, now: datetime) -> set[int]:
    """Append the events and bring the statuses in line; returns the ids whose status changed.

    An event already recorded is skipped. Subscribers are locked in order of id, so two callers
    wait for each other and never deadlock.
    """
    changed: set[int] = set()
    for chunk in _chunks(sorted(decisions, key=lambda decision: decision.subscriber_id)):
        with transaction.atomic():
            current = _lock([decision.subscriber_id for decision in chunk])
            events = [_event(d, now) for d in chunk if d.subscriber_id in current]
            inserting.insert(ConsentEvent, EVENT_COLUMNS, events, passing_over=True)
            changed |= _settle(current, now)
    return changed


def standing(current: str, latest: Mapping[str, datetime]) -> Status:
    """The status that follows from the time of the latest event of each kind.

    `current` counts only where no event speaks: rows that are older than the events. Consent
    goes first, and on equal times the opt-out holds.
    """
    opted_in, opted_out = latest.get(Kind.OPT_IN), latest.get(Kind.OPT_OUT)
    if opted_out and (opted_in is None or opted_out >= opted_in):
        return Status.UNSUBSCRIBED
    if opted_in is None and current == Status.UNSUBSCRIBED:
        return Status.UNSUBSCRIBED
    last = max(
        (kind for kind in _CAUTION if kind in latest),
        key=lambda kind: (latest[kind], _CAUTION.index(kind)),
        default=None,
    )
    return _OUTCOME[last] if last else Status(current)


def stop_of_a_stranger(subscriber_id: int, stop: Suppression) -> Decision:
    """What somebody said before we knew them, as a decision about who they are to us now."""
    return Decision(subscriber_id, Kind.OPT_OUT, stop.source, stop.at, stop.evidence)


def _decide(
    who: str | Subscriber,
    kind: ConsentEvent.Kind,
    source: str,
    *,
    at: datetime,
    now: datetime,
    evidence: str = "",
    notice: str = "",
    actor: str = "",
) -> bool:
    pk = who.pk if isinstance(who, Subscriber) else _id_of(who)
    if pk is None:
        return False
    return bool(record([Decision(pk, kind, source, at, evidence, notice, actor)], now=now))


def _id_of(phone: str) -> int | None:
    e164 = phone if phone.startswith("+") else phones.from_wa_id(phone)
    return Subscriber.objects.filter(phone=e164).values_list("pk", flat=True).first()


def _ids_by_phone(items: Sequence[Preference]) -> dict[str, int]:
    """Subscriber ids by the phones as the items spell them."""
    spelled = {item.phone: f"+{item.phone.strip().removeprefix('+')}" for item in items}
    found = Subscriber.objects.filter(phone__in=set(spelled.values()))
    ids = dict(found.values_list("phone", "pk"))
    return {spelling: ids[e164] for spelling, e164 in spelled.items() if e164 in ids}


def _as_decision(item: Preference, subscriber_id: int) -> Decision:
    kind = Kind.OPT_IN if item.wants else Kind.OPT_OUT
    return Decision(subscriber_id, kind, item.source, item.at, item.evidence)


def _lock(ids: Sequence[int]) -> dict[int, str]:
    """Current statuses by id, locked until the transaction ends (SQLite locks by itself).

    no_key: deliveries that refer to a subscriber may be written meanwhile.
    """
    rows = Subscriber.objects.filter(pk__in=set(ids)).order_by("pk")
    return dict(rows.select_for_update(no_key=True).values_list("pk", "status"))


EVENT_COLUMNS = (
    *("subscriber_id", "kind", "source", "evidence"),
    *("notice", "actor", "at", "recorded_at"),
)


def _event(decision: Decision, now: datetime) -> tuple[object, ...]:
    """The values of EVENT_COLUMNS."""
    at = min(decision.at, now)  # a clock that runs ahead must not outrank the next STOP
    if decision.kind == Kind.OPT_IN:
        # WhatsApp tells time in whole seconds: a STOP in the same second must not look older.
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
    )


def _settle(current: Mapping[int, str], now: datetime) -> set[int]:
    """Write the statuses that no longer follow from the events; returns their ids."""
    moved: dict[Status, list[int]] = defaultdict(list)
    for pk, latest in _latest_events(current).items():
        status = standing(current[pk], latest)
        if status != current[pk]:
            moved[status].append(pk)
    for status, pks in moved.items():
        # Who becomes active starts with a clean count.
        count = {"unreachable_days": 0} if status == Status.ACTIVE else {}
        Subscriber.objects.filter(pk__in=pks).update(status=status, updated_at=now, **count)
    return {pk for pks in moved.values() for pk in pks}


def _latest_events(ids: Collection[int]) -> dict[int, dict[str, datetime]]:
    events = ConsentEvent.objects.filter(subscriber__in=list(ids)).order_by()
    latest: dict[int, dict[str, datetime]] = defaultdict(dict)
    for pk, kind, at in events.values_list("subscriber_id", "kind").annotate(Max("at")):
        latest[pk][kind] = at
    return latest


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
