"""The `pricing` block of a status: which of several counts, and how it is stored.

It comes with `sent` and again with `delivered` or `read`; only the later ones are charged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from distribution.models import Pricing


class ReportedPricing(NamedTuple):
    """A block, in the order in which it counts: the progress that it came with is decisive."""

    progress: int
    category: str
    type: str
    model: str
    billable: bool | None


FIELDS = ReportedPricing._fields


class StoredPricings:
    """All that were ever reported; a dozen or two. They are stored before deliveries are locked,
    so that nobody waits for one while holding a delivery."""

    def __init__(self, reported: Iterable[ReportedPricing | None]) -> None:
        """Reads them, and stores those that are new; no statement if nothing is `reported`."""
        wanted = {pricing for pricing in reported if pricing is not None}
        self._blocks = _read() if wanted else {}
        if missing := wanted.difference(self._blocks.values()):
            rows = [Pricing(**pricing._asdict()) for pricing in sorted(missing, key=_rank)]
            Pricing.objects.bulk_create(rows, ignore_conflicts=True)
            self._blocks = _read()
        self._ids = {block: pk for pk, block in self._blocks.items()}

    def block(self, pk: int) -> ReportedPricing | None:
        """A stored one, also if the reports had none."""
        if not self._blocks:
            self._blocks = _read()
        return self._blocks.get(pk)

    def categories(self) -> set[str]:
        """All that were ever reported."""
        return {block.category for block in self._blocks.values()}

    def decisive(self, stored: int | None, reported: ReportedPricing | None) -> int | None:
        """The id of the one that counts, whichever came first."""
        if reported is None:
            return stored
        known = None if stored is None else self._blocks.get(stored)
        if known is not None and (known == reported or _rank(known) > _rank(reported)):
            return stored
        return self._ids[reported]


def _rank(pricing: ReportedPricing) -> tuple[int, str, str, str, str]:
    return (*pricing[:-1], str(pricing.billable))


def _read() -> dict[int, ReportedPricing]:
    rows = Pricing.objects.values_list("pk", *FIELDS)
    return {pk: ReportedPricing(*block) for pk, *block in rows}
