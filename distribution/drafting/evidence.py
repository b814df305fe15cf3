"""What is known of how people take a template: the facts that a better version rests on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from distribution.drafting.proposal import Signals
from distribution.models import MessageTemplate
from distribution.quality import comparisons, figures, rules, wording
from distribution.quality.rules import Counts, Rate
from distribution.runtime import india_time

LOWERED = ("YELLOW", "RED")


def signals_of(template: MessageTemplate, *, now: datetime) -> Signals:
    """Of the mornings up to now."""
    today = india_time.local_date(now)
    days = figures.by_template([template.pk], until=today).get(template.pk, [])
    rate = rules.worst(days)
    reason = comparisons.top_reason(template)
    return Signals(
        top_reason=reason,
        blocked=rate.low > rules.WARNING_LIMIT or template.quality in LOWERED,
        stops=rate.hard,
        reads_dropped=rules.reads_dropped(days),
        evidence=" ".join(_sentences(template, rate, days, reason)),
    )


def _sentences(
    template: MessageTemplate, rate: Rate, days: list[Counts], reason: str
) -> Iterator[str]:
    if template.quality in LOWERED:
        yield _("Meta rates it %(colour)s.") % {"colour": template.quality.lower()}
    if rate.low > rules.WARNING_LIMIT:
        yield wording.describe(rate)
    if reason:
        words = comparisons.reason_in_words(reason)
        yield _("Why people block it, according to Meta: %(reason)s.") % {"reason": words}
    if rules.reads_dropped(days):
        yield _("On two mornings running far fewer people read it than usual.")
