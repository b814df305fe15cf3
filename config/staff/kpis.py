"""The strip of key figures on the home page: the last 28 mornings, from stored sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Q, Sum
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from distribution.cost import figures
from distribution.models import Distribution, DistributionState, Kind
from distribution.quality import figures as signals
from distribution.quality import rules, wording
from distribution.runtime.money import money
from distribution.runtime.text_formats import percent
from distribution.service_level import sla
from phonepool.models import PhoneNumber, Quality

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
    sums = mornings(first, today)
    found = (
        _service_level(sums),
        _started_in_time(sums),
        _quality(user),
        _block_rate(today),
        _cost(user, first, today),
    )
    return [kpi for kpi in found if kpi is not None]


def mornings(first: date, last: date) -> Mapping[str, Any]:
    """Sums over these mornings: those measured, and those that started in time."""
    share = F(f"sla_{settings.SLA_BASIS}")
    measured = Q(state=DistributionState.COMPLETED, sla_accepted__isnull=False)
    in_time = Q(opened_at__lte=F("planned_at") + sla.LATE_START_AFTER)
    ended = [DistributionState.COMPLETED, DistributionState.MISSED]
    rows = Distribution.objects.filter(
        kind=Kind.DAILY, state__in=ended, local_date__range=(first, last)
    )
    return rows.order_by().aggregate(
        reached=Sum(share * F("recipients"), filter=measured),
        people=Sum("recipients", filter=measured),
        measured=Count("pk", filter=measured),
        days=Count("pk"),
        started=Count("pk", filter=in_time),
    )


def _service_level(sums: Mapping[str, Any]) -> Kpi | None:
    """The share of all people of these mornings, by what the headline counts."""
    if not sums["people"]:
        return None
    reached = sums["reached"] / sums["people"]
    days = sums["measured"]
    words = ngettext("%(days)s morning", "%(days)s mornings", days) % {"days": days}
    return Kpi(
        _("Service level"),
        percent(reached),
        _("%(mornings)s in 28 days, target %(target)s")
        % {"mornings": words, "target": percent(settings.SLA_TARGET)},
        reverse("admin:distribution_distribution_changelist"),
        reached < settings.SLA_TARGET,
    )


def _started_in_time(sums: Mapping[str, Any]) -> Kpi | None:
    """A morning that began within a minute found the whole system up."""
    if not sums["days"]:
        return None
    return Kpi(
        _("Uptime at the start"),
        percent(sums["started"] / sums["days"]),
        _("%(started)s of %(days)s mornings in 28 days started within a minute") % sums,
        reverse("admin:distribution_distribution_changelist"),
        sums["started"] < sums["days"],
    )


def pool_quality() -> Mapping[str, int]:
    """How many numbers Meta confirmed, and of them those with high and those with poor quality."""
    numbers = PhoneNumber.objects.filter(verified_at__isnull=False).order_by()
    return numbers.aggregate(
        all=Count("pk"),
        high=Count("pk", filter=Q(quality=Quality.HIGH)),
        poor=Count("pk", filter=Q(quality__in=[Quality.LOW, Quality.FLAGGED])),
    )


def _quality(user: Any) -> Kpi | None:
    """Of the phone numbers that Meta knows as ours."""
    if not user.has_perm("phonepool.view_phonenumber"):
        return None
    sums = pool_quality()
    if not sums["all"]:
        return None
    return Kpi(
        _("High quality"),
        _("%(high)s of %(all)s") % sums,
        _("phone numbers that Meta rates high"),
        reverse("admin:phonepool_phonenumber_changelist"),
        sums["poor"] > 0,
    )


def _block_rate(today: date) -> Kpi | None:
    """Of all templates together, as it was counted in the evenings."""
    rate = rules.rate_over(signals.whole(until=today), rules.LONG_WINDOW)
    if not rate.people:
        return None
    verdict, _style = wording.verdict(rate)
    return Kpi(
        _("Block rate"),
        percent(rate.share),
        _("%(verdict)s: %(low)s to %(high)s, last 7 mornings")
        % {"verdict": verdict, "low": percent(rate.low), "high": percent(rate.high)},
        reverse("admin:distribution_messagetemplate_changelist"),
        rate.low > rules.LIMIT,
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
