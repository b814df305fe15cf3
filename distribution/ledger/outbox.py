"""Events for other systems, written in the transaction that causes them (outbox pattern).

An event is one INSERT; `distribution/event_webhooks/` copies it to the subscriptions and posts it.
There is no statement per message: a batch with failures writes one row, one without writes none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from distribution.models import (
    Alert,
    Content,
    Distribution,
    EventKind,
    OutgoingEvent,
    Preflight,
    RotationChange,
    TemplateDraft,
)

ALERT_FIELDS = ("id", "rule", "scope", "severity", "message", "opened_at", "closed_at")


def emit(
    kind: EventKind, *, subject: str, data: dict[str, Any], now: datetime, once: str | None = None
) -> None:
    """Write an event; events with the same `once` are written a single time."""
    event = OutgoingEvent(kind=kind, subject=subject[:80], data=data, at=now, once=once)
    OutgoingEvent.objects.bulk_create([event], ignore_conflicts=True)


def distribution(
    kind: EventKind, about: Distribution, *, now: datetime, once: str | None = None, **more: Any
) -> None:
    """Write an event of a distribution; `more` is added to its description."""
    described = {
        "id": about.pk,
        "kind": about.kind,
        "date": about.local_date,
        "state": str(about.state),
        "reason": about.state_reason,
        "content": about.content_id,
        "planned_at": about.planned_at,
        "opened_at": about.opened_at,
        "window_end": about.window_end,
        "completed_at": about.completed_at,
        "recipients": about.recipients,
    }
    data = {"distribution": described, **more}
    emit(kind, subject=f"distribution {about.pk}", data=data, now=now, once=once)


def failures(delivery_ids: Collection[int], *, now: datetime) -> None:
    """Write that deliveries have just failed; they are described before the event is posted."""
    if delivery_ids:
        data = {"gather": sorted(delivery_ids)}
        emit(EventKind.DELIVERIES_FAILED, subject="", data=data, now=now)


def alert(kind: EventKind, about: Alert, *, now: datetime) -> None:
    """Write that an alert was opened or closed."""
    described = {name: getattr(about, name) for name in ALERT_FIELDS}
    emit(kind, subject=f"alert {about.pk}", data={"alert": described}, now=now)


def content(kind: EventKind, about: Content, *, reason: str, now: datetime) -> None:
    """Write a decision about a content."""
    described = {
        "id": about.pk,
        "date": about.day,
        "title": about.title,
        "state": str(about.state),
        "is_fallback": about.is_fallback,
        "message_template": about.message_template_id,
        "decided_at": about.decided_at,
        "reason": reason,
    }
    emit(kind, subject=f"content {about.pk}", data={"content": described}, now=now)


def rotation(change: RotationChange, *, now: datetime) -> None:
    """Write that another template of a group was taken into use."""
    described = {
        "group": change.group.name,
        "before": change.before_id,
        "after": change.after_id,
        "cause": str(change.cause),
        "reason": change.reason,
        "by_hand": change.by_id is not None,
    }
    subject = f"group {change.group_id}"
    emit(EventKind.TEMPLATE_ROTATED, subject=subject, data={"rotation": described}, now=now)


def template_draft(kind: EventKind, about: TemplateDraft, *, now: datetime) -> None:
    """Write that a better version of a template was drafted, or what Meta decided on it."""
    described = {
        "id": about.pk,
        "improves": about.source_id,
        "name": about.name,
        "state": str(about.state),
        "template": about.template_id,
        "by_rule": about.by_rule,
        "answer": about.answer,
    }
    emit(kind, subject=f"draft {about.pk}", data={"draft": described}, now=now)


def preflight(
    about: Preflight, *, failing: Sequence[str], doubtful: Sequence[str], now: datetime
) -> None:
    """Write a preflight's verdict, with the keys of the checks that were not in order."""
    described = {
        "id": about.pk,
        "verdict": str(about.verdict),
        "sent_messages": about.sends,
        "by_hand": about.started_by_id is not None,
        "started_at": about.started_at,
        "ended_at": about.ended_at,
        "failing": list(failing),
        "doubtful": list(doubtful),
    }
    subject = f"preflight {about.pk}"
    emit(EventKind.PREFLIGHT_COMPLETED, subject=subject, data={"preflight": described}, now=now)


def cost_differs(check: dict[str, Any], *, now: datetime) -> None:
    """Write that the charges of an account's day differ from Meta's; once for each."""
    subject = f"account {check['account']}"
    once = f"cost.differs {check['account']} {check['day']}"
    data = {"cost_check": check}
    emit(EventKind.COST_DIFFERS, subject=subject, data=data, now=now, once=once)


def cost_over_limit(about: Content, estimate: dict[str, Any], *, now: datetime) -> None:
    """Write that a content was approved although a message of it costs more than the limit."""
    data = {"estimate": {"content": about.pk, "date": about.day, **estimate}}
    emit(EventKind.COST_OVER_LIMIT, subject=f"content {about.pk}", data=data, now=now)
