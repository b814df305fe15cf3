"""The measurement every few seconds: figures kept, alerts of a running distribution kept true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.analytics import shared_counts
from distribution.analytics.counts import Tally
from distribution.analytics.shared_counts import Counted, Seldom
from distribution.ledger import report_lag
from distribution.ledger.reasons import explain
from distribution.ledger.report_lag import ReportLag
from distribution.ledger.template_shares import template_in_sql
from distribution.models import (
    Delivery,
    Distribution,
    DistributionState,
    MessageTemplate,
    Severity,
    State,
)
from distribution.runtime.text_formats import minutes_or_seconds, percent
from distribution.service_level import (
    failure_share,
    limiting_factor,
    pace,
    pace_watch,
    receipt_watch,
    receipts,
    sla,
)
from distribution.service_level.congestion import Waiting
from distribution.service_level.failure_share import Answers
from distribution.service_level.pace import Pace
from distribution.service_level.receipts import Receipts
from distribution.service_level.sla import Sla
from phonepool.models import PhoneNumber

_Part = tuple[int | None, int | None, str, str, int]  # number, template, state, reason, messages
_counted_parts: Seldom[list[_Part]] = Seldom()
_measured_receipts: Seldom[Receipts] = Seldom()

HELD_WARNING, HELD_CRITICAL = 0.01, 0.10  # of the messages that Meta took


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule found."""

    message: str
    severity: Severity = Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class _Facts:
    """One distribution at one moment: what all its rules look at."""

    distribution: Distribution
    level: Sla
    tally: Tally
    numbers: Sequence[PhoneNumber]
    pace: Pace | None  # None: it does not send
    now: datetime
    lag: ReportLag


def refresh(distribution: Distribution, *, now: datetime) -> Sla:
    """Measure a running distribution, keep the figures, raise or close its alerts."""
    lag = report_lag.read(now)  # first: what is applied meanwhile is counted, too
    counted = shared_counts.read(distribution, now=now)
    lag, tally, reach = lag.counted(counted.at), counted.tally, counted.reach
    numbers = list(PhoneNumber.objects.all())
    level = sla.keep(distribution, tally, reach, numbers, now=now, lag=lag)
    measured = _pace(distribution, counted, numbers, now)
    facts = _Facts(distribution, level, tally, numbers, measured, now, lag)
    for rule, judge in RULES.items():
        _raise_or_close(rule, distribution.pk, str(distribution), judge(facts), now)
    _judge_parts(facts)
    return level


def look_at_pace(
    distribution: Distribution,
    level: Sla,
    tally: Tally,
    numbers: Sequence[PhoneNumber],
    measured: Pace | None,
    *,
    now: datetime,
) -> None:
    """Judge the rules that seconds matter for, from figures that somebody has just read."""
    lag = report_lag.none(now)  # none of these rules asks
    facts = _Facts(distribution, level, tally, numbers, measured, now, lag)
    for rule in FAST_RULES:
        _raise_or_close(rule, distribution.pk, str(distribution), RULES[rule](facts), now)


def _pace(
    distribution: Distribution,
    counted: Counted,
    numbers: Sequence[PhoneNumber],
    now: datetime,
) -> Pace | None:
    """Whoever paused it knows why it stands; the projection tells when time runs out."""
    if distribution.state != DistributionState.SENDING:
        return None
    tally, reach = counted.tally, counted.reach
    return pace_watch.measure(distribution, tally, reach, numbers, now=now, counted_at=counted.at)


def _raise_or_close(
    rule: AlertRule, about: int, name: str, found: Judgement | None, now: datetime
) -> None:
    if found is None:
        incidents.close_alert(rule, about, now=now)
        return
    choice = found.severity if len(rule.severities) > 1 else None
    incidents.raise_alert(rule, about, message=f"{name}: {found.message}", severity=choice, now=now)


def _at_risk(facts: _Facts) -> Judgement | None:
    """R0 to R3, and what cannot be reached any more."""
    projected = facts.level.projected_share
    window = minutes_or_seconds(settings.SLA_WINDOW_SECONDS)
    if projected is not None and projected < settings.SLA_ALERT_THRESHOLD:
        why = f"at best {percent(projected)} {settings.SLA_BASIS} within {window}."
    elif facts.pace is None or not (why := pace_watch.objection(facts.pace)):
        return None
    factor = limiting_factor.describe(facts.tally, facts.pace, facts.numbers) if facts.pace else ""
    return Judgement(" ".join([why, factor, *facts.level.violations]).replace("  ", " ").rstrip())


