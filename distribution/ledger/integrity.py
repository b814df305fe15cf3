"""What our own tables promise, asked of them: one rule a line, each a set of rows that break it.

Rules about one delivery are conditions, all counted in a single pass; the others are queries.
Everything is set-based, so a million deliveries take seconds, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import CharField, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat

from distribution.models import (
    Attempt,
    AttemptOutcome,
    Delivery,
    Distribution,
    DistributionState,
    Kind,
    Progress,
    Ruling,
    State,
    StatusFeed,
    Verdict,
)
from distribution.models.deliveries import CLAIMABLE, UNSETTLED
from distribution.models.distributions import RUNNING, UNOPENED

# What is left lying is picked up within this time, or somebody should know.
HEALING = timedelta(seconds=60)
SHOWN = 10  # ids of broken rows that are named
PATIENCE = "SET LOCAL statement_timeout = '10min'"  # a statement may take 15 s otherwise


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows break one rule, and the first of them."""

    rule: str
    promise: str
    of: str  # what the ids are of: delivery, distribution, webhook
    count: int
    ids: tuple[int, ...] = ()
    advisory: bool = False  # somebody should look, but no promise is broken

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


def findings(*, now: datetime, distribution_id: int | None = None) -> list[Finding]:
    """Every rule of this app, broken or not; of one distribution, or of all."""
    deliveries, attempts = Delivery.objects.all(), Attempt.objects.all()
    distributions = Distribution.objects.all()
    if distribution_id is not None:
        deliveries = deliveries.filter(distribution=distribution_id)
        attempts = attempts.filter(delivery__distribution=distribution_id)
        distributions = distributions.filter(pk=distribution_id)
    with long_statements():
        found = list(_rows(deliveries, now))
        found += [judge(rule) for rule in _once(deliveries, distributions)]
        found += [judge(rule) for rule in _attempts(deliveries, attempts)]
        found += [judge(rule) for rule in _distributions(distributions, now)]
        found += [judge(rule) for rule in _to_decide(deliveries)]
        if distribution_id is None:
            found += [judge(rule) for rule in _feed(now)]
    return found


@contextmanager
def long_statements() -> Iterator[None]:
    """Let statements take long; on SQLite there is no limit, and a transaction would lock."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PATIENCE)
        yield


def judge(rule: Rule) -> Finding:
    """Count the rows that break a rule, and name the first."""
    count = rule.rows.count()
    ids: tuple[int, ...] = ()
    if count:
        ids = tuple(rule.rows.order_by(rule.key).values_list(rule.key, flat=True)[:SHOWN])
    return Finding(rule.name, rule.promise, rule.of, count, ids, rule.advisory)


# --- one delivery by itself ---------------------------------------------------------------------


def _conditions(now: datetime) -> Mapping[str, tuple[str, Q]]:
    """What makes a delivery break a rule, by the rule's name."""
    heard = Q(progress__gte=Progress.SENT)
    arrived = Q(progress__gte=Progress.DELIVERED)
    leased = Q(state__in=[State.CLAIMED, State.INFLIGHT])
    called = Q(attempt_no__gte=1) | Q(state__in=[State.INFLIGHT, State.ACCEPTED, State.HELD])
    return {
        "accepted_has_proof": (
            "Accepted means that we hold WhatsApp's message id, or a report of it.",
            Q(state__in=[State.ACCEPTED, State.HELD], progress=Progress.NONE)
            & (Q(wamid=None) | Q(wamid="")),
        ),
        "news_settles": (
            "Whoever was reached counts as accepted.",
            ~Q(state=State.ACCEPTED) & (arrived | (heard & Q(failed_at=None))),
        ),
        "failure_settles": (
            "A reported failure ends a delivery, unless it arrived after all.",
            Q(state=State.ACCEPTED, failed_at__isnull=False) & ~arrived,
        ),
        "progress_has_times": (
            "Progress agrees with the times of the reports.",
            (Q(progress=Progress.NONE) & ~Q(sent_at=None, delivered_at=None, read_at=None))
            | (Q(progress=Progress.SENT) & (Q(sent_at=None) | ~Q(delivered_at=None)))
            | (arrived & Q(delivered_at=None))
            | (Q(progress__lt=Progress.READ) & ~Q(read_at=None))
            | (Q(progress=Progress.READ) & Q(read_at=None)),
        ),
        "leases_end": (
            f"No lease is over for more than {HEALING.total_seconds():.0f} s.",
            leased & Q(lease_until__lt=now - HEALING),
        ),
        "doubt_has_a_time": (
            "What is in doubt is known since when, so it will be judged.",
            Q(state=State.UNKNOWN, unknown_at=None) | Q(state=State.INFLIGHT, inflight_at=None),
        ),
        "attempts_have_names": (
            "A call that was made has a number and a name.",
            called & (Q(attempt_no=0) | Q(claim_token=None)),
        ),
        "resent_once_at_most": (
            "At most one resend for a message that Meta lost, and no more tries than attempts.",
            Q(resend_no__gt=1) | Q(tries_charged__gt=F("attempt_no")),
        ),
    }


def _rows(deliveries: QuerySet[Delivery], now: datetime) -> Iterator[Finding]:
    conditions = _conditions(now)
    counted = deliveries.aggregate(
        **{name: Count("pk", filter=broken) for name, (_, broken) in conditions.items()}
    )
    for name, (promise, broken) in conditions.items():
        if counted[name]:
            yield judge(Rule(name, promise, deliveries.filter(broken)))
        else:
            yield Finding(name, promise, "delivery", 0)


# --- several rows together ----------------------------------------------------------------------


