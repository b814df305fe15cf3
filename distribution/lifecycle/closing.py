"""Closing a distribution: its result, its alerts, and the end of the numbers' standby."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.analytics import counts
from distribution.analytics.shared_counts import Seldom
from distribution.dead_man import mornings
from distribution.ledger import deliveries, report_lag, returns, rollup_marks
from distribution.lifecycle.control import emit_state_event
from distribution.models import Distribution, DistributionState, EventKind, Kind
from distribution.outcomes import tallies
from distribution.service_level import budget_watch, receipt_watch, sla
from phonepool.numbers import health

CLOSED_WITH_DISTRIBUTION = (
    AlertRule.SLA_AT_RISK,
    AlertRule.RECEIPTS_LATE,
    AlertRule.MESSAGES_HELD,
    AlertRule.CONGESTION,
    AlertRule.DISTRIBUTION_PAUSED,
    AlertRule.CAPACITY_SHORT,
    AlertRule.CONTENT_INVALID,
    AlertRule.TEMPLATE_NOT_APPROVED,
    AlertRule.OVERRUN,
    AlertRule.RUNG_TAKEN,
)


# Of a large distribution, asked after a pause: it looks at all rows until one is found.
_awaited: Seldom[bool] = Seldom()


def complete_if_done(distribution_id: int, *, now: datetime) -> bool:
    """Close it when nothing is owed or awaited any more; the chord's end and the tick both call it.

    True when this call closed it. Statuses that come later still rise; the stored result stays.
    """
    distribution = Distribution.objects.running().filter(pk=distribution_id).first()
    if distribution is None or distribution.preparing or not _is_done(distribution, now):
        return False
    results = sla.results(distribution, now=now)
    with transaction.atomic():  # a crash here leaves no end without its alerts
        closed = _close(distribution_id, results, now)
        if closed:
            _close_alerts(distribution, results, now)
            if distribution.kind == Kind.DAILY:
                was_met = results["sla_met"] or not distribution.recipients
                mornings.tell(distribution.pk, mornings.MET if was_met else mornings.FAILED)
    if closed:
        receipt_watch.keep(distribution)
        budget_watch.look(distribution, now=now)
        tallies.forget_old(now)
    if closed and not Distribution.objects.running().exists():
        health.stand_down(now)
    return closed


def _close(distribution_id: int, results: dict[str, object], now: datetime) -> bool:
    running = Distribution.objects.running().filter(pk=distribution_id, preparing=False)
    closed = running.update(
        state=DistributionState.COMPLETED,
        completed_at=now,
        results=results,
        sla_accepted=results["sla_accepted"],
        sla_delivered=results["sla_delivered"],
    )
    if closed:
        rollup_marks.mark_changed([distribution_id], now=now)
        emit_state_event(EventKind.DISTRIBUTION_COMPLETED, distribution_id, now, report=results)
    return bool(closed)


def _is_done(distribution: Distribution, now: datetime) -> bool:
    assert distribution.window_end is not None  # a constraint of running ones
    if now >= distribution.window_end:
        deliveries.skip_rest(distribution.pk, distribution.pause_cause)
    else:  # who failed for the cause of a pause waits again: it is not done
        returns.return_for_pause(distribution, now=now)
    if counts.has_unsettled(distribution):
        return False
    deadline = distribution.sla_deadline
    if deadline is None or now >= deadline:
        return not report_lag.read(now).holds_open(deadline)
    awaited = _awaited.news(distribution, lambda: counts.has_awaited(distribution))
    return awaited is False


def _close_alerts(distribution: Distribution, results: dict[str, object], now: datetime) -> None:
    for rule in CLOSED_WITH_DISTRIBUTION:
        incidents.close_alert(rule, distribution.pk, now=now)
    if distribution.recipients and not results["sla_met"]:
        incidents.raise_alert(
            AlertRule.SLA_MISSED,
            distribution.pk,
            message=f"{distribution} missed its SLA. {_violations(results)}",
            now=now,
        )
    if results["unconfirmed"]:
        incidents.raise_alert(
            AlertRule.UNCONFIRMED,
            distribution.pk,
            message=f"{distribution}: {results['unconfirmed']} deliveries are unconfirmed. Decide "
            "on each.",
            now=now,
        )


def _violations(results: dict[str, object]) -> str:
    violations = results["violations"]
    return " ".join(violations) if isinstance(violations, list) else ""