def _receipts(facts: _Facts) -> Judgement | None:
    """R4, as of the time up to which reports are applied: those that wait here have come."""
    curve = receipt_watch.learned(facts.distribution)
    if not curve.may_alert:
        return None
    measured = _measured_receipts.value(
        facts.distribution,
        lambda: receipt_watch.measure(facts.distribution, now=facts.lag.as_of),
    )
    severity = receipts.judge(measured, curve)
    if severity is None:
        return None
    return Judgement(receipt_watch.words(measured, curve) or "Receipts are late.", severity)


def _held(facts: _Facts) -> Judgement | None:
    """R6: Meta holds messages back to see how people react to the first ones."""
    held = facts.tally.count(State.HELD)
    taken = held + facts.tally.count(State.ACCEPTED)
    if held <= HELD_WARNING * taken:
        return None
    severity = Severity.CRITICAL if held > HELD_CRITICAL * taken else Severity.WARNING
    return Judgement(
        f"WhatsApp holds {held:,} of {taken:,} messages for a quality assessment.", severity
    )


def _failures(facts: _Facts) -> Judgement | None:
    """R5, of the whole distribution."""
    answers = failure_share.answers_of(_rows(facts.tally))
    if not answers.is_too_high:
        return None
    failed = facts.tally.reasons.get(State.FAILED, Counter())
    ours = {reason: count for reason, count in failed.items() if failure_share.is_ours(reason)}
    cause = max(ours, key=lambda reason: ours[reason])
    return Judgement(f"{_failed(answers)} Most often: {explain(cause).words}.")


def _congestion(facts: _Facts) -> Judgement | None:
    if facts.pace is None:
        return None
    waiting = Waiting(
        people=facts.pace.due,
        oldest_seconds=facts.pace.oldest_due,
        per_second=facts.pace.achieved(pace.LONG),
        capacity=facts.pace.capacity,
    )
    if not waiting.is_congested:
        return None
    at_risk = pace.judge(facts.pace) is not None
    return Judgement(
        f"{waiting.people:,} people wait, the first for {waiting.oldest_seconds:.0f} s, while "
        f"{waiting.per_second:,.1f} messages per second are accepted. "
        + limiting_factor.describe(facts.tally, facts.pace, facts.numbers),
        Severity.CRITICAL if at_risk else Severity.WARNING,
    )


RULES = {
    AlertRule.SLA_AT_RISK: _at_risk,
    AlertRule.RECEIPTS_LATE: _receipts,
    AlertRule.MESSAGES_HELD: _held,
    AlertRule.FAILURES_HIGH: _failures,
    AlertRule.CONGESTION: _congestion,
}

FAST_RULES = (AlertRule.SLA_AT_RISK, AlertRule.FAILURES_HIGH)


# --- R5 of one number and of one template: of a whole that fails, they are told, too --------------


def _judge_parts(facts: _Facts) -> None:
    """Failures by number and by template, one query, and only if anything failed or is open."""
    failed = failure_share.answers_of(_rows(facts.tally)).failed
    parts = (AlertRule.NUMBER_FAILURES, AlertRule.TEMPLATE_FAILURES)
    if not failed and not any(incidents.open_alerts(rule).exists() for rule in parts):
        return
    counted = _counted_parts.value(facts.distribution, lambda: _count_parts(facts.distribution))
    for number in facts.numbers:
        of_it = failure_share.answers_of(row[2:] for row in counted if row[0] == number.pk)
        _tell_part(AlertRule.NUMBER_FAILURES, number.pk, f"Number {number}", of_it, facts)
    for template in MessageTemplate.objects.filter(pk__in={row[1] for row in counted}):
        of_it = failure_share.answers_of(row[2:] for row in counted if row[1] == template.pk)
        _tell_part(AlertRule.TEMPLATE_FAILURES, template.pk, f"Template {template}", of_it, facts)


def _count_parts(distribution: Distribution) -> list[_Part]:
    rows = Delivery.objects.filter(distribution=distribution).order_by()
    rows = rows.filter(state__in=[State.ACCEPTED, State.HELD, State.FAILED])
    return list(
        rows.annotate(sent_with=template_in_sql(distribution))
        .values_list("number_id", "sent_with", "state", "reason")
        .annotate(Count("pk"))
    )


def _tell_part(rule: AlertRule, pk: int, name: str, answers: Answers, facts: _Facts) -> None:
    found = Judgement(_failed(answers)) if answers.is_too_high else None
    _raise_or_close(rule, pk, name, found, facts.now)


def _failed(answers: Answers) -> str:
    return f"{answers.failed:,} of {answers.total:,} messages failed."


def _rows(tally: Tally) -> list[tuple[str, str, int]]:
    failed = tally.reasons.get(State.FAILED, Counter())
    taken = tally.count(State.ACCEPTED, State.HELD)
    rows = [(str(State.FAILED), reason, count) for reason, count in failed.items()]
    return [*rows, (str(State.ACCEPTED), "", taken)]
