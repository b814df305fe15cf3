"""Failures that become known when a distribution has ended: nobody waits any more, so people are
told of those that are not the recipients' own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger.reasons import explain
from distribution.models import Delivery, Distribution, State
from distribution.models.distributions import ENDED
from distribution.outcomes.mass_failure import MIN_FAILURES, WATCHED
from distribution.outcomes.reported_failures import ReportedFailure
from phonepool.errors import BY_SLUG, HALTING


def tell(failures: Iterable[ReportedFailure], *, now: datetime) -> None:
    """Alert about failures of the account or the template at once, about other trouble of our own
    from a dozen on. What is watched for its share is told by `mass_failures`."""
    newly = Counter(
        (one.distribution_id, one.failure.slug)
        for one in failures
        if one.failure.slug not in WATCHED and not one.failure.dropped
    )
    if not newly:
        return
    rows = Distribution.objects.filter(pk__in={pk for pk, _ in newly}, state__in=ENDED)
    ended = {row.pk: row for row in rows}
    for pk, slug in sorted(newly):
        if pk in ended:
            _tell(ended[pk], slug, now)


def _tell(distribution: Distribution, slug: str, now: datetime) -> None:
    failed = Delivery.objects.filter(distribution=distribution, state=State.FAILED, reason=slug)
    count, failure = failed.count(), BY_SLUG[slug]
    if failure.charged or not count or (failure.action not in HALTING and count < MIN_FAILURES):
        return
    incidents.raise_alert(
        AlertRule.MASS_FAILURE,
        distribution.pk,
        message=f"{distribution} has ended, and {count} of its messages failed: "
        f"{explain(slug).words}. {failure.advice}",
        now=now,
    )