def _once(deliveries: QuerySet[Delivery], distributions: QuerySet[Distribution]) -> Iterator[Rule]:
    """Constraints guard these, too: an index that was dropped or is damaged shows here."""

    def alike(rows: QuerySet[Any, Any], *columns: str) -> QuerySet[Any, Any]:
        groups = rows.order_by().values(*columns).annotate(rows=Count("pk"), first=Min("pk"))
        several: QuerySet[Any, Any] = groups.filter(rows__gt=1)
        return several

    yield Rule(
        "one_delivery_a_person",
        "Nobody is owed one distribution twice.",
        alike(deliveries, "distribution_id", "subscriber_id"),
        key="first",
    )
    yield Rule(
        "one_delivery_a_phone",
        "No phone is owed one distribution twice.",
        alike(deliveries, "distribution_id", "phone"),
        key="first",
    )
    yield Rule(
        "one_delivery_a_message",
        "One message id belongs to one delivery.",
        alike(deliveries.exclude(wamid=None), "wamid"),
        key="first",
    )
    yield Rule(
        "one_daily_a_day",
        "There is one daily distribution a day.",
        alike(distributions.filter(kind=Kind.DAILY), "local_date"),
        of="distribution",
        key="first",
    )


def _attempts(deliveries: QuerySet[Delivery], attempts: QuerySet[Attempt]) -> Iterator[Rule]:
    named = Concat(
        Value("daybreak:"), Cast("delivery_id", CharField()), Value("."), output_field=CharField()
    )
    kept = Count("attempts__attempt_id", distinct=True)
    forgotten = Attempt.objects.filter(delivery=OuterRef("pk"), outcome=AttemptOutcome.FORGOTTEN)
    evidence = Attempt.objects.filter(delivery=OuterRef("pk"))
    yield Rule(
        "attempts_are_ours",
        "Each attempt that was kept bears the name of its delivery.",
        attempts.exclude(attempt_id__startswith=named),
        key="delivery_id",
    )
    yield Rule(
        "attempts_are_counted",
        "No delivery has more attempts on record than it made.",
        attempts.order_by()
        .values("delivery_id", "delivery__attempt_no")
        .annotate(kept=Count("attempt_id", distinct=True))
        .filter(kept__gt=F("delivery__attempt_no")),
        key="delivery_id",
    )
    by_hand = Verdict.objects.filter(delivery=OuterRef("pk"), ruling=Ruling.HUMAN_SEND_AGAIN)
    yield Rule(
        "doubt_resends_once",
        "An unknown outcome is sent again once at most, more often only by a person.",
        deliveries.filter(ambiguous_no__gt=1).exclude(Exists(by_hand)),
    )
    yield Rule(
        "attempts_are_kept",
        "Every attempt before the last is on record.",
        deliveries.filter(attempt_no__gte=2)
        .exclude(Exists(forgotten))
        .annotate(kept=kept)
        .filter(kept__lt=F("attempt_no") - 1),
    )
    yield Rule(
        "failures_have_evidence",
        "Whoever failed, or waits for another try, has an attempt on record that says why.",
        deliveries.filter(state__in=[State.FAILED, State.RETRY_WAIT]).exclude(Exists(evidence)),
    )


def _distributions(distributions: QuerySet[Distribution], now: datetime) -> Iterator[Rule]:
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    lateness = timedelta(seconds=settings.MAX_START_LATENESS_SECONDS)
    # A call begun at the window's last moment may take its whole lease.
    over = now - lease - HEALING
    theirs = Delivery.objects.filter(distribution=OuterRef("pk"))
    counted = distributions.annotate(
        rows=Count("deliveries"), last=Coalesce(Max("deliveries__batch_no"), -1)
    )

    def rule(name: str, promise: str, rows: QuerySet[Distribution]) -> Rule:
        return Rule(name, promise, rows, of="distribution")

    yield rule(
        "audience_is_whole",
        "The deliveries of a distribution are as many as its audience was when it was frozen.",
        counted.exclude(rows=F("recipients"), last=F("batches") - 1),
    )
    yield rule(
        "window_ends_all",
        "After a window every delivery has come to its end.",
        distributions.filter(Exists(theirs.filter(state__in=UNSETTLED)), window_end__lt=over),
    )
    yield rule(
        "windows_close",
        "No distribution is open after its window.",
        distributions.filter(
            Q(sla_deadline=None) | Q(sla_deadline__lt=over), state__in=RUNNING, window_end__lt=over
        ),
    )
    yield rule(
        "nothing_starts_too_late",
        "What is too late to begin is called missed.",
        distributions.filter(state__in=UNOPENED, planned_at__lt=now - lateness - HEALING),
    )
    yield rule(
        "ended_has_a_time",
        "What is completed says since when.",
        distributions.filter(state=DistributionState.COMPLETED, completed_at=None),
    )
    waiting = theirs.filter(state__in=CLAIMABLE, next_at__lt=now - HEALING)
    moving = theirs.filter(inflight_at__gt=now - HEALING)
    yield rule(
        "sending_moves",
        f"While somebody waits, no {HEALING.total_seconds():.0f} s go by without a call.",
        distributions.filter(
            Exists(waiting),
            state=DistributionState.SENDING,
            window_end__gt=now,
            opened_at__lt=now - HEALING,
        ).exclude(Exists(moving)),
    )


def _feed(now: datetime) -> Iterator[Rule]:
    behind = StatusFeed.objects.filter(applied_through__lt=now - HEALING)
    yield Rule(
        "reports_are_read",
        "While something is being sent, what Meta reports is applied within a minute.",
        behind if Distribution.objects.running().exists() else behind.none(),
        of="feed",
    )


def _to_decide(deliveries: QuerySet[Delivery]) -> Iterator[Rule]:
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
