"""What Meta's failures mean beyond one message: for the phone number and the account, the person,
and the distribution.

The action of the code decides, for a `failed` status as for an error about no message, and as in
the API's answer. Only new failures come here: what a person has resumed since is not paused again
by an old report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from distribution.alerts import incidents, phone_pool
from distribution.alerts.catalogue import AlertRule
from distribution.lifecycle import control, ended_failures, mass_failures
from distribution.mirror import refused_templates
from distribution.models import Distribution
from distribution.outcomes import portfolio_pacing
from distribution.outcomes.reported_failures import ReportedFailure, SentMessage
from distribution.outcomes.status_reports import AppliedReports
from distribution.runtime import india_time
from phonepool.errors import (
    HALTING,
    PORTFOLIO_PACING,
    Action,
    Failure,
    FailureCategory,
    classify,
)
from phonepool.models import PhoneNumber, Waba
from phonepool.numbers import pool
from phonepool.numbers.breakers import CallReport
from subscribers.consent import decisions as consent
from subscribers.consent import reachability
from subscribers.models import ConsentEvent
from webhooks.applying.events import Trouble

# An older event is no reason to slow or stop what works now.
EVENT_AGE_LIMIT = timedelta(minutes=10)
REPORTED_LATE = "reported after acceptance"


def apply(applied: AppliedReports, *, now: datetime) -> None:
    """The effects of newly reported failures."""
    failures = portfolio_pacing.name_reviews(applied.failures)
    _report_to_pool(_late_reports(failures, applied.sent, now), now)
    verdicts = mass_failures.judge_reports(failures, applied.sent, now=now)
    invalid = [one for one in failures if one.failure.action is Action.INVALID]
    _count_unreachable(set(invalid) - mass_failures.general(invalid, verdicts), now)
    stopped = [one for one in failures if one.failure.action is Action.OPTOUT]
    _opt_out(sorted(set(stopped) - mass_failures.general(stopped, verdicts), key=_order), now)
    _pause_distributions([one for one in failures if one.failure.action in HALTING], now)
    _pause_reviewed([one for one in failures if one.failure is PORTFOLIO_PACING], now)
    ended_failures.tell(failures, now=now)


# --- phone numbers and accounts -----------------------------------------------------------------


def _late_reports(
    failures: Iterable[ReportedFailure], sent: Iterable[SentMessage], now: datetime
) -> list[CallReport]:
    """Recent failures by the time their messages were sent, and the successes beside them."""
    reports = [
        CallReport(one.number_id, one.failure, (one.sent_at or one.at).timestamp(), late=True)
        for one in failures
        if one.number_id is not None and one.at > now - EVENT_AGE_LIMIT
    ]
    if reports:
        reports += [
            CallReport(one.number_id, None, one.sent_at.timestamp(), late=True) for one in sent
        ]
    return reports


def _report_to_pool(reports: Sequence[CallReport], now: datetime) -> None:
    if reports and pool.report_calls(reports, now=now):
        control.wake_all_backups(now)
        phone_pool.refresh(now)


# --- people -------------------------------------------------------------------------------------


def _count_unreachable(failures: Iterable[ReportedFailure], now: datetime) -> None:
    by_day = defaultdict(set)
    for one in failures:
        by_day[india_time.local_date(one.at)].add(one.subscriber_id)
    for day, subscribers in sorted(by_day.items()):
        reachability.report_unreachable(subscribers, on=day, now=now)


def _order(failure: ReportedFailure) -> tuple[datetime, int]:
    return failure.at, failure.delivery_id


def _opt_out(failures: Iterable[ReportedFailure], now: datetime) -> None:
    """These recipients used WhatsApp's own switch, which a failure with this code reports.

    Not while it hits an implausible share of everybody: then only what people themselves say, by
    the switch's own webhook or a STOP, unsubscribes them.
    """
    decisions = [
        consent.Decision(
            subscriber_id=one.subscriber_id,
            kind=ConsentEvent.Kind.OPT_OUT,
            source=f"whatsapp:{one.code}",
            at=one.at,
            evidence=f"delivery {one.delivery_id}",
        )
        for one in failures
    ]
    if decisions:
        consent.record(decisions, now=now)


# --- distributions ------------------------------------------------------------------------------


def _pause_distributions(failures: Sequence[ReportedFailure], now: datetime) -> None:
    """Those that were hit, unless they were resumed after these messages were sent."""
    hit: dict[tuple[int, Failure], list[ReportedFailure]] = defaultdict(list)
    for one in sorted(failures, key=lambda one: one.sent_at or one.at, reverse=True):
        hit[one.distribution_id, one.failure].append(one)
    distributions = Distribution.objects.in_bulk({one.distribution_id for one in failures})
    for (distribution_id, failure), ones in hit.items():
        resumed_at = distributions[distribution_id].resumed_at
        new = [one for one in ones if not resumed_at or (one.sent_at or one.at) >= resumed_at]
        if new:
            refused_templates.stop(
                distribution_id,
                failure,
                {one.number_id for one in new},
                at=max(one.at for one in new),
                seen=REPORTED_LATE,
                sent_with={one.sent_with for one in new},
                now=now,
            )


def _resumed_since(distribution_id: int, moment: datetime) -> bool:
    resumed_at = Distribution.objects.get(pk=distribution_id).resumed_at
    return resumed_at is not None and moment < resumed_at


def _pause_reviewed(failures: Sequence[ReportedFailure], now: datetime) -> None:
    """Meta reviews the portfolio: whatever else it sends would be held and dropped, too."""
    sent_by = {one.number_id for one in failures if one.number_id is not None}
    portfolios = PhoneNumber.objects.filter(pk__in=sent_by).values_list("portfolio_id", flat=True)
    for portfolio_id in set(portfolios) if sent_by else ():
        dropped_at = max(one.at for one in failures)
        for distribution_id in control.sending_by(portfolio_id):
            if not _resumed_since(distribution_id, dropped_at):
                control.pause_for(distribution_id, PORTFOLIO_PACING, seen=REPORTED_LATE, now=now)
        incidents.raise_alert(
            AlertRule.ACCOUNT_NOTICE,
            PORTFOLIO_PACING.slug,
            message="Meta held back this portfolio's messages, dropped them (135000) and is "
            "reviewing the account. They are never sent again. Check the review in Business "
            "Manager.",
            now=now,
        )


# --- errors that are not about one message ------------------------------------------------------


def apply_errors(
    errors: Iterable[Trouble], numbers: Mapping[str, int], *, now: datetime
) -> Counter[str]:
    """Apply `value.errors`; how many had no effect, by reason."""
    left_out: Counter[str] = Counter()
    reports, halted = [], []
    for error in errors:
        if error.at <= now - EVENT_AGE_LIMIT:
            left_out["errors.stale"] += 1
            continue
        failure = classify(error.code, details=error.details, late=True)
        number_id = numbers.get(error.number)
        if number_id is not None:
            reports.append(CallReport(number_id, failure))
        if failure.action in HALTING:
            halted.append((error, number_id, failure))
        elif not _concerns_number(failure):
            left_out[f"errors.{failure.slug}"] += 1
    _report_to_pool(reports, now)
    for error, number_id, failure in halted:
        for distribution_id in control.sending_by(_portfolio(number_id, error.account)):
            refused_templates.stop(
                distribution_id,
                failure,
                {number_id},
                at=error.at,
                seen="an error about the account",
                now=now,
            )
    return left_out


def _concerns_number(failure: Failure) -> bool:
    throttled = failure.category is FailureCategory.RATE_LIMIT
    return failure.action is Action.NUMBER or (throttled and failure.action is Action.BACKOFF)


def _portfolio(number_id: int | None, account: str) -> int | None:
    """The portfolio of a number, else of the account; None if neither is known."""
    number = PhoneNumber.objects.filter(pk=number_id).first() if number_id else None
    waba = None if number else Waba.objects.filter(meta_id=account).first()
    return number.portfolio_id if number else waba.portfolio_id if waba else None
