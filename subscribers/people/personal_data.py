"""Where personal data stands: the one list that erasure and the export about one person go by.

`data_map.csv` names every column of text in the database and what it may hold of a subscriber. A
table that may hold something is registered here by the app it belongs to, with how it is erased
and what of it is theirs; tests compare the two lists with the tables there are.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from evidence import erasing
from subscribers.people.traces import Person, scrub_json_text

MAP = Path(__file__).with_name("data_map.csv")
NOTHING = "-"  # in the map: holds nothing of a subscriber
ROWS_TOGETHER = 2_000
MENTIONS_LIMIT = 50  # rows of evidence about others in which one name is looked for
Erase = Callable[[Person, str], object]  # the person, and what stands in the place of the phone
Held = Callable[[Person], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Place:
    """One table, by its name in the database."""

    table: str
    erase: Erase
    held: Held | None = None  # None: nothing in it is about them alone


class MapRow(NamedTuple):
    """One line of the map: columns of a table that hold the same."""

    table: str
    columns: tuple[str, ...]
    holds: str
    erased: str


# Given the time and how many seconds it may take: search stored bodies for whom was erased.
Search = Callable[[datetime, float], int]

_places: dict[str, Place] = {}
_searches: list[Search] = []


def register(*places: Place) -> None:
    """Register tables of an app. Twice is once."""
    _places.update({place.table: place for place in places})


def register_search(search: Search) -> None:
    """Register bodies in which many people stand together: they are searched for all at once."""
    if search not in _searches:
        _searches.append(search)


def search_stored_bodies(now: datetime, seconds: float) -> int:
    """Erase from stored bodies, as far as the time allows; returns how many changed."""
    return sum(search(now, seconds) for search in _searches)


def places() -> list[Place]:
    """All registered tables, those of the upper apps last."""
    return list(_places.values())


@cache
def data_map() -> tuple[MapRow, ...]:
    """The lines of the map."""
    with MAP.open(newline="") as file:
        rows = csv.DictReader(file)
        return tuple(
            MapRow(row["table"], tuple(row["columns"].split()), row["holds"], row["erased"])
            for row in rows
        )


def free_texts(
    rows: QuerySet[Any], columns: tuple[str, ...], json_columns: tuple[str, ...] = ()
) -> Erase:
    """Erases a person from free texts, with whom nothing links these rows: where a reason, a
    message or the name of a file names them. One pass in bounded batches, candidates first."""

    def erase(person: Person, _blank: str) -> int:
        return scrub_rows(rows.all(), person.among_others, columns, json_columns)

    return erase


def linked_rows(model: type[Model], column: str = "subscriber") -> Held:
    """All columns of the rows that a column links with the person, for the export about them."""

    def held(person: Person) -> list[dict[str, Any]]:
        return list(model._default_manager.filter(**{column: person.pk}).order_by("pk").values())

    return held


def mentions(rows: QuerySet[Any], columns: tuple[str, ...]) -> Held:
    """Free texts that name the person, for the export about them."""

    def held(person: Person) -> list[dict[str, Any]]:
        others = person.among_others
        return [
            {"id": row.pk, **{name: getattr(row, name) for name in columns}}
            for row in candidates(rows.all(), others, columns)
            if any(_names(row, name, others) for name in columns)
        ]

    return held


def texts_place(
    rows: QuerySet[Any], columns: tuple[str, ...], json_columns: tuple[str, ...] = ()
) -> Place:
    """A table of free texts, with whose rows nothing links a person."""
    erase = free_texts(rows, columns, json_columns)
    return Place(rows.model._meta.db_table, erase, mentions(rows, (*columns, *json_columns)))


def sealed_texts(label: str, columns: tuple[str, ...]) -> Erase:
    """The same of a table of evidence, whose values go whole where they name the person."""

    def erase(person: Person, _blank: str) -> int:
        rows = apps.get_model(label)._default_manager.all()
        return erase_mentions(rows, person, columns)

    return erase


def erase_sealed(rows: QuerySet[Any], person: Person, columns: tuple[str, ...]) -> int:
    """Erase the values that name the person; the chain over the table still verifies."""
    label, erased = rows.model._meta.label, 0
    for column in columns:
        named = _named(rows, person, column)
        erased += erasing.erase(label, named, [column]) if named else 0
    return erased


def erase_mentions(rows: QuerySet[Any], person: Person, columns: tuple[str, ...]) -> int:
    """The same of rows that are not about them: by what is theirs alone, and by a name of one word
    or one that is in many rows never: evidence must not go because somebody is called June."""
    others = person.among_others
    plain = replace(others, names=tuple(name for name in others.names if "@" in name))
    full = replace(others, names=tuple(name for name in others.names if len(name.split()) > 1))
    erased = erase_sealed(rows, plain, columns)
    if full.names:
        named = {column: _named(rows, full, column) for column in columns}
        if sum(map(len, named.values())) <= MENTIONS_LIMIT:
            erased += sum(
                erasing.erase(rows.model._meta.label, pks, [column])
                for column, pks in named.items()
                if pks
            )
    return erased


def _named(rows: QuerySet[Any], person: Person, column: str) -> list[int]:
    found = candidates(rows, person, (column,))
    return [row.pk for row in found if _names(row, column, person)]


def _names(row: Model, column: str, person: Person) -> bool:
    value = getattr(row, column)
    return person.is_named_in(value if isinstance(value, str) else json.dumps(value))


def scrub_rows(
    rows: QuerySet[Any],
    person: Person,
    columns: tuple[str, ...],
    json_columns: tuple[str, ...] = (),
) -> int:
    """Remove the person from these columns; returns how many rows changed."""
    changed = 0
    for row in candidates(rows, person, (*columns, *json_columns)):
        new = {name: scrub_json_text(person, getattr(row, name)) for name in columns}
        new |= {name: person.scrub_json(getattr(row, name)) for name in json_columns}
        news = {name: value for name, value in new.items() if value != getattr(row, name)}
        if news:
            rows.model._default_manager.filter(pk=row.pk).update(**news)
            changed += 1
    return changed


def candidates(rows: QuerySet[Any], person: Person, columns: tuple[str, ...]) -> Iterator[Any]:
    """Rows in which the database finds a part of what names the person, in batches by id."""
    texts = {f"{name}_text": Cast(name, TextField()) for name in columns}
    found = Q()
    for name in texts:
        for needle in person.needles:
            found |= Q(**{f"{name}__icontains": needle})
    last = 0
    while batch := list(
        rows.alias(**texts).filter(found, pk__gt=last).order_by("pk")[:ROWS_TOGETHER]
    ):
        yield from batch
        last = batch[-1].pk
