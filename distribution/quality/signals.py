"""Counts how people reacted to each template and number of a morning, once, into a few rows.

Meta reports no blocks, neither of a message nor in sums. Hard signals are people who stopped within
24 hours of a delivery: by a STOP word or button, by WhatsApp's own stop, or known by the first
refusal with 131050. The soft one is people who went silent: a message to somebody who blocked us is
sent and never delivered. Each person counts once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from distribution.ledger.template_shares import template_in_sql
from distribution.models import DailySignals, Delivery, Distribution, Kind, Progress, State
from distribution.runtime.long_statements import long_statements
from subscribers.consent.decisions import in_chunks
from subscribers.models import ConsentEvent

REACTION = timedelta(hours=24)
# The message of the next morning is what Meta refuses, so a refusal comes a little later.
REFUSAL = timedelta(hours=30)
SILENT_MORNINGS = 3  # running, sent and not delivered, each given 24 hours
USUAL_MORNINGS, USUAL_WINDOW = 10, 14  # delivered on so many of the mornings up to the last one
# If more of a morning is undelivered, reports are missing and nobody's silence says anything.
LARGEST_SILENCE = 0.3
STOP_WORD, NATIVE_STOP, REFUSED = "whatsapp:STOP", "whatsapp:switch", "whatsapp:131050"
COLUMNS = {STOP_WORD: "stop_words", NATIVE_STOP: "stops", REFUSED: "refusals"}
DAYS_COUNTED = (0, 1, SILENT_MORNINGS + 1)  # ago: today, the whole of yesterday, who went silent

Cell = tuple[int, int]  # a template and a number


def count_due(today: date, *, now: datetime) -> int:
    """Count the mornings about which something new is known; how many rows were written."""
    days = [today - timedelta(days=ago) for ago in DAYS_COUNTED]
    return sum(count(day, now=now) for day in days)


def count(day: date, *, now: datetime) -> int:
    """Count one morning and replace its rows."""
    distribution = _daily(day)
    if distribution is None:
        return 0
    with long_statements():
        cells = _delivered(distribution)
        stopped = _stopped(distribution)
        silent = _silent(distribution, now)
    rows = [
        DailySignals(
            day=day,
            template_id=template,
            number_id=number,
            **sums,
            **{column: stopped[column][template, number] for column in COLUMNS.values()},
            silent=silent[template, number],
            counted_at=now,
        )
        for (template, number), sums in cells.items()
    ]
    with transaction.atomic():
        DailySignals.objects.filter(day=day).delete()
        DailySignals.objects.bulk_create(rows)
    return len(rows)


def _daily(day: date) -> Distribution | None:
    rows = Distribution.objects.filter(kind=Kind.DAILY, local_date=day, opened_at__isnull=False)
    return rows.select_related("content").first()


def _delivered(distribution: Distribution) -> dict[Cell, dict[str, int]]:
    """One statement: the people whom each template reached from each number, and the readers."""
    reached = Q(progress__gte=Progress.DELIVERED)
    rows = (
        _sent(distribution)
        .values("template", "number_id")
        .annotate(
            sent=Count("pk"),
            delivered=Count("pk", filter=reached),
            read=Count("pk", filter=Q(read_at__lte=F("accepted_at") + REACTION)),
            held=Count("pk", filter=Q(state=State.HELD)),
        )
    )
    return {(row.pop("template"), row.pop("number_id")): row for row in rows}


def _sent(distribution: Distribution) -> QuerySet[Any]:
    """The accepted deliveries, with the template of each."""
    rows = Delivery.objects.filter(
        distribution=distribution,
        state__in=[State.ACCEPTED, State.HELD],
        number__isnull=False,
    )
    return rows.order_by().annotate(template=template_in_sql(distribution))


def _stopped(distribution: Distribution) -> dict[str, Counter[Cell]]:
    """People who stopped after the morning reached them, by what told us, each counted once.

    Few stop in two days, so the statement begins with them and not with the deliveries.
    """
    opened = distribution.opened_at
    assert opened is not None
    events = ConsentEvent.objects.filter(
        kind=ConsentEvent.Kind.OPT_OUT,
        source__in=COLUMNS,
        at__range=(opened, opened + REFUSAL + REACTION),
    ).order_by("at", "pk")
    first: dict[int, ConsentEvent] = {}
    for event in events:
        first.setdefault(event.subscriber_id, event)
    found: dict[str, Counter[Cell]] = defaultdict(Counter)
    for person, cell, delivered_at in _reached(distribution, first):
        event = first[person]
        patience = REFUSAL if event.source == REFUSED else REACTION
        if delivered_at <= event.at <= delivered_at + patience:
            found[COLUMNS[event.source]][cell] += 1
    return found


def _reached(
    distribution: Distribution, people: Collection[int]
) -> Iterator[tuple[int, Cell, datetime]]:
    """Of these people: the template and number that reached them, and when."""
    for chunk in in_chunks(sorted(people)):
        rows = _sent(distribution).filter(subscriber_id__in=list(chunk), delivered_at__isnull=False)
        for person, template, number, at in rows.values_list(
            "subscriber_id", "template", "number_id", "delivered_at"
        ):
            yield person, (template, number), at


def _silent(distribution: Distribution, now: datetime) -> Counter[Cell]:
    """People whom the morning reached and the next three did not, who were usually reached."""
    day = distribution.local_date
    after = [_daily(day + timedelta(days=ahead)) for ahead in range(1, SILENT_MORNINGS + 1)]
    following = [one for one in after if one is not None and one.opened_at is not None]
    if len(following) < SILENT_MORNINGS or any(_is_open(one, now) for one in following):
        return Counter()
    if any(_lacks_reports(one) for one in following):
        return Counter()
    people: set[int] | None = None
    for one in reversed(following):
        rows = Delivery.objects.filter(
            distribution=one, state=State.ACCEPTED, progress=Progress.SENT
        )
        ids = set(rows.values_list("subscriber_id", flat=True))
        people = ids if people is None else people & ids
    usual = _usually_reached(day, people or set())
    return Counter(cell for _, cell, _ in _reached(distribution, usual))


def _is_open(distribution: Distribution, now: datetime) -> bool:
    assert distribution.opened_at is not None
    return now < distribution.opened_at + REACTION


def _lacks_reports(distribution: Distribution) -> bool:
    sums = _sent(distribution).aggregate(
        sent=Count("pk"), silent=Count("pk", filter=Q(progress__lt=Progress.DELIVERED))
    )
    return bool(sums["silent"] > LARGEST_SILENCE * sums["sent"])


def _usually_reached(day: date, people: Collection[int]) -> set[int]:
    """Of these people, those who were reached on most of the mornings up to that day."""
    since = day - timedelta(days=USUAL_WINDOW - 1)
    mornings = Distribution.objects.filter(kind=Kind.DAILY, local_date__range=(since, day))
    ids = list(mornings.values_list("pk", flat=True))
    found: set[int] = set()
    for chunk in in_chunks(sorted(people)):
        rows = Delivery.objects.filter(
            distribution__in=ids, subscriber_id__in=list(chunk), progress__gte=Progress.DELIVERED
        )
        counted = rows.order_by().values("subscriber_id").annotate(mornings=Count("pk"))
        often = counted.filter(mornings__gte=USUAL_MORNINGS)
        found |= set(often.values_list("subscriber_id", flat=True))
    return found
