"""The INSERTs that freeze an audience, by ranges of keys: PREMIUM → PRO → BASIC, then by id.

A range is read tier by tier from the index of eligible subscribers, so its cost does not grow with
the number of subscribers behind it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from distribution.models import Distribution
from subscribers.models import TIER_ORDER

ALL = 2**63 - 1  # no subscriber has a higher key

TIER_RANKS = " ".join(f"WHEN '{tier}' THEN {rank}" for rank, tier in enumerate(TIER_ORDER))
_TIERS = list(enumerate(TIER_ORDER))
_NEXT_KEYS = " UNION ALL ".join(
    f"""SELECT * FROM (
SELECT {rank} AS place, id FROM subscribers_subscriber
 WHERE status = 'ACTIVE' AND tier = '{tier}' AND id > %(after{rank})s AND id <= %(to{rank})s
 ORDER BY id LIMIT %(limit)s) AS of_{rank}"""  # noqa: S608
    for rank, tier in _TIERS
)
_END = f"SELECT place, id FROM ({_NEXT_KEYS}) AS people ORDER BY place, id LIMIT 2 OFFSET %(nth)s"  # noqa: S608
_IN_RANGE = " OR ".join(
    f"(tier = '{tier}' AND id > %(after{rank})s AND id <= %(to{rank})s)" for rank, tier in _TIERS
)
_INSERT = f"""
INSERT INTO distribution_delivery
       (distribution_id, subscriber_id, phone, tier, language, next_at, batch_no)
SELECT %(distribution)s, id, phone, tier, language, %(now)s, %(first_batch)s +
       (ROW_NUMBER() OVER (ORDER BY CASE tier {TIER_RANKS} END, id) - 1) / %(size)s
  FROM subscribers_subscriber AS person
"""  # noqa: S608
_RANGE = f"{_INSERT} WHERE status = 'ACTIVE' AND ({_IN_RANGE}) {{without}} ON CONFLICT DO NOTHING"
_LEFT_OVER = f"""{_INSERT}
 WHERE id <= %(last)s AND ((status = 'ACTIVE' {{without}}) {{or_left}})
   AND NOT EXISTS (SELECT 1 FROM distribution_delivery AS owed
                    WHERE owed.distribution_id = %(distribution)s
                      AND owed.subscriber_id = person.id)
ON CONFLICT DO NOTHING
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order of an audience: everybody up to it is frozen."""

    rank: int  # of the tier
    subscriber: int  # key


START = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Batches:
    """How the rows of one statement are numbered."""

    first: int
    size: int


def end_of_slice(after: Place, people: int, last: int = ALL) -> Place | None:
    """The place of the n-th person after `after`; None if no more than that many are left."""
    parameters = {**_bounds(after, None, last), "limit": people + 1, "nth": people - 1}
    with connection.cursor() as cursor:
        cursor.execute(_END, parameters)
        rows = cursor.fetchall()
    return Place(*rows[0]) if len(rows) > 1 else None


def insert_range(
    distribution: Distribution,
    after: Place,
    to: Place | None,
    batches: Batches,
    *,
    now: datetime,
    last: int = ALL,
    without: Collection[int] = (),
) -> int:
    """Insert a delivery for each eligible person after one place and up to the other (None: the
    end); how many rows. Who has one already is passed over."""
    sql = _RANGE.format(without=_not_among(without))
    return _insert(sql, _bounds(after, to, last), distribution, batches, now)


def insert_left_over(
    distribution: Distribution,
    batches: Batches,
    *,
    now: datetime,
    last: int,
    without: Collection[int],
    left: Collection[int],
) -> int:
    """Insert whoever of the audience has no delivery yet: those whose tier changed between two
    slices, and those who have `left` since the opening."""
    or_left = f"OR id IN ({_listed(left)})" if left else ""
    sql = _LEFT_OVER.format(without=_not_among(without), or_left=or_left)
    return _insert(sql, {"last": last}, distribution, batches, now)


def _insert(
    sql: str,
    parameters: dict[str, int],
    distribution: Distribution,
    batches: Batches,
    now: datetime,
) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                **parameters,
                "distribution": distribution.pk,
                "now": connection.ops.adapt_datetimefield_value(now),
                "first_batch": batches.first,
                "size": batches.size,
            },
        )
        return int(cursor.rowcount)


def _bounds(after: Place, to: Place | None, last: int) -> dict[str, int]:
    """By tier, after which key and up to which."""
    bounds = {}
    for rank, _ in _TIERS:
        passed = last if rank < after.rank else 0
        bounds[f"after{rank}"] = after.subscriber if rank == after.rank else passed
        reached = last if to is None or rank < to.rank else 0
        bounds[f"to{rank}"] = to.subscriber if to and rank == to.rank else reached
    return bounds


def _not_among(ids: Collection[int]) -> str:
    return f"AND id NOT IN ({_listed(ids)})" if ids else ""


def _listed(ids: Collection[int]) -> str:
    """In the statement's text: databases bound the number of parameters."""
    return ", ".join(str(int(pk)) for pk in sorted(ids))
