"""Alerts about a quality that fell: one for each number and template, until it rises again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Max

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.alerts.incidents import Condition
from distribution.models import MessageTemplate, QualityChange, Severity
from distribution.quality.history import ABOVE_LIMIT, LEVELS
from phonepool.models import PhoneNumber

RULES = (AlertRule.NUMBER_QUALITY, AlertRule.TEMPLATE_QUALITY)
LOWEST = 1  # RED, LOW, and what is flagged


def refresh(now: datetime) -> None:
    """An alert while the latest change of a quality was a fall; the others close."""
    incidents.keep_true(RULES, _falls(), now=now)


def _falls() -> Iterator[Condition]:
    for change in _latest("number"):
        number = change.number
        if number is not None and _fell(change, number.quality):
            words = number.get_quality_display().lower()
            yield _told(AlertRule.NUMBER_QUALITY, number, change, words)
    for change in _latest("template"):
        template = change.template
        if template is not None and _fell(change, template.quality):
            yield _told(AlertRule.TEMPLATE_QUALITY, template, change, template.quality.lower())


def _latest(owner: str) -> Iterator[QualityChange]:
    """The latest change of each number, or template, but for those that are our own count: the
    rotation of its group tells those."""
    rated = QualityChange.objects.exclude(after=ABOVE_LIMIT).filter(**{f"{owner}__isnull": False})
    last = rated.order_by().values(owner).annotate(last=Max("pk")).values("last")
    return QualityChange.objects.filter(pk__in=last).select_related(owner).iterator()


def _fell(change: QualityChange, now_rated: str) -> bool:
    """A rating that came without a change in the history, or an unknown one, is no fall."""
    before, after = LEVELS.get(change.before), LEVELS.get(change.after)
    if before is None or after is None or LEVELS.get(now_rated) != after:
        return False
    return after < before


def _told(
    rule: AlertRule, rated: PhoneNumber | MessageTemplate, change: QualityChange, words: str
) -> Condition:
    lowest = LEVELS[change.after] <= LOWEST
    kind = "Number" if isinstance(rated, PhoneNumber) else "Template"
    message = f"{kind} {rated}: Meta’s quality rating fell from {change.before.lower()} to {words}."
    return Condition(rule, rated.pk, message, Severity.CRITICAL if lowest else Severity.WARNING)
