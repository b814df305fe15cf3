"""Which template a delivery was sent with: by a hash of person and day, the same in Python and SQL.

A share of each morning gets the standby of the template in use (`quality/sent_templates.py`): the
distribution has the share, and the hash tells the person. What left with another template than its
distribution's own also has that in a column, since the share may end and another rung be taken.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from django.db.models import BigIntegerField, Case, F, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThan

from distribution.models import Distribution

PER_MILLE = 1000
# A person's place among the thousand: multiplied and reduced by a prime, as in any linear hash. The
# products stay far below 2^63, the largest integer of both databases.
PERSON_FACTOR, DAY_FACTOR, PRIME = 48_271, 69_621, 2_147_483_647


class SentWith(NamedTuple):
    """How a message left: on which rung, and with which template if not its distribution's own."""

    place: int
    template_id: int | None


PLANNED = SentWith(0, None)


def place(subscriber_id: int, day: int) -> int:
    """Where the person stands among a thousand on that day (an ordinal)."""
    return (subscriber_id * PERSON_FACTOR + day * DAY_FACTOR) % PRIME % PER_MILLE


def place_in_sql(day: date) -> Combinable:
    """The same of a delivery's person."""
    return (F("subscriber_id") * PERSON_FACTOR + day.toordinal() * DAY_FACTOR) % PRIME % PER_MILLE


def template_in_sql(distribution: Distribution) -> Coalesce:
    """The id of the template that each delivery of the distribution was sent with."""
    return Coalesce("message_template_id", _planned_in_sql(distribution))


def _planned_in_sql(distribution: Distribution) -> Case | Value:
    """Of what has none stored: rows of the version before, which did not store the standby's."""
    content = distribution.content
    main = distribution.message_template_id or (content.message_template_id if content else None)
    whole = Value(main, output_field=BigIntegerField())
    if not distribution.warm_per_mille or distribution.warm_template_id is None:
        return whole
    is_warm = LessThan(place_in_sql(distribution.local_date), distribution.warm_per_mille)
    return Case(
        When(is_warm, then=Value(distribution.warm_template_id)),
        default=whole,
        output_field=BigIntegerField(),
    )
