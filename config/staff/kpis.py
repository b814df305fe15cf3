"""The strip of key figures on the home page: the last 28 mornings, from stored sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Sum
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from distribution.cost import figures
from distribution.models import Distribution, DistributionState, Kind
from distribution.runtime.money import money
from distribution.runtime.text_formats import percent

DAYS = 28


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure: what it is, its value, what it is measured by, and its page."""

    name: str
    value: str
    beside: str
    url: str
    is_bad: bool = False


def strip(user: Any, today: date) -> list[Kpi]:
    """The figures that this user may see; none before the first morning was counted."""
    first = today - timedelta(days=DAYS - 1)
    found = (_service_level(first, today), _cost(user, first, today))
    return [kpi for kpi in found if kpi is not None]


def _service_level(first: date, last: date) -> Kpi | None:
    """The share of all people of these mornings, by what the headline counts."""
    share = F(f"sla_{settings.SLA_BASIS}")
    mornings = Distribution.objects.filter(
        kind=Kind.DAILY, state=DistributionState.COMPLETED, local_date__range=(first, last)
    ).exclude(sla_accepted=None)
    sums = mornings.order_by().aggregate(
        reached=Sum(share * F("recipients")), people=Sum("recipients"), days=Count("pk")
    )
    if not sums["people"]:
        return None
    reached = sums["reached"] / sums["people"]
    words = ngettext("%(days)s morning", "%(days)s mornings", sums["days"]) % {"days": sums["days"]}
    return Kpi(
        _("Service level"),
        percent(reached),
        _("%(mornings)s in 28 days, target %(target)s")
        % {"mornings": words, "target": percent(settings.SLA_TARGET)},
        reverse("admin:distribution_distribution_changelist"),
        reached < settings.SLA_TARGET,
    )


def _cost(user: Any, first: date, last: date) -> Kpi | None:
    if not user.has_perm("distribution.view_cost"):
        return None
    spent = figures.between(first, last)
    if not spent.messages:
        return None
    limit = money(figures.limit_per_message(), figures.RUPEES)
    return Kpi(
        _("Cost per message"),
        spent.per_message_words,
        _("%(amount)s in 28 days without GST, limit %(limit)s")
        % {"amount": spent.words, "limit": limit},
        reverse("admin:distribution_cost_page"),
        spent.is_over_limit,
    )
