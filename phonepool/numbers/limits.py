"""Meta's limit of people that a portfolio may write to in 24 hours, in all its spellings.

Numbers, digits as text, tiers, and several words for "no limit" have all been seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from phonepool.json_values import as_constant, as_integer

UNLIMITED_WORDS = frozenset(("UNLIMITED", "-1"))
NO_FIGURE_WORDS = frozenset(("UNTIERED", "NOT_SET"))  # Meta has none, so we keep none
_TIER = re.compile(r"([0-9]{1,7})(K?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as Meta reported it. `people` is None for no limit, or for none that Meta names."""

    people: int | None
    word: str = ""  # what could not be read: Meta has to be asked
    named: bool = field(default=True, compare=False)

    @property
    def known(self) -> bool:
        return not self.word


def parse(value: object) -> Limit | None:
    """The limit in Meta's word; None if there is none."""
    if value in (None, ""):
        return None
    word = as_constant(value)
    tier = word.removeprefix("TIER_")
    if tier in UNLIMITED_WORDS:
        return Limit(None)
    if tier in NO_FIGURE_WORDS:
        return Limit(None, named=False)
    match = _TIER.fullmatch(tier)
    people = as_integer(match[1] + "000" * bool(match[2])) if match else None
    if not people:  # a limit of nobody is no limit that Meta knows
        return Limit(None, word[:40] or "a value of another type")
    return Limit(people)
