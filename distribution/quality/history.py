"""The history of quality: what Meta and our own counts said of a number or template, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from distribution.models import MessageTemplate, QualityChange, QualitySource
from phonepool.models import PhoneNumber

DAYS_SHOWN = 90
CHANGES_READ = 200  # of the days shown; the latest ones
CHANGES_SHOWN = 10
WIDTH, HEIGHT = 1000.0, 120.0
# Heights, 0 at the bottom: Meta's words for templates, ours for numbers, and our own count.
ABOVE_LIMIT = "ABOVE_LIMIT"
LEVELS = {"FLAGGED": 0, "LOW": 1, "RED": 1, ABOVE_LIMIT: 1}
LEVELS |= {"MEDIUM": 2, "YELLOW": 2, "HIGH": 3, "GREEN": 3}
TOP = 3


@dataclass(frozen=True, slots=True)
class ShownChange:
    before: str
    after: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """A step line over the days shown, with gaps where the quality was unknown."""

    lines: list[str]  # the points of each polyline
    names: list[str]  # of the levels, from the top
    changes: list[ShownChange]  # the latest first
    since: datetime
    until: datetime


def note_number(
    number: PhoneNumber, before: str, after: str, source: QualitySource, *, at: datetime
) -> None:
    """Record that the quality of a number changed."""
    QualityChange(number=number, before=before, after=after, source=source, at=at).save()


def note_template(
    template: MessageTemplate, before: str, after: str, source: QualitySource, *, at: datetime
) -> None:
    """Record what the quality of a template is now, if it is another."""
    if before[:12] == after[:12]:
        return
    QualityChange(
        template=template, before=before[:12], after=after[:12], source=source, at=at
    ).save()


def of_number(number: PhoneNumber, *, now: datetime) -> Chart:
    names = [_("High"), _("Medium"), _("Low"), _("Flagged")]
    rows = QualityChange.objects.filter(number=number)
    return _chart(_recent(rows, now), number.quality, names, now)


def of_template(template: MessageTemplate, *, now: datetime) -> Chart:
    names = [_("Green"), _("Yellow"), _("Red"), ""]
    rows = QualityChange.objects.filter(template=template)
    return _chart(_recent(rows, now), template.quality, names, now)


def _recent(rows: QuerySet[QualityChange], now: datetime) -> list[QualityChange]:
    return list(rows.filter(at__gt=_since(now))[:CHANGES_READ])


def _since(now: datetime) -> datetime:
    return now - timedelta(days=DAYS_SHOWN)


def _chart(
    changes: Sequence[QualityChange], quality: str, names: list[str], now: datetime
) -> Chart:
    """`changes`: the latest first."""
    since = _since(now)
    lines = list(_lines(changes[::-1], quality, since, now))
    told = [
        ShownChange(_words(one.before), _words(one.after), one.get_source_display(), one.at)
        for one in changes[:CHANGES_SHOWN]
    ]
    return Chart(lines, names, told, since, now)


def _words(quality: str) -> str:
    if quality == ABOVE_LIMIT:
        return _("Blocked by more than 2%")
    return quality.capitalize() or _("Unknown")


def _lines(
    changes: Sequence[QualityChange], quality: str, since: datetime, now: datetime
) -> Iterator[str]:
    """One polyline for each stretch in which the quality was known."""
    points: list[str] = []
    begin, before = since, changes[0].before if changes else quality
    for end, after in [*((change.at, change.after) for change in changes), (now, "")]:
        level = LEVELS.get(before)
        if level is not None:
            y = HEIGHT - HEIGHT * (level + 0.5) / (TOP + 1)
            points += [f"{_x(begin, since, now):.1f},{y:.1f}", f"{_x(end, since, now):.1f},{y:.1f}"]
        elif points:
            yield " ".join(points)
            points = []
        begin, before = end, after
    if points:
        yield " ".join(points)


def _x(at: datetime, since: datetime, now: datetime) -> float:
    return WIDTH * max(0.0, (at - since) / (now - since))
