"""Whether the tables of evidence still say what was chained. Reads only.

Rows and links are walked together, in ranges of ids: memory stays the same for any number of rows,
and the time grows with the rows that are read. `newest` limits it to the last links.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import Max

from evidence import digests
from evidence.chains import CHAINS, Chain
from evidence.models import ChainHead, ChainLink, ChainSalt

RANGE_IDS = 2_000  # read at a time
NAMED_LIMIT = 10  # ids that a finding names


class Kind(StrEnum):
    ALTERED = "altered"  # the row does not say what it said
    REMOVED = "removed"  # the link's row is gone
    INSERTED = "inserted"  # a row without a link between rows with links
    UNCHAINED = "unchained"  # the link does not follow from the one before, or the last is gone


@dataclass(slots=True)
class Finding:
    """The rows of one table with one kind of fault: how many, and the first of them."""

    table: str
    kind: Kind
    count: int = 0
    ids: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """What was read of one chain, and what was found. `digest` may be noted elsewhere: whoever
    writes all links anew cannot make it come out the same."""

    table: str
    rows: int
    digest: str
    findings: tuple[Finding, ...]


def verify(*, newest: int | None = None) -> list[Report]:
    """One report per chain; `newest` reads the last so many links of each only."""
    return [_Walk(chain).report(newest) for chain in CHAINS]


class _Walk:
    """One chain, from some link to the head as it was at the beginning."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._found: dict[Kind, Finding] = {}
        self._rows = 0
        # Read before the head, which moves in the same transaction as the links.
        links = ChainLink.objects.filter(chain=chain.number)
        self._newest: int = links.aggregate(Max("row_id"))["row_id__max"] or 0
        head = ChainHead.objects.filter(pk=chain.number).first()
        self._head = head or ChainHead(digest=digests.genesis(chain.table))

    def report(self, newest: int | None) -> Report:
        start = self._before(newest)
        after, previous = (
            (start.row_id, bytes(start.digest))
            if start
            else (0, digests.genesis(self._chain.table))
        )
        for links in self._ranges(after):
            last = links[-1].row_id
            self._compare(links, after, last)
            for link in links:
                previous = self._follow(link, previous)
            after = last
        self._end(after, previous, whole=start is None)
        findings = tuple(self._found[kind] for kind in Kind if kind in self._found)
        digest = bytes(self._head.digest).hex()
        return Report(self._chain.table, self._rows, digest, findings)

    def _links(self) -> Any:
        return ChainLink.objects.filter(chain=self._chain.number, row_id__lte=self._head.row_id)

    def _before(self, newest: int | None) -> ChainLink | None:
        """The link before the first that is to be read; None: read from the beginning."""
        if newest is None:
            return None
        found: ChainLink | None = self._links().order_by("-row_id")[newest : newest + 1].first()
        return found

    def _ranges(self, after: int) -> Iterator[list[ChainLink]]:
        """The links in ranges of ids with both ends, which every planner reads by the index."""
        links = self._links().order_by("row_id")
        while first := links.filter(row_id__gt=after).first():
            after = first.row_id + RANGE_IDS - 1
            yield list(links.filter(row_id__gte=first.row_id, row_id__lte=after))

    def _compare(self, links: list[ChainLink], after: int, last: int) -> None:
        """The rows of one range of ids with the links of that range."""
        rows = self._stored(after, last)
        salts = _salts(links)
        self._rows += len(rows)
        for link in links:
            columns = rows.pop(link.row_id, None)
            if columns is None:
                self._find(Kind.REMOVED, link.row_id)
            elif not self._agrees(link, columns, salts.get(link.pk, b"")) and not self._agrees_now(
                link
            ):
                self._find(Kind.ALTERED, link.row_id)
        for row_id in sorted(rows):
            self._find(Kind.INSERTED, row_id)

    def _stored(self, after: int, last: int) -> dict[int, dict[str, Any]]:
        rows = self._chain.model._base_manager.filter(pk__gt=after, pk__lte=last)
        return {row["id"]: row for row in rows.values()}

    def _agrees(self, link: ChainLink, columns: dict[str, Any], salts: bytes) -> bool:
        layouts = self._chain.layouts
        if not 1 <= link.layout <= len(layouts):
            return False
        layout = layouts[link.layout - 1]
        values = [columns[name] for name in layout.columns]
        personal = bytes(link.personal)
        if len(personal) != len(salts) or len(salts) != digests.SIZE * len(layout.personal):
            return False
        row = digests.row_digest(self._chain.table, layout, values, personal)
        return row == bytes(link.row_digest) and digests.agrees(layout, values, personal, salts)

    def _agrees_now(self, link: ChainLink) -> bool:
        """Once more: somebody may have been erased between our two reads."""
        salts = _salts([link]).get(link.pk, b"")
        rows = self._stored(link.row_id - 1, link.row_id)
        return link.row_id in rows and self._agrees(link, rows[link.row_id], salts)

    def _follow(self, link: ChainLink, previous: bytes) -> bytes:
        digest = bytes(link.digest)
        follows = bytes(link.previous) == previous
        if not follows or digest != digests.link_digest(previous, bytes(link.row_digest)):
            self._find(Kind.UNCHAINED, link.row_id)
        return digest

    def _end(self, after: int, previous: bytes, *, whole: bool) -> None:
        """What stands behind the last link that is left, and whether links are missing there."""
        head = self._head
        rows = self._chain.model._base_manager.filter(pk__gt=after, pk__lte=head.row_id)
        for row_id in rows.order_by("pk").values_list("pk", flat=True).iterator():
            self._find(Kind.INSERTED, row_id)
        missing = whole and self._links().count() != head.links
        if after != head.row_id or previous != bytes(head.digest) or missing:
            self._find(Kind.UNCHAINED, head.row_id)
        if self._newest > head.row_id:  # the head was removed or set back
            self._find(Kind.UNCHAINED, self._newest)

    def _find(self, kind: Kind, row_id: int) -> None:
        finding = self._found.setdefault(kind, Finding(self._chain.table, kind))
        finding.count += 1
        if len(finding.ids) < NAMED_LIMIT:
            finding.ids.append(row_id)


def _salts(links: list[ChainLink]) -> dict[int, bytes]:
    stored = ChainSalt.objects.filter(link__in=[link.pk for link in links])
    return {link_id: bytes(values) for link_id, values in stored.values_list("link_id", "values")}
