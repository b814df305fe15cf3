"""A distribution's life: open, pause, resume, cancel, complete. The only writer of its state
but for `schedule.py`, which plans it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from distribution.alerts import incidents
from distribution.analytics import counts, rollups
from distribution.ledger import deliveries, outbox
from distribution.lifecycle import audience, preflight
from distribution.lifecycle.audience import Frozen
from distribution.lifecycle.preflight import Finding
from distribution.models import Delivery, Distribution, DistributionState, EventKind, Kind, Severity
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.service_level import sla
from phonepool.numbers import breakers, health


class ControlError(Exception):
    """The step is not possible from where the distribution stands; the text says why."""


def open_distribution(distribution_id: int, *, now: datetime) -> bool:
    """Check, freeze the audience and begin; True when this call opened it.

    A failed check leaves it BLOCKED with the reason and an open alert; the next tick asks again.
    """
    with transaction.atomic():
        rows = Distribution.objects.select_for_update(of=("self",), skip_locked=True)
        distribution = rows.filter(pk=distribution_id, state__in=UNOPENED).first()
        if distribution is None:  # somebody was faster, or is at it
            return False
        if now - distribution.planned_at > timedelta(seconds=settings.MAX_START_LATENESS_SECONDS):
            _miss(distribution, now)
            return False
        found = preflight.findings(distribution, now=now)
        blocked = any(finding.blocking for finding in found)
        frozen = None if blocked else _begin(distribution, now)
        if blocked:
            _block(distribution, found)
    _tell(distribution, found, frozen, now)
    if frozen is None:
        return False
    health.ensure_capacity(
        frozen.recipients, until=now + timedelta(seconds=settings.SLA_WINDOW_SECONDS), now=now
    )
    if not frozen.recipients:
        complete_if_done(distribution.pk, now=now)
    return True


def _begin(distribution: Distribution, now: datetime) -> Frozen:
    if distribution.kind == Kind.DAILY:
        _end_earlier_days(distribution, now)
    frozen = audience.freeze(distribution, now=now)
    distribution.content = preflight.content_for(distribution)
    distribution.state = DistributionState.SENDING
    distribution.state_reason = "" if frozen.recipients else "There was nobody to write to."
    distribution.opened_at = now
    distribution.window_end = now + timedelta(seconds=settings.SENDING_WINDOW_SECONDS)
    distribution.sla_deadline = distribution.planned_at + timedelta(
        seconds=settings.SLA_WINDOW_SECONDS
    )
    distribution.recipients = frozen.recipients
    distribution.batches = frozen.batches
    distribution.save()
    outbox.distribution(EventKind.DISTRIBUTION_OPENED, distribution, now=now)
    return frozen


def _end_earlier_days(distribution: Distribution, now: datetime) -> None:
    """Nobody gets two days at once: what yesterday's left unsent stays unsent, and that is said."""
    days = Distribution.objects.running().filter(
        kind=Kind.DAILY, local_date__lt=distribution.local_date
    )
    for earlier in days:
        days.filter(pk=earlier.pk, window_end__gt=now).update(window_end=now)
        left_out = deliveries.skip_waiting(earlier.pk, deliveries.WINDOW_OVER)
        incidents.raise_alert(
            "overrun",
            scope=_scope(earlier),
            severity=Severity.CRITICAL,
            message=f"{earlier} was still open when {distribution} began: it was ended, "
            f"{left_out} people are left out.",
            now=now,
        )


def _block(distribution: Distribution, found: list[Finding]) -> None:
    distribution.state = DistributionState.BLOCKED
    reasons = " ".join(finding.message for finding in found if finding.blocking)
    distribution.state_reason = reasons[:200]
    distribution.save(update_fields=["state", "state_reason"])


def _miss(distribution: Distribution, now: datetime) -> None:
    distribution.state = DistributionState.MISSED
    distribution.state_reason = f"Too late to begin. {distribution.state_reason}"[:200].strip()
    distribution.save(update_fields=["state", "state_reason"])
    outbox.distribution(EventKind.DISTRIBUTION_MISSED, distribution, now=now)
    incidents.raise_alert(
        "distribution_missed",
        scope=_scope(distribution),
        severity=Severity.CRITICAL,
        message=f"{distribution} was not begun in time: {distribution.state_reason}",
        now=now,
    )


