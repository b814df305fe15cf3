"""Appends links for rows that are committed, in the order of their ids. Done by the keeper.

An id is given out before its transaction commits, so a row can appear below one that is visible
already. On PostgreSQL a row is therefore linked only after every transaction has ended that was
writing its table when the row's id was the highest; on SQLite there is one writer at a time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from django.db import connection, transaction

from evidence import digests
from evidence.chains import CHAINS, Chain
from evidence.models import ChainHead, ChainLink, ChainSalt

BATCH_ROWS = 500  # in one transaction: some 50 ms, in which SQLite has no other writer
BATCHES_LIMIT = 20  # of one table in one round
# Rows are looked for among so many ids first. Of a table that was just filled, PostgreSQL knows so
# little that it reads and sorts all that wait, for each batch.
NEAR = 4 * BATCH_ROWS

# Every transaction that inserts, updates or deletes holds this lock on the table to its end.
WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation = %s::regclass
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """The highest id of a table, and the transactions that may still commit lower ones."""

    row_id: int
    writers: frozenset[str]


class Linker:
    """Rounds over all chains. What it remembers may be lost: the next process begins anew."""

    def __init__(self, *, rest: float = 0.0) -> None:
        """`rest`: after each batch, pause so many times as long as the batch took."""
        self._rest = rest
        self._horizons: dict[int, Horizon] = {}

    def link(self) -> int:
        """Link what is settled, at most BATCHES_LIMIT batches of each table; returns how many."""
        done = _linked_through()
        newest = _newest_ids()
        return sum(
            self._link_chain(chain, row_id)
            for chain, row_id in zip(CHAINS, newest, strict=True)
            if row_id > done.get(chain.number, 0)
        )

    def _link_chain(self, chain: Chain, newest: int) -> int:
        writers = _writers(chain)  # read after `newest`: whoever took a lower id is among them
        before = self._horizons.pop(chain.number, None)
        if not writers:
            return _link_through(chain, newest, self._rest)
        if before is not None and before.writers & writers:
            self._horizons[chain.number] = before  # wait on for the same ones
            return 0
        self._horizons[chain.number] = Horizon(newest, writers)
        return _link_through(chain, before.row_id, self._rest) if before is not None else 0


def link_all() -> int:
    """Link everything that is committed, however much it is; returns how many rows."""
    linker, total = Linker(), 0
    while linked := linker.link():
        total += linked
    return total


def _link_through(chain: Chain, row_id: int, rest: float) -> int:
    ChainHead.objects.get_or_create(
        chain=chain.number, defaults={"digest": digests.genesis(chain.table)}
    )
    total = 0
    for _ in range(BATCHES_LIMIT):
        began = time.monotonic()
        linked, is_done = _link_batch(chain, row_id)
        total += linked
        if is_done:
            break
        time.sleep(rest * (time.monotonic() - began))
    return total


def _link_batch(chain: Chain, through: int) -> tuple[int, bool]:
    """One transaction: how many rows, and whether there is nothing more to do: also if another
    keeper has the chain just now."""
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        heads = ChainHead.objects.select_for_update(skip_locked=skip, no_key=skip)
        head = heads.filter(pk=chain.number).first()
        if head is None:
            return 0, True
        near = min(through, head.row_id + NEAR)
        values = _rows(chain, head.row_id, near) or _rows(chain, head.row_id, through)
        if values:
            _append(chain, head, values)
    return len(values), not values or values[-1][0] >= through


def _rows(chain: Chain, after: int, through: int) -> list[tuple[Any, ...]]:
    """The next batch of rows, with ids up to `through`."""
    rows = chain.model._base_manager.filter(pk__gt=after, pk__lte=through)
    return list(rows.order_by("pk").values_list(*chain.layout.columns)[:BATCH_ROWS])


def _append(chain: Chain, head: ChainHead, rows: Sequence[tuple[Any, ...]]) -> None:
    layout = chain.layout
    links = [_Link(0, b"", b"", bytes(head.digest), b"")]
    for values in rows:
        salts = digests.new_salts(len(layout.personal))
        personal = digests.personal_hashes(layout, values, salts)
        row = digests.row_digest(chain.table, layout, values, personal)
        digest = digests.link_digest(links[-1].digest, row)
        links.append(_Link(values[0], personal, row, digest, b"".join(salts)))
    _store(chain, links)
    ChainHead.objects.filter(pk=head.pk).update(
        row_id=links[-1].row_id, links=head.links + len(rows), digest=links[-1].digest
    )


class _Link(NamedTuple):
    row_id: int
    personal: bytes
    row: bytes
    digest: bytes
    salts: bytes


# All links of a batch have parts of the same lengths: they travel as one value for each column, as
# Django would put five values a link into the statement, which takes longer than all the rest.
APPEND = """
WITH given AS (
    SELECT row_id, (place - 1)::int AS n
      FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS g(row_id, place)
), stored AS (
    INSERT INTO evidence_chainlink (chain, row_id, layout, personal, row_digest, previous, digest)
    SELECT %(chain)s, row_id, %(layout)s,
           substring(%(personal)s::bytea FROM n * %(width)s + 1 FOR %(width)s),
           substring(%(rows)s::bytea FROM n * 32 + 1 FOR 32),
           substring(%(digests)s::bytea FROM n * 32 + 1 FOR 32),
           substring(%(digests)s::bytea FROM n * 32 + 33 FOR 32)
      FROM given ORDER BY n
    RETURNING id, row_id
)
INSERT INTO evidence_chainsalt (link_id, "values")
SELECT stored.id, substring(%(salts)s::bytea FROM n * %(width)s + 1 FOR %(width)s)
  FROM stored JOIN given USING (row_id) WHERE %(width)s > 0
"""


def _store(chain: Chain, links: Sequence[_Link]) -> None:
    """Store links, given the one before them and these."""
    if connection.vendor != "postgresql":
        _create(chain, links)
        return
    new = links[1:]
    with connection.cursor() as cursor:
        cursor.execute(
            APPEND,
            {
                "chain": chain.number,
                "layout": len(chain.layouts),
                "width": digests.SIZE * len(chain.layout.personal),
                "ids": [link.row_id for link in new],
                "personal": b"".join(link.personal for link in new),
                "rows": b"".join(link.row for link in new),
                "digests": b"".join(link.digest for link in links),
                "salts": b"".join(link.salts for link in new),
            },
        )


def _create(chain: Chain, links: Sequence[_Link]) -> None:
    stored = ChainLink.objects.bulk_create(
        ChainLink(
            chain=chain.number,
            row_id=link.row_id,
            layout=len(chain.layouts),
            personal=link.personal,
            row_digest=link.row,
            previous=before.digest,
            digest=link.digest,
        )
        for before, link in pairwise(links)
    )
    ChainSalt.objects.bulk_create(
        ChainSalt(link=row, values=link.salts)
        for row, link in zip(stored, links[1:], strict=True)
        if link.salts
    )


def _linked_through() -> dict[int, int]:
    return dict(ChainHead.objects.values_list("chain", "row_id"))


def _newest_ids() -> list[int]:
    """The highest id of each chained table, in one statement."""
    quote = connection.ops.quote_name
    parts = (f"(SELECT max(id) FROM {quote(chain.table)})" for chain in CHAINS)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}")
        return [row_id or 0 for row_id in cursor.fetchone()]


def _writers(chain: Chain) -> frozenset[str]:
    if connection.vendor != "postgresql":
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(WRITERS, [chain.table])
        return frozenset(name for (name,) in cursor.fetchall())
