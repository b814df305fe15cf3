"""Which portfolio carries which batch, when Meta's limits of people in 24 hours would part them.

Pure. Without a plan the messages go where they are sent first, so a portfolio with a small limit
and fast numbers would be given more people than Meta lets it write to (131048), while another has
room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

Share = tuple[int, int]  # the id of a portfolio, and how many batches it carries


def room(lefts: Mapping[int, int | None], size: int) -> int | None:
    """How many people all portfolios together can carry in batches of `size`; None: any number.

    `lefts` are people by portfolio, None: unlimited. Only one of them, the one with most room,
    carries a part of a batch.
    """
    known = sorted(left for left in lefts.values() if left is not None)
    if len(known) < len(lefts) or not known:
        return None
    return known[-1] + sum(left // size * size for left in known[:-1])


def divide(
    lefts: Mapping[int, int | None], speeds: Mapping[int, float], batches: int, size: int
) -> list[Share]:
    """Each portfolio's batches: by its speed, and no more than it has room for. What is above all
    limits goes to the one with most room: it was left out before."""
    most = max(lefts, key=lambda pk: (lefts[pk] is None, lefts[pk] or 0, speeds.get(pk, 0.0)))
    caps = {pk: batches if left is None else left // size for pk, left in lefts.items()}
    caps[most] = batches
    given = dict.fromkeys(lefts, 0)
    open_ones = {pk for pk in lefts if caps[pk]}
    left = batches
    while left and open_ones:
        total = sum(speeds.get(pk, 0.0) for pk in open_ones)
        wanted = {
            pk: left * speeds.get(pk, 0.0) / total if total else left / len(open_ones)
            for pk in open_ones
        }
        full = {pk for pk in open_ones if wanted[pk] >= caps[pk]}
        if not full:
            for pk in sorted(open_ones - {most}):
                given[pk] = int(wanted[pk])
            given[most] = left - sum(given[pk] for pk in open_ones - {most})
            break
        for pk in full:
            given[pk] = min(caps[pk], left)
            left -= given[pk]
        open_ones -= full
    return [(pk, count) for pk, count in given.items() if count]


@lru_cache(64)
def _order(shares: tuple[Share, ...]) -> tuple[int, ...]:
    """The portfolio of each batch: spread evenly, so that all of them send from the beginning."""
    places = [((place + 0.5) / count, pk) for pk, count in shares for place in range(count)]
    return tuple(pk for _, pk in sorted(places))


def portfolio_of(shares: Sequence[Sequence[int]], batch_no: int) -> int | None:
    """Whose batch it is; None if the plan does not say."""
    order = _order(tuple((pk, count) for pk, count in shares))
    return order[batch_no] if batch_no < len(order) else None