CHECK_RULES = (
    "no_content",
    "template_not_approved",
    "no_token",
    "no_number",
    "content_repeated",
    "capacity_short",
    "portfolio_limit",
)


def _tell(
    distribution: Distribution, found: list[Finding], frozen: Frozen | None, now: datetime
) -> None:
    """Each finding is an open alert while it lasts; what was mended is closed."""
    for finding in found:
        incidents.raise_alert(
            finding.rule,
            scope=_scope(distribution),
            severity=Severity.CRITICAL if finding.blocking else Severity.WARNING,
            message=f"{distribution}: {finding.message}",
            now=now,
        )
    for rule in set(CHECK_RULES) - {finding.rule for finding in found}:
        incidents.close_alert(rule, scope=_scope(distribution), now=now)
    if frozen is not None and frozen.over_limit:
        incidents.raise_alert(
            "portfolio_limit",
            scope=_scope(distribution),
            severity=Severity.CRITICAL,
            message=f"{distribution}: {frozen.over_limit} people are left out, the portfolio's "
            "24 h limit is reached: ask Meta for a higher limit.",
            now=now,
        )


def start_now(distribution_id: int, *, now: datetime) -> bool:
    """Begin a planned one before its time, on its own day; its clock starts now.

    True when it opened; False when a check blocks it, which its reason then says.
    """
    with transaction.atomic():
        rows = Distribution.objects.select_for_update(of=("self",))
        distribution = rows.filter(pk=distribution_id, state__in=UNOPENED).first()
        if distribution is None:
            raise ControlError("Only a distribution that has not begun can be started.")
        if distribution.local_date != timezone.localdate(now):
            raise ControlError("It is planned for another day: it starts on its own day only.")
        if distribution.planned_at > now:
            distribution.planned_at = now
            distribution.save(update_fields=["planned_at"])
    return open_distribution(distribution_id, now=now)


def pause(distribution_id: int, *, reason: str, now: datetime) -> bool:
    """Nothing new is claimed from now on; calls under way finish. True when this call did it."""
    sending = Distribution.objects.sending().filter(pk=distribution_id)
    with transaction.atomic():
        paused = sending.update(state=DistributionState.PAUSED, state_reason=reason[:200])
        if paused:
            _say(EventKind.DISTRIBUTION_PAUSED, distribution_id, now)
            incidents.raise_alert(
                "distribution_paused",
                scope=f"distribution {distribution_id}",
                severity=Severity.CRITICAL,
                message=f"Distribution {distribution_id} is paused: {reason}",
                now=now,
            )
    return bool(paused)


def resume(distribution_id: int, *, now: datetime) -> None:
    """Go on where it was paused. Nothing was lost meanwhile: what waited still waits, and one
    message tries at once whether the fault is mended."""
    paused = Distribution.objects.filter(pk=distribution_id, state=DistributionState.PAUSED)
    with transaction.atomic():
        if not paused.update(state=DistributionState.SENDING, state_reason=""):
            raise ControlError("Only a paused distribution can be resumed.")
        _say(EventKind.DISTRIBUTION_SENDING, distribution_id, now)
    breakers.try_again(now)
    incidents.close_alert("distribution_paused", scope=f"distribution {distribution_id}", now=now)


def reopen(distribution_id: int, *, until: datetime) -> None:
    """Let a distribution send until then at least, for what a human wants sent after its end."""
    distribution = Distribution.objects.select_for_update(of=("self",)).get(pk=distribution_id)
    if distribution.state not in (*RUNNING, DistributionState.COMPLETED):
        raise ControlError("It was cancelled, so nothing of it is sent any more.")
    if distribution.state == DistributionState.COMPLETED:
        distribution.state = DistributionState.SENDING
        distribution.completed_at = None
    assert distribution.window_end is not None  # it was opened once
    distribution.window_end = max(distribution.window_end, until)
    distribution.save(update_fields=["state", "completed_at", "window_end"])


