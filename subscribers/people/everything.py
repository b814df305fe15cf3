"""Everything that is held about one person, as a file to hand to them (their right of access)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from subscribers.models import Subscriber
from subscribers.people import personal_data
from subscribers.people.erasure import person_of


def held_about(subscriber: Subscriber, *, now: datetime) -> dict[str, Any]:
    """Every row about the person, by table, with what the table holds; empty ones say so, too."""
    person = person_of(subscriber)
    tables = {
        place.table: {"holds": _words(place.table), "rows": place.held(person)}
        for place in personal_data.places()
        if place.held is not None
    }
    return {"about": f"subscriber {subscriber.pk}", "made_at": now, "tables": tables}


def as_json(held: dict[str, Any]) -> str:
    """The file."""
    return json.dumps(held, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _words(table: str) -> str:
    rows = [row for row in personal_data.data_map() if row.table == table]
    return "; ".join(row.holds for row in rows if row.erased != personal_data.NOTHING)
