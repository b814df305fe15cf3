"""Rules about one delivery by itself: conditions on its columns, counted in a single pass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet

from distribution.ledger.integrity.rules import RECOVERY_TIME, Rule, RuleResult, check
from distribution.models import Delivery, Progress, State

REPORTED = Q(progress__gte=Progress.SENT)
ARRIVED = Q(progress__gte=Progress.DELIVERED)

Conditions = dict[str, tuple[str, Q]]  # promise and what breaks it, by the rule's name

OUTCOME_CONDITIONS: Conditions = {
    "accepted_has_proof": (
        "Accepted means that we hold WhatsApp's message id, or a report of it.",
        Q(state__in=[State.ACCEPTED, State.HELD], progress=Progress.NONE)
        & (Q(wamid=None) | Q(wamid="")),
    ),
    "news_settles": (
        "Whoever was reached counts as accepted.",
        ~Q(state=State.ACCEPTED) & (ARRIVED | (REPORTED & Q(failed_at=None))),
    ),
    "failure_settles": (
        "A reported failure ends a delivery, unless it arrived after all.",
        Q(state=State.ACCEPTED, failed_at__isnull=False) & ~ARRIVED,
    ),
    "progress_has_times": (
        "Progress agrees with the times of the reports.",
        (Q(progress=Progress.NONE) & ~Q(sent_at=None, delivered_at=None, read_at=None))
        | (Q(progress=Progress.SENT) & (Q(sent_at=None) | ~Q(delivered_at=None)))
        | (ARRIVED & Q(delivered_at=None))
        | (Q(progress__lt=Progress.READ) & ~Q(read_at=None))
        | (Q(progress=Progress.READ) & Q(read_at=None)),
    ),
}
ATTEMPT_CONDITIONS: Conditions = {
    "doubt_has_a_time": (
        "What is in doubt is known since when, so it will be judged.",
        Q(state=State.UNKNOWN, unknown_at=None) | Q(state=State.INFLIGHT, inflight_at=None),
    ),
    "attempts_have_names": (
        "A call that was made has a number and a name.",
        (Q(attempt_no__gte=1) | Q(state__in=[State.INFLIGHT, State.ACCEPTED, State.HELD]))
        & (Q(attempt_no=0) | Q(claim_token=None)),
    ),
    "resends_have_attempts": (
        "No more resends of messages that Meta failed, and no more tries, than attempts.",
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
    leased = Q(state__in=[State.CLAIMED, State.INFLIGHT])
    return {
        "leases_end": (
            f"No lease is over for more than {RECOVERY_TIME.total_seconds():.0f} s.",
            leased & Q(lease_until__lt=now - RECOVERY_TIME),
        ),
    }


def rules_for_staff(deliveries: QuerySet[Delivery]) -> Iterator[Rule]:
    """What a person has to decide on or to know of; no promise is broken."""
    yield Rule(
        "unconfirmed",
        "Nobody knows whether these got their message: a person decides.",
        deliveries.filter(state=State.UNCONFIRMED),
        advisory=True,
    )
    yield Rule(
        "doubles_suspected",
        "There is proof that WhatsApp may have, or has, two messages for one delivery.",
        deliveries.filter(duplicate__isnull=False),
        advisory=True,
    )
