"""An integrity rule, and the result of checking it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

# Work that a dead process left behind is picked up within this time.
RECOVERY_TIME = timedelta(seconds=60)
SHOWN_IDS_LIMIT = 10  # ids named in a result


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How many rows break one rule, and the first of them."""

    rule: str
    promise: str
    of: str  # what the ids are of: delivery, distribution, webhook
    count: int
    ids: tuple[int, ...] = ()
    advisory: bool = False  # a person should look, but no promise is broken

    @property
    def broken(self) -> bool:
        return self.count > 0 and not self.advisory


@dataclass(frozen=True, slots=True)
class Rule:
    """The rows that break a promise; `key` is the column that names them."""

    name: str
    promise: str
    rows: QuerySet[Any, Any]
    of: str = "delivery"
    key: str = "pk"
    advisory: bool = False


def check(rule: Rule) -> RuleResult:
    """Count the rows that break a rule, and name the first."""
    count = rule.rows.count()
    ids: tuple[int, ...] = ()
    if count:
        keys = rule.rows.order_by(rule.key).values_list(rule.key, flat=True)
        ids = tuple(keys[:SHOWN_IDS_LIMIT])
    return RuleResult(rule.name, rule.promise, rule.of, count, ids, rule.advisory)
