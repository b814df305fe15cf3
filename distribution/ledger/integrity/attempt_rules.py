"""Rules that compare deliveries with the attempts on record."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import CharField, Count, Exists, F, Min, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from distribution.ledger.integrity.rules import Rule
from distribution.models import (
    Attempt,
    AttemptOutcome,
    Delivery,
    Duplicate,
    Ruling,
    State,
    Verdict,
)


def rules(deliveries: QuerySet[Delivery], attempts: QuerySet[Attempt]) -> Iterator[Rule]:
    """What deliveries and their attempts on record must agree on."""
    yield from _rules_of_attempts(attempts)
    yield from _rules_of_deliveries(deliveries)


def rules_of_partitions() -> Iterator[Rule]:
    """What foreign keys guard on a plain table. Deliveries before the first that is left were
    removed with their partition."""
    oldest = Delivery.objects.aggregate(oldest=Min("pk"))["oldest"] or 0
    there = Exists(Delivery.objects.filter(pk=OuterRef("delivery_id")))
    for model in (Attempt, Verdict, Duplicate):
        name = model._meta.model_name
        yield Rule(
            f"{name}s_have_deliveries",
            f"Each {name} is of a delivery that is there.",
            model.objects.filter(delivery_id__gte=oldest).exclude(there),
            key="delivery_id",
        )


def _rules_of_attempts(attempts: QuerySet[Attempt]) -> Iterator[Rule]:
    named = Concat(
        Value("daybreak:"), Cast("delivery_id", CharField()), Value("."), output_field=CharField()
    )
    yield Rule(
        "attempts_are_ours",
        "Each stored attempt has the id of its delivery.",
        attempts.exclude(attempt_id__startswith=named),
        key="delivery_id",
    )
    yield Rule(
        "attempts_are_counted",
        "No delivery has more recorded attempts than it made.",
        attempts.order_by()
        .values("delivery_id", "delivery__attempt_no")
        .annotate(kept=Count("attempt_id", distinct=True))
        .filter(kept__gt=F("delivery__attempt_no")),
        key="delivery_id",
    )


def _rules_of_deliveries(deliveries: QuerySet[Delivery]) -> Iterator[Rule]:
    attempts = Attempt.objects.filter(delivery=OuterRef("pk"))
    forgotten = attempts.filter(outcome=AttemptOutcome.FORGOTTEN)
    by_a_person = Verdict.objects.filter(delivery=OuterRef("pk"), ruling=Ruling.HUMAN_SEND_AGAIN)
    yield Rule(
        "doubt_resends_once",
        "An unknown outcome is sent again at most once, unless a person decides otherwise.",
        deliveries.filter(ambiguous_no__gt=1).exclude(Exists(by_a_person)),
    )
    yield Rule(
        "attempts_are_kept",
        "Every attempt before the last is recorded.",
        deliveries.filter(attempt_no__gte=2)
        .exclude(Exists(forgotten))
        .annotate(kept=Count("attempts__attempt_id", distinct=True))
        .filter(kept__lt=F("attempt_no") - 1),
    )
    yield Rule(
        "failures_have_evidence",
        "Each delivery that failed or will retry has a recorded attempt that says why.",
        deliveries.filter(state__in=[State.FAILED, State.RETRY_WAIT]).exclude(Exists(attempts)),
    )
