"""Apply a step to many rows at once; what fails as a whole is tried in halves.

One row that is locked, deadlocked or invalid, or a statement that exceeds its time limit (15 s),
must not keep its neighbours waiting: they would all fail again the next time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.db import InterfaceError, connection

log = logging.getLogger(__name__)

# Items that failed alone before the rest is left for the next round: each may have waited for its
# time limit, and when all fail, the cause is not in the items.
FAILURES_LIMIT = 10

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class Halving(Generic[Item, Result]):
    """What came of each part."""

    done: list[Result] = field(default_factory=list)  # of the parts that succeeded
    failed: list[tuple[Item, Exception]] = field(default_factory=list)  # alone
    left: list[Item] = field(default_factory=list)  # not tried


def apply_in_halves(
    items: Sequence[Item], step: Callable[[Sequence[Item]], Result]
) -> Halving[Item, Result]:
    """Run `step`, which must be all or nothing, over all items, or over parts that succeed.

    Raises the step's error if the database is away: then no part can succeed.
    """
    halving: Halving[Item, Result] = Halving()
    if items:
        _apply(items, step, halving)
    return halving


def _apply(
    items: Sequence[Item],
    step: Callable[[Sequence[Item]], Result],
    halving: Halving[Item, Result],
) -> None:
    if len(halving.failed) >= FAILURES_LIMIT:
        halving.left.extend(items)
        return
    try:
        halving.done.append(step(items))
    except Exception as error:
        if isinstance(error, InterfaceError) or not connection.is_usable():
            raise
        if len(items) == 1:
            halving.failed.append((items[0], error))
            return
        log.warning(
            "%d rows at once failed (%s): tried in halves", len(items), type(error).__name__
        )
        middle = len(items) // 2
        _apply(items[:middle], step, halving)
        _apply(items[middle:], step, halving)
