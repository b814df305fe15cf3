"""A distribution's course at one moment: its service level, its pace and what to call it.

The screens and the API show the same of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from distribution.analytics import counts
from distribution.analytics.shared_counts import Counted
from distribution.ledger import report_lag
from distribution.ledger.report_lag import ReportLag
from distribution.models import Distribution, DistributionState, State
from distribution.models.distributions import RUNNING, UNBEGUN
from distribution.service_level import sla
from distribution.service_level.sla import Sla
from phonepool.models import PhoneNumber

PACE_KNOWN_AFTER = timedelta(seconds=20)  # of sending: before it the pool's rate tells the pace
GOOD, WARN, BAD, CALM = "good", "warn", "bad", "calm"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The service level in a word or two, with a colour of the same meaning."""

    word: str
    colour: str  # good, warn, bad, calm


@dataclass(frozen=True, slots=True)
class Course:
    """Where it is, how fast it moves and whether that is enough."""

    level: Sla
    rate: float  # messages accepted per second lately; 0 unless it sends
    verdict: Verdict
    lag: ReportLag  # none once it has ended


def follow(
    distribution: Distribution,
    counted: Counted,
    numbers: Sequence[PhoneNumber],
    *,
    now: datetime,
) -> Course:
    """The course of a distribution; two queries, and only while it runs."""
    tally, reach = counted.tally, counted.reach
    lag = report_lag.read(now).counted(counted.at)
    if distribution.state not in RUNNING:
        lag = report_lag.none(now)
    sends = distribution.state == DistributionState.SENDING
    rate = counts.recent_rate(distribution, now=now) if sends else 0.0
    ahead = sla.rate_ahead(tally, rate, numbers, now) if distribution.state in RUNNING else 0.0
    level = sla.assess(distribution, tally, reach, ahead, now=now, lag=lag)
    ready = tally.count(State.PENDING, State.CLAIMED, State.INFLIGHT)
    behind = sends and _pace_is_known(distribution, now) and rate < ahead and ready > ahead
    if behind:  # there is enough to send, so what was achieved lately is the pace
        left = ready + tally.count(State.RETRY_WAIT)
        ending = now + timedelta(seconds=left / rate) if rate else None
        level = replace(level, estimated_completion=ending)
    stalled = behind and not rate
    return Course(level, rate, verdict(distribution, level, lag, stalled=stalled), lag)


def verdict(
    distribution: Distribution, level: Sla, lag: ReportLag, *, stalled: bool = False
) -> Verdict:
    """Whether the service level is met, on course, at risk or missed, or why none of these."""
    now, state, deadline = lag.now, distribution.state, distribution.sla_deadline
    if state in UNBEGUN:
        return _unopened(distribution, now)
    if state == DistributionState.CANCELLED:
        return Verdict(_("cancelled"), CALM)
    if state == DistributionState.MISSED:
        return Verdict(_("not sent"), BAD)
    if not level.owed:
        return Verdict(_("nobody to send to"), CALM)
    paused = state == DistributionState.PAUSED
    if level.met:
        return Verdict(_("met, now paused"), WARN) if paused else Verdict(_("met"), GOOD)
    if state in RUNNING and lag.holds_open(deadline):
        return Verdict(_("reports are late"), WARN)
    if state == DistributionState.COMPLETED or deadline is None or now >= deadline:
        return Verdict(_("missed"), BAD)
    if paused:
        return Verdict(_("paused"), WARN)
    if stalled:
        return Verdict(_("stalled"), BAD)
    return _sending(level, deadline)


def _unopened(distribution: Distribution, now: datetime) -> Verdict:
    if distribution.state == DistributionState.AWAITING_CONFIRMATION:
        return Verdict(_("awaiting confirmation"), WARN)
    if distribution.state == DistributionState.BLOCKED:
        return Verdict(_("blocked"), BAD)
    if now - distribution.planned_at > sla.LATE_START_AFTER:
        return Verdict(_("late to start"), BAD)
    return Verdict(_("not started"), CALM)


def _sending(level: Sla, deadline: datetime) -> Verdict:
    """In the middle of it, with time left."""
    projected, ending = level.projected_share or 0.0, level.estimated_completion
    if projected >= settings.SLA_TARGET and not (ending and ending > deadline):
        return Verdict(_("on course"), GOOD)
    return Verdict(_("at risk"), WARN if projected >= settings.SLA_ALERT_THRESHOLD else BAD)


def _pace_is_known(distribution: Distribution, now: datetime) -> bool:
    began = distribution.resumed_at or distribution.opened_at or now
    return now - began > PACE_KNOWN_AFTER
