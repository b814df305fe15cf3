"""Check every integrity rule of the ledger. Nothing is changed.

Rules about one delivery are conditions, all counted in a single pass; the others are queries.
Everything is set-based, so a million deliveries take seconds.
"""

from __future__ import annotations

from datetime import datetime
from itertools import chain

from distribution.ledger.integrity import (
    attempt_rules,
    delivery_rules,
    distribution_rules,
    uniqueness_rules,
)
from distribution.ledger.integrity.rules import RuleResult, check
from distribution.models import Attempt, Delivery, Distribution
from distribution.runtime import partitions
from distribution.runtime.long_statements import long_statements


def check_ledger(*, now: datetime, distribution_id: int | None = None) -> list[RuleResult]:
    """The result of every rule, broken or not; of one distribution, or of all."""
    deliveries, attempts = Delivery.objects.all(), Attempt.objects.all()
    distributions = Distribution.objects.all()
    if distribution_id is not None:
        deliveries = deliveries.filter(distribution=distribution_id)
        attempts = attempts.filter(delivery__distribution=distribution_id)
        distributions = distributions.filter(pk=distribution_id)
    of_all_partitions = distribution_id is None and partitions.is_partitioned()
    rules = chain(
        uniqueness_rules.rules(deliveries, distributions, of_one=distribution_id is not None),
        attempt_rules.rules(deliveries, attempts),
        distribution_rules.rules(distributions, now),
        delivery_rules.rules_for_staff(deliveries),
        distribution_rules.feed_rules(now) if distribution_id is None else (),
        attempt_rules.rules_of_partitions() if of_all_partitions else (),
    )
    with long_statements():
        return [*delivery_rules.check_conditions(deliveries, now), *map(check, rules)]
