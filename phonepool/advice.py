"""From a stored reason back to what it means and what helps: for pages, reports and alerts."""

from __future__ import annotations

from functools import cache

from phonepool import errors
from phonepool.errors import Action, Failure

# Asking again today changes nothing for these people, or makes it worse.
POINTLESS = frozenset({Action.INVALID, Action.COOL, Action.OPTOUT})


@cache
def by_slug() -> dict[str, Failure]:
    """Every failure of the tables by its slug; where codes share one, the first speaks."""
    alone = [value for value in vars(errors).values() if isinstance(value, Failure)]
    listed = [*errors.FAILURES.values(), *errors.SUBCODES.values(), *alone]
    ranged = [failure for _, _, failure in errors.RANGES]
    found: dict[str, Failure] = {}
    for failure in [*listed, *ranged]:
        found.setdefault(failure.slug, failure)
    return found


@cache
def pointless_slugs() -> tuple[str, ...]:
    """Reasons for which another try to the same person is pointless today."""
    return tuple(sorted(s for s, failure in by_slug().items() if failure.action in POINTLESS))
