"""Rules about a distribution as a whole, and about the feed of reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from distribution.ledger.integrity.rules import RECOVERY_TIME, Rule
from distribution.models import Delivery, Distribution, DistributionState, StatusFeed
from distribution.models.deliveries import CLAIMABLE, UNSETTLED
from distribution.models.distributions import RUNNING, UNOPENED


def rules(distributions: QuerySet[Distribution], now: datetime) -> Iterator[Rule]:
    """What holds at each step of a distribution's life."""
    yield from _rules_of_opening(distributions, now)
    yield from _rules_of_sending(distributions, now)
    yield from _rules_of_ending(distributions, now)


def _rule(name: str, promise: str, rows: QuerySet[Distribution]) -> Rule:
    return Rule(name, promise, rows, of="distribution")


def _rules_of_opening(distributions: QuerySet[Distribution], now: datetime) -> Iterator[Rule]:
    lateness = timedelta(seconds=settings.MAX_START_LATENESS_SECONDS)
    counted = distributions.annotate(
        rows=Count("deliveries"), last=Coalesce(Max("deliveries__batch_no"), -1)
    )
    yield _rule(
        "audience_is_whole",
        "Each distribution has as many deliveries as its frozen audience had people.",
        counted.filter(preparing=False, deliveries_removed_at=None).exclude(
            rows=F("recipients"), last=F("batches") - 1
        ),
    )
    yield _rule(
        "audience_is_prepared",
        "While an audience is not wholly frozen, a slice is frozen at least every "
        f"{RECOVERY_TIME.total_seconds():.0f} s.",
        distributions.filter(preparing=True).exclude(
            preparation__moved_at__gte=now - RECOVERY_TIME
        ),
    )
    yield _rule(
        "nothing_starts_too_late",
        "Each distribution that was too late to start is marked as missed.",
        distributions.filter(state__in=UNOPENED, planned_at__lt=now - lateness - RECOVERY_TIME),
    )


def _rules_of_sending(distributions: QuerySet[Distribution], now: datetime) -> Iterator[Rule]:
    deliveries = Delivery.objects.filter(distribution=OuterRef("pk"))
    waiting = deliveries.filter(state__in=CLAIMABLE, next_at__lt=now - RECOVERY_TIME)
    moving = deliveries.filter(inflight_at__gt=now - RECOVERY_TIME)
    yield _rule(
        "sending_moves",
        f"While people are waiting, a call is made at least every "
        f"{RECOVERY_TIME.total_seconds():.0f} s.",
        distributions.filter(
            Exists(waiting),
            state=DistributionState.SENDING,
            window_end__gt=now,
            opened_at__lt=now - RECOVERY_TIME,
        ).exclude(Exists(moving)),
    )


def _rules_of_ending(distributions: QuerySet[Distribution], now: datetime) -> Iterator[Rule]:
    # A call begun at the window's last moment may take its whole lease.
    over = now - timedelta(seconds=settings.LEASE_SECONDS) - RECOVERY_TIME
    unsettled = Delivery.objects.filter(distribution=OuterRef("pk"), state__in=UNSETTLED)
    yield _rule(
        "window_ends_all",
        "After the window every delivery is finished.",
        distributions.filter(Exists(unsettled), window_end__lt=over),
    )
    yield _rule(
        "windows_close",
        "No distribution is open after its window.",
        distributions.filter(
            Q(sla_deadline=None) | Q(sla_deadline__lt=over), state__in=RUNNING, window_end__lt=over
        ),
    )
    yield _rule(
        "ended_has_a_time",
        "Each completed distribution has the time it was completed.",
        distributions.filter(state=DistributionState.COMPLETED, completed_at=None),
    )


def feed_rules(now: datetime) -> Iterator[Rule]:
    """Rules about the reports of all distributions together."""
    behind = StatusFeed.objects.filter(applied_through__lt=now - RECOVERY_TIME)
    yield Rule(
        "reports_are_read",
        "While a distribution is sending, Meta's reports are applied within a minute.",
        behind if Distribution.objects.running().exists() else behind.none(),
        of="feed",
    )
