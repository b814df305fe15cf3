"""Asks Meta which of two templates of a rotation group is blocked less: once a day and group."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Max

from distribution.models import MessageTemplate, RotationGroup, TemplateComparison
from distribution.quality import comparisons
from distribution.runtime import india_time
from phonepool.cloud_api.client import CloudApi
from phonepool.cloud_api.comparison import CALLS_PER_HOUR, TemplateOrder
from phonepool.exceptions import CloudApiError, Rejected

log = logging.getLogger(__name__)
NO_ORDER = "Meta's answer has no order of the two templates."


def ask_due(api: CloudApi, *, now: datetime) -> int:
    """Ask about the groups that were not asked about today, as many as the hour allows; how many
    answers there were."""
    recent = TemplateComparison.objects.filter(asked_at__gt=now - timedelta(hours=1)).count()
    left, answered = CALLS_PER_HOUR - recent, 0
    for group in _waiting(now):
        if left <= 0:
            break
        row = _claim(group, now)
        if row is None:
            continue
        left -= 1
        try:
            told = api.compare_templates(
                row.template.meta_id,
                row.other.meta_id,
                row.window_days or 0,
                now=int(now.timestamp()),
            )
        except CloudApiError as error:
            log.warning("%s: the templates could not be compared: %s", group, error)
            _note_error(row, str(error))
            if not isinstance(error, Rejected):
                break  # Meta does not answer: tomorrow again
            continue
        answered += _store(row, told, now)
    return answered


def _waiting(now: datetime) -> list[RotationGroup]:
    """The groups that Meta was not asked about today, the longest unasked first."""
    today = india_time.local_date(now)
    rows = TemplateComparison.objects.order_by().values_list("template__group")
    asked = dict(rows.annotate(Max("asked_at")))
    groups = [
        group
        for group in RotationGroup.objects.order_by("pk").prefetch_related("templates")
        if group.pk not in asked or india_time.local_date(asked[group.pk]) < today
    ]
    return sorted(groups, key=lambda one: asked[one.pk].timestamp() if one.pk in asked else 0.0)


def _claim(group: RotationGroup, now: datetime) -> TemplateComparison | None:
    """The comparison to ask for, marked as asked; None: no pair qualifies, or another process has
    taken it. The window that is asked for is set on the object only."""
    pair = comparisons.next_pair(group.templates.all(), today=india_time.local_date(now))
    if pair is None:
        return None
    first, second, days = pair
    row, made = TemplateComparison.objects.get_or_create(
        template=first, other=second, defaults={"asked_at": now}
    )
    rows = TemplateComparison.objects.filter(pk=row.pk, asked_at=row.asked_at)
    if not made and not rows.update(asked_at=now):
        return None
    row.window_days = days
    return row


def _note_error(row: TemplateComparison, error: str) -> None:
    """The last answer stays as it is."""
    TemplateComparison.objects.filter(pk=row.pk).update(error=error[:200])


def _store(row: TemplateComparison, told: TemplateOrder, now: datetime) -> bool:
    """Store an answer; False if it does not say which of the two is blocked less."""
    by_id = {row.template.meta_id: row.template, row.other.meta_id: row.other}
    if len(told.order) != 2 or set(told.order) != set(by_id):
        _note_error(row, NO_ORDER)
        return False
    TemplateComparison.objects.filter(pk=row.pk).update(
        error="",
        answered_at=now,
        window_days=row.window_days,
        less_blocked=by_id[told.order[0]],
        template_sends=_sends(told, row.template),
        other_sends=_sends(told, row.other),
        template_reason=told.reasons.get(row.template.meta_id, ""),
        other_reason=told.reasons.get(row.other.meta_id, ""),
    )
    return True


def _sends(told: TemplateOrder, template: MessageTemplate) -> int | None:
    return told.sends.get(template.meta_id)
