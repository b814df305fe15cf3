"""The service level: 99% within five minutes, measured in two ways, also while it can be met.

*Accepted by WhatsApp in the window* depends on us alone; *delivered in the window* is what
recipients see, and many phones are off at six. `SLA_BASIS` picks the headline. The window starts
at the planned time, so a late start counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from distribution.analytics import counts
from distribution.analytics.counts import Reach, Tally
from distribution.ledger import outbox, report_lag
from distribution.ledger.report_lag import ReportLag
from distribution.models import Distribution, DistributionState, EventKind, State
from distribution.runtime import india_time
from distribution.runtime.text_formats import part_of, percent
from phonepool.models import PhoneNumber
from phonepool.numbers import health

LATE_START_AFTER = timedelta(seconds=60)
UNMEASURED = (DistributionState.CANCELLED, DistributionState.MISSED)


@dataclass(frozen=True, slots=True)
class Shares:
    """Both measures, 0..1 of the deliveries owed; None: there is nothing to measure."""

    accepted: float | None
    delivered: float | None

    @property
    def headline(self) -> float | None:
        return self.delivered if settings.SLA_BASIS == "delivered" else self.accepted


@dataclass(frozen=True, slots=True)
class Sla:
    """A distribution measured against its service level. Shares are 0..1 of the owed deliveries,
    None when nothing is owed: nothing sent is not everything sent."""

    owed: int
    accepted_share: float | None
    delivered_share: float | None
    projected_share: float | None  # of the headline, if all that can still arrive in time does
    estimated_completion: datetime | None  # of the sending; None when nothing is left or moves
    violations: list[str]

    @property
    def headline(self) -> float | None:
        return Shares(self.accepted_share, self.delivered_share).headline

    @property
    def met(self) -> bool:
        """Nothing owed breaks no promise."""
        return self.headline is None or self.headline >= settings.SLA_TARGET


def stored_shares(distribution: Distribution) -> Shares:
    """What the last measurement kept. A distribution that was cancelled or never began has no
    service level, nor has one that owed nobody a message."""
    nobody = distribution.results.get("owed") == 0
    if distribution.state in UNMEASURED or nobody:
        return Shares(None, None)
    return Shares(distribution.sla_accepted, distribution.sla_delivered)


def measure(distribution: Distribution, *, now: datetime) -> Sla:
    """The service level now, four queries however large the audience."""
    lag = report_lag.read(now)  # first: what is applied meanwhile is counted, too
    tally, reach = counts.tally(distribution), counts.reach(distribution)
    rate = _remaining_rate(distribution, tally, PhoneNumber.objects.all(), now)
    return assess(distribution, tally, reach, rate, now=now, lag=lag)


def assess(
    distribution: Distribution,
    tally: Tally,
    reach: Reach,
    rate: float,
    *,
    now: datetime,
    lag: ReportLag | None = None,
) -> Sla:
    """The rules themselves, pure. `rate` is messages a second from now on; no lag: all reports
    are applied."""
    lag = lag or report_lag.none(now)
    waiting = tally.count(State.PENDING, State.CLAIMED, State.RETRY_WAIT, State.INFLIGHT)
    moves = waiting and rate > 0 and distribution.state != DistributionState.PAUSED
    owed = 0 if distribution.state in UNMEASURED else tally.owed
    possible = _possible_in_time(distribution, tally, reach, waiting, rate, lag)
    sla = Sla(
        owed=owed,
        accepted_share=part_of(reach.accepted_in_time, owed),
        delivered_share=part_of(reach.delivered_in_time, owed),
        projected_share=part_of(possible, owed),
        estimated_completion=(
            lag.counts_from + timedelta(seconds=waiting / rate) if moves else None
        ),
        violations=[],
    )
    if distribution.state == DistributionState.COMPLETED and distribution.sla_accepted is not None:
        kept = stored_shares(distribution)  # the same figures everywhere, for good
        sla = replace(sla, accepted_share=kept.accepted, delivered_share=kept.delivered)
    sla.violations.extend(_find_violations(distribution, sla, waiting, lag))
    return sla


def keep(
    distribution: Distribution,
    tally: Tally,
    reach: Reach,
    numbers: Iterable[PhoneNumber],
    *,
    now: datetime,
    lag: ReportLag | None = None,
) -> Sla:
    """Measure a running distribution and keep the figures."""
    rate = _remaining_rate(distribution, tally, numbers, now)
    level = assess(distribution, tally, reach, rate, now=now, lag=lag)
    Distribution.objects.filter(pk=distribution.pk, completed_at=None).update(
        sla_accepted=level.accepted_share, sla_delivered=level.delivered_share
    )
    _emit_progress(distribution, level, now)
    return level


def _emit_progress(distribution: Distribution, sla: Sla, now: datetime) -> None:
    """Emit the progress event once a minute, however many engines call this."""
    assert distribution.opened_at is not None  # it runs
    minute = int((now - distribution.opened_at).total_seconds() // 60)
    outbox.distribution(
        EventKind.DISTRIBUTION_SENDING,
        distribution,
        now=now,
        once=f"distribution {distribution.pk} sending, minute {minute}",
        progress={
            "owed": sla.owed,
            "accepted_share": sla.accepted_share,
            "delivered_share": sla.delivered_share,
            "projected_share": sla.projected_share,
            "estimated_completion": sla.estimated_completion,
            "violations": sla.violations,
        },
    )


def results(distribution: Distribution, *, now: datetime) -> dict[str, object]:
    """The figures stored once, when a distribution is completed."""
    tally, reach = counts.tally(distribution), counts.reach(distribution)
    sla = assess(distribution, tally, reach, 0.0, now=now)
    return {
        "recipients": tally.recipients,
        "owed": sla.owed,
        "accepted": reach.accepted,
        "delivered": reach.delivered,
        "read": reach.read,
        "failed": tally.count(State.FAILED),
        "skipped": tally.count(State.SKIPPED),
        "unconfirmed": tally.count(State.UNCONFIRMED),
        "failures": dict(tally.reasons.get(State.FAILED, {})),
        "skips": dict(tally.reasons.get(State.SKIPPED, {})),
        "doubles": counts.duplicate_counts(distribution.pk),
        "sent_again": counts.resend_counts(distribution.pk),
        "sla_accepted": sla.accepted_share,
        "sla_delivered": sla.delivered_share,
        "sla_met": sla.met,
        "violations": sla.violations,
        "first_accepted_at": india_time.iso(reach.first_accepted_at),
        "last_accepted_at": india_time.iso(reach.last_accepted_at),
    }


def _possible_in_time(
    distribution: Distribution,
    tally: Tally,
    reach: Reach,
    waiting: int,
    rate: float,
    lag: ReportLag,
) -> int:
    """Recipients who are, or can still be, in time, or of whom a report that says so may wait."""
    deadline = distribution.sla_deadline or lag.now
    left = max(0.0, (deadline - lag.counts_from).total_seconds())
    can_go = min(waiting, int(rate * left))
    doubtful = tally.count(State.UNKNOWN) if left or lag.holds_open(deadline) else 0
    if settings.SLA_BASIS == "accepted":
        return reach.accepted_in_time + can_go + doubtful
    awaited = reach.awaited if left or lag.holds_open(deadline) else 0
    return reach.delivered_in_time + can_go + awaited + doubtful


def _find_violations(
    distribution: Distribution, sla: Sla, waiting: int, lag: ReportLag
) -> list[str]:
    violations, now = [], lag.now
    opened, deadline = distribution.opened_at, distribution.sla_deadline
    if opened is not None and opened - distribution.planned_at > LATE_START_AFTER:
        late = (opened - distribution.planned_at).total_seconds()
        violations.append(f"Started {late:.0f} s late.")
    if waiting and deadline is not None and now > deadline:
        violations.append(f"{waiting:,} people were still waiting after the window.")
    elif waiting and sla.estimated_completion and deadline and sla.estimated_completion > deadline:
        violations.append("At the current rate, sending ends after the window.")
    is_over = deadline is not None and now >= deadline
    if is_over and not sla.met and not lag.holds_open(deadline):
        violations.append(f"Only {percent(sla.headline)} {settings.SLA_BASIS} in the window.")
    return violations


def _remaining_rate(
    distribution: Distribution, tally: Tally, numbers: Iterable[PhoneNumber], now: datetime
) -> float:
    return rate_ahead(tally, counts.recent_rate(distribution, now=now), numbers, now)


def rate_ahead(tally: Tally, recent: float, numbers: Iterable[PhoneNumber], now: datetime) -> float:
    """Messages per second from now on: as achieved, or before anything is, as the pool allows."""
    allowed = health.pool_rate(numbers, now)
    if tally.count(State.PENDING) == tally.recipients or recent == 0:
        return allowed
    return max(recent, allowed / 2)
