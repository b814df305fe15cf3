"""Rules about one delivery by itself: conditions on its columns, counted in a single pass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet

from distribution.ledger.integrity.rules import RECOVERY_TIME, Rule, RuleResult, check
from distribution.models import Delivery, Progress, State
from distribution.models.deliveries import IN_HAND

REPORTED = Q(progress__gte=Progress.SENT)
ARRIVED = Q(progress__gte=Progress.DELIVERED)

Conditions = dict[str, tuple[str, Q]]  # promise and what breaks it, by the rule's name

OUTCOME_CONDITIONS: Conditions = {
    "accepted_has_proof": (
        "Each accepted delivery has WhatsApp's message id, or a report of it.",
        Q(state__in=[State.ACCEPTED, State.HELD], progress=Progress.NONE)
        & (Q(wamid=None) | Q(wamid="")),
    ),
    "news_settles": (
        "Each delivered message counts as accepted.",
        ~Q(state=State.ACCEPTED) & (ARRIVED | (REPORTED & Q(failed_at=None))),
    ),
    "failure_settles": (
        "A reported failure ends a delivery, unless the message arrived after all.",
        Q(state=State.ACCEPTED, failed_at__isnull=False) & ~ARRIVED,
    ),
    "progress_has_times": (
        "Progress matches the times of the reports.",
        (Q(progress=Progress.NONE) & ~Q(sent_at=None, delivered_at=None, read_at=None))
        | (Q(progress=Progress.SENT) & (Q(sent_at=None) | ~Q(delivered_at=None)))
        | (ARRIVED & Q(delivered_at=None))
        | (Q(progress__lt=Progress.READ) & ~Q(read_at=None))
        | (Q(progress=Progress.READ) & Q(read_at=None)),
    ),
}
ATTEMPT_CONDITIONS: Conditions = {
    "doubt_has_a_time": (
        "Each unknown outcome has the time since when it is unknown, so it will be resolved.",
        Q(state=State.UNKNOWN, unknown_at=None) | Q(state=State.INFLIGHT, inflight_at=None),
    ),
    "attempts_have_names": (
        "Each call that was made has a phone number and an attempt id.",
        (Q(attempt_no__gte=1) | Q(state__in=[State.INFLIGHT, State.ACCEPTED, State.HELD]))
        & (Q(attempt_no=0) | Q(claim_token=None)),
    ),
    "resends_have_attempts": (
        "There are no more resends and retries than attempts.",
        Q(resend_no__gt=F("attempt_no")) | Q(tries_charged__gt=F("attempt_no")),
    ),
}


def check_conditions(deliveries: QuerySet[Delivery], now: datetime) -> Iterator[RuleResult]:
    """Count the rows that break each condition, by one statement; name those of broken ones."""
    conditions = {**OUTCOME_CONDITIONS, **_lease_conditions(now), **ATTEMPT_CONDITIONS}
    counts = deliveries.aggregate(
        **{name: Count("pk", filter=broken) for name, (_, broken) in conditions.items()}
    )
    for name, (promise, broken) in conditions.items():
        if counts[name]:
            yield check(Rule(name, promise, deliveries.filter(broken)))
        else:
            yield RuleResult(name, promise, "delivery", 0)


def _lease_conditions(now: datetime) -> Conditions:
    leased = Q(state__in=IN_HAND)
    return {
        "leases_end": (
            f"No lease ended more than {RECOVERY_TIME.total_seconds():.0f} s ago.",
            leased & Q(lease_until__lt=now - RECOVERY_TIME),
        ),
    }


def rules_for_staff(deliveries: QuerySet[Delivery]) -> Iterator[Rule]:
    """What a person has to decide on or to know of; no promise is broken."""
    yield Rule(
        "unconfirmed",
        "These deliveries are unconfirmed. A person decides on each.",
        deliveries.filter(state=State.UNCONFIRMED),
        advisory=True,
    )
    yield Rule(
        "doubles_suspected",
        "WhatsApp has, or may have, two messages for one of these deliveries.",
        deliveries.filter(duplicate__isnull=False),
        advisory=True,
    )
