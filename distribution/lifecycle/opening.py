"""Opening a distribution: check, freeze the audience, begin; or record why it did not begin."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.dead_man import mornings
from distribution.ledger import deliveries, outbox
from distribution.ledger.partitions import ahead
from distribution.lifecycle import (
    audience,
    audience_limit,
    control,
    ladder,
    preflight,
    repetition,
)
from distribution.lifecycle.audience import FrozenAudience
from distribution.lifecycle.closing import complete_if_done
from distribution.lifecycle.content_choice import ContentChoice
from distribution.lifecycle.control import ControlError
from distribution.lifecycle.preflight import Preflight, PreflightFinding
from distribution.models import Content, Distribution, DistributionState, EventKind, Kind, Severity
from distribution.models.distributions import UNOPENED
from distribution.quality import sent_templates
from distribution.runtime import india_time
from phonepool.numbers import health


def open_distribution(distribution_id: int, *, now: datetime) -> bool:
    """Check, freeze the audience (of a large one the first slice) and begin; True when this call
    opened it.

    A failed check leaves it BLOCKED with the reason and an open alert; the next tick tries again.
    """
    ahead.ensure(distribution_id)
    with transaction.atomic():
        rows = Distribution.objects.select_for_update(of=("self",), skip_locked=True)
        distribution = rows.filter(pk=distribution_id, state__in=UNOPENED).first()
        if distribution is None:  # another process opened it, or is opening it
            return False
        if now - distribution.planned_at > timedelta(seconds=settings.MAX_START_LATENESS_SECONDS):
            _miss(distribution, now)
            return False
        checked = preflight.check(distribution, now=now, priced=False)
        findings = checked.findings
        blocked = any(finding.blocking for finding in findings)
        frozen = None if blocked else _begin(distribution, checked, now)
        if blocked:
            _block(distribution, findings)
        # In the same transaction: told later, it could come after another process opened it and
        # closed its alerts, and stay open for good.
        _update_alerts(distribution, findings, frozen, now)
    if frozen is None:
        return False
    health.ensure_capacity(
        frozen.recipients, until=now + timedelta(seconds=settings.SLA_WINDOW_SECONDS), now=now
    )
    if not frozen.recipients:
        complete_if_done(distribution.pk, now=now)
    return True


def _begin(distribution: Distribution, checked: Preflight, now: datetime) -> FrozenAudience:
    content = checked.content
    if distribution.kind == Kind.DAILY:
        _end_earlier_days(distribution, now)
    distribution.content = content  # what is sent: the fallback, if the planned one failed
    distribution.message_template = checked.template
    if content is not None:
        repetition.lock(content)
    frozen = audience.freeze(distribution, now=now)
    if content is not None:
        repetition.skip_received(distribution, content)
        sent_templates.fix(distribution, content, recipients=frozen.recipients)
        choice = ContentChoice(content, template=checked.template)
        distribution.ladder = ladder.keep(distribution, choice, now=now)
    distribution.state = DistributionState.SENDING
    distribution.state_reason = "" if frozen.recipients else "No eligible recipients."
    distribution.opened_at = now
    distribution.window_end = now + timedelta(seconds=settings.SENDING_WINDOW_SECONDS)
    distribution.sla_deadline = distribution.planned_at + timedelta(
        seconds=settings.SLA_WINDOW_SECONDS
    )
    distribution.recipients = frozen.recipients
    distribution.batches = frozen.batches
    distribution.save()
    outbox.distribution(EventKind.DISTRIBUTION_OPENED, distribution, now=now)
    if distribution.kind == Kind.DAILY:
        mornings.tell(distribution.pk, mornings.BEGUN)
    return frozen


def _end_earlier_days(distribution: Distribution, now: datetime) -> None:
    """No two days are sent at once: what earlier ones left unsent is skipped, with an alert. Many
    people are skipped by the regular check, so that today's first message does not wait for it."""
    days = Distribution.objects.running().filter(
        kind=Kind.DAILY, local_date__lt=distribution.local_date
    )
    for earlier in days:
        days.filter(pk=earlier.pk, window_end__gt=now).update(window_end=now)
        left_out = control.waiting(earlier.pk)  # nobody claims them any more
        if left_out <= settings.FIRST_SLICE_PEOPLE:
            left_out = deliveries.skip_rest(earlier.pk, earlier.pause_cause)
        incidents.raise_alert(
            AlertRule.OVERRUN,
            earlier.pk,
            message=f"{earlier} was still open when {distribution} started. It was ended. "
            + audience_limit.people_skipped(left_out),
            now=now,
        )


def _block(distribution: Distribution, findings: list[PreflightFinding]) -> None:
    distribution.state = DistributionState.BLOCKED
    reasons = " ".join(finding.message for finding in findings if finding.blocking)
    distribution.state_reason = reasons[:200]
    distribution.save(update_fields=["state", "state_reason"])


def _miss(distribution: Distribution, now: datetime) -> None:
    distribution.state = DistributionState.MISSED
    distribution.state_reason = f"Too late to start. {distribution.state_reason}"[:200].strip()
    distribution.save(update_fields=["state", "state_reason"])
    outbox.distribution(EventKind.DISTRIBUTION_MISSED, distribution, now=now)
    if distribution.kind == Kind.DAILY:
        mornings.tell(distribution.pk, mornings.FAILED)
    incidents.raise_alert(
        AlertRule.DISTRIBUTION_MISSED,
        distribution.pk,
        message=f"{distribution} didn't start in time: {distribution.state_reason}",
        now=now,
    )


def _update_alerts(
    distribution: Distribution,
    findings: list[PreflightFinding],
    frozen: FrozenAudience | None,
    now: datetime,
) -> None:
    """Each finding is an open alert while it lasts; the alerts of checks that passed are closed."""
    for finding in findings:
        incidents.raise_alert(
            finding.rule,
            distribution.pk,
            severity=Severity.CRITICAL if finding.blocking else Severity.WARNING,
            message=f"{distribution}: {finding.message}",
            now=now,
        )
    for rule in preflight.RULES - {finding.rule for finding in findings}:
        incidents.close_alert(rule, distribution.pk, now=now)
    if frozen is not None and frozen.over_limit:
        audience_limit.tell(distribution, frozen.over_limit, now=now)


def objection_to_start(distribution: Distribution) -> str:
    """Who sends the same content that day, in a sentence; '' if nobody, or if that is meant."""
    content = distribution.content or Content.objects.approved_for(distribution.local_date)
    if content is None or distribution.again_reason:
        return ""
    repetition.lock(content)
    return repetition.objection(content, distribution.local_date, own=distribution)


def start_now(distribution_id: int, *, now: datetime, again_reason: str = "") -> bool:
    """Begin a planned distribution before its time, on its own day; its clock starts now.

    True when it opened; False when a check blocks it: its `state_reason` then says why. Refused
    while others send the same content that day, unless `again_reason` says why it is sent again.
    """
    with transaction.atomic():
        rows = Distribution.objects.select_for_update(of=("self",))
        distribution = rows.filter(pk=distribution_id, state__in=UNOPENED).first()
        if distribution is None:
            raise ControlError("Only a distribution that hasn't started can be started.")
        if distribution.local_date != india_time.local_date(now):
            raise ControlError(
                "This distribution is scheduled for another day and can only start on that day."
            )
        if again_reason:
            distribution.again_reason = again_reason[:200]
        if objection := objection_to_start(distribution):
            raise ControlError(objection)
        distribution.planned_at = min(distribution.planned_at, now)
        distribution.save(update_fields=["planned_at", "again_reason"])
    return open_distribution(distribution_id, now=now)