def cancel(distribution_id: int, *, reason: str, now: datetime) -> int:
    """Send to nobody more; how many were left out. What is under way is still settled."""
    rows = Distribution.objects.filter(pk=distribution_id, state__in=[*UNOPENED, *RUNNING])
    with transaction.atomic():
        # Paused first and for good: a claim that runs now commits before or finds nothing.
        if not rows.update(state=DistributionState.CANCELLED, state_reason=reason[:200]):
            raise ControlError("It has ended already, so it cannot be cancelled.")
        rollups.mark([distribution_id], now=now)
        _say(EventKind.DISTRIBUTION_CANCELLED, distribution_id, now)
    incidents.close_alert("distribution_paused", scope=f"distribution {distribution_id}", now=now)
    return deliveries.skip_waiting(distribution_id, deliveries.CANCELLED)


def complete_if_done(distribution_id: int, *, now: datetime) -> bool:
    """Close it when nothing is owed or awaited any more; the chord's end and the tick both ask.

    True when this call closed it. Statuses that come later still rise; the stored result stays.
    """
    distribution = Distribution.objects.running().filter(pk=distribution_id).first()
    if distribution is None or not _is_done(distribution, now):
        return False
    results = sla.results(distribution, now=now)
    with transaction.atomic():  # who dies here leaves no end without its alerts
        closed = _close(distribution_id, results, now)
        if closed:
            _close_alerts(distribution, results, now)
    if closed and not Distribution.objects.running().exists():
        health.stand_down(now)
    return closed


def _close(distribution_id: int, results: dict[str, object], now: datetime) -> bool:
    running = Distribution.objects.running().filter(pk=distribution_id)
    closed = running.update(
        state=DistributionState.COMPLETED,
        completed_at=now,
        results=results,
        sla_accepted=results["sla_accepted"],
        sla_delivered=results["sla_delivered"],
    )
    if closed:
        rollups.mark([distribution_id], now=now)
        _say(EventKind.DISTRIBUTION_COMPLETED, distribution_id, now, report=results)
    return bool(closed)


def _say(kind: EventKind, distribution_id: int, now: datetime, **more: Any) -> None:
    """Tell other systems where it stands now, in the transaction that brought it there."""
    distribution = Distribution.objects.get(pk=distribution_id)
    outbox.distribution(kind, distribution, now=now, **more)


def _is_done(distribution: Distribution, now: datetime) -> bool:
    assert distribution.window_end is not None  # a constraint of running ones
    if now >= distribution.window_end:
        deliveries.skip_waiting(distribution.pk, deliveries.WINDOW_OVER)
    if counts.tally(distribution).unsettled:
        return False
    deadline = distribution.sla_deadline
    waited_enough = deadline is None or now >= deadline
    return waited_enough or not counts.reach(distribution).awaited


def _close_alerts(distribution: Distribution, results: dict[str, object], now: datetime) -> None:
    scope = _scope(distribution)
    for rule in ("sla_at_risk", "distribution_paused", "capacity_short", "overrun"):
        incidents.close_alert(rule, scope=scope, now=now)
    if distribution.recipients and not results["sla_met"]:
        incidents.raise_alert(
            "sla_missed",
            scope=scope,
            severity=Severity.CRITICAL,
            message=f"{distribution} missed its service level. {_sentences(results)}",
            now=now,
        )
    if results["unconfirmed"]:
        incidents.raise_alert(
            "unconfirmed",
            scope=scope,
            severity=Severity.WARNING,
            message=f"{distribution}: nobody knows whether {results['unconfirmed']} people got "
            "the message: decide on each.",
            now=now,
        )


def _sentences(results: dict[str, object]) -> str:
    violations = results["violations"]
    return " ".join(violations) if isinstance(violations, list) else ""


def _scope(distribution: Distribution) -> str:
    return f"distribution {distribution.pk}"


def waiting(distribution_id: int) -> int:
    """Deliveries that have not been sent yet."""
    rows = Delivery.objects.filter(distribution_id=distribution_id)
    return rows.filter(state__in=["PENDING", "RETRY_WAIT", "CLAIMED"]).count()
