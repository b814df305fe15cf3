"""Receipts against those of earlier mornings, as the rule R4 judges them.

What is exported is the best ratio within each of the rule's times: only if that one is too low did
it stay low. So Prometheus agrees with the rule, however rarely the figures are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from distribution.metrics.samples import Samples, add
from distribution.models import Distribution
from distribution.models.distributions import RUNNING
from distribution.service_level import receipt_watch, receipts

NAME = "daybreak_sla_expected_receipts_ratio"


def of_runs(distributions: Iterable[Distribution], now: datetime) -> Samples:
    """The worst of each kind, while it runs and enough mornings are known."""
    worst: dict[tuple[str, int], float] = {}
    for one in distributions:
        if one.state not in RUNNING or not (curve := receipt_watch.learned(one)).may_alert:
            continue
        measured = receipt_watch.measure(one, now=now)
        for seconds in (receipts.WARN_AFTER, receipts.PAGE_AFTER):
            best = receipts.best_within(measured, curve, seconds)
            if best is not None:
                key = one.kind.lower(), seconds
                worst[key] = min(best, worst.get(key, best))
    samples: Samples = {}
    for (kind, seconds), ratio in sorted(worst.items()):
        add(samples, NAME, ratio, kind, str(seconds))
    return samples
