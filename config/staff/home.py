"""What the admin's home shows to users who may see distributions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.setup import registry
from config.staff import kpis, to_do
from config.staff.to_do import Link
from distribution.alerts.catalogue import AlertRule
from distribution.lifecycle import confirmation
from distribution.lifecycle.preflight import PreflightFinding
from distribution.models import Distribution, DistributionState, Preflight, PreflightState
from distribution.reporting import today
from distribution.runtime import india_time
from distribution.runtime.text_formats import minutes_or_seconds
from subscribers.people import replies

PREFLIGHT_SHOWN_FOR = timedelta(hours=12)
CONTENT, NUMBERS = "distribution_content", "phonepool_phonenumber"
# Where what a check found can be put right: the list, what the link says, who may open it.
REMEDIES: dict[AlertRule, tuple[str, Promise, str]] = {
    AlertRule.NO_CONTENT: (f"{CONTENT}_add", _("Write content"), "distribution.add_content"),
    AlertRule.CONTENT_INVALID: (f"{CONTENT}_changelist", _("Content"), "distribution.view_content"),
    AlertRule.CONTENT_REPEATED: (
        f"{CONTENT}_calendar",
        _("Calendar"),
        "distribution.view_content",
    ),
    AlertRule.TEMPLATE_NOT_APPROVED: (
        "distribution_messagetemplate_changelist",
        _("Message templates"),
        "distribution.view_messagetemplate",
    ),
    AlertRule.NO_NUMBER: (
        f"{NUMBERS}_changelist",
        _("Phone numbers"),
        "phonepool.view_phonenumber",
    ),
    AlertRule.CAPACITY_SHORT: (
        f"{NUMBERS}_changelist",
        _("Phone numbers"),
        "phonepool.view_phonenumber",
    ),
    AlertRule.PORTFOLIO_LIMIT: (
        "phonepool_portfolio_changelist",
        _("Portfolios"),
        "phonepool.view_portfolio",
    ),
}


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """What a check found, and where it can be put right; without a link for who may not."""

    finding: PreflightFinding
    link: Link | None


def add_today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Complete the context of the home's template; unfold calls this for each request."""
    user = request.user
    if user.has_perm("distribution.view_distribution"):
        now = timezone.now()
        loaded = today.load(now)
        context |= {
            "today": loaded,
            "content": loaded.content,
            "findings": [ShownFinding(one, _remedy(user, one)) for one in loaded.findings],
            "to_do": list(to_do.for_person(user, loaded, now)),
            "awaiting": list(_awaiting(user, now)),
            "kpis": kpis.strip(user, india_time.local_date(now)),
            "sla_basis": settings.SLA_BASIS,
            "sla_window": minutes_or_seconds(settings.SLA_WINDOW_SECONDS),
        }
    if request.user.has_perm("subscribers.view_reply"):
        context["replies_today"] = replies.since(timezone.now() - timedelta(days=1)).count()
    if request.user.has_perm("phonepool.sync_phonenumber"):
        since = timezone.now() - PREFLIGHT_SHOWN_FOR
        tested = Preflight.objects.filter(state=PreflightState.DONE, started_at__gt=since)
        context["preflight"] = tested.first()
        context["setup_left"] = registry.left(registry.stored())
        context["setup_checked"] = registry.checked_at() is not None
    return context


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A distribution that a second person has to confirm, and where this one can; or why not."""

    distribution: Distribution
    url: str
    objection: str


def _awaiting(user: Any, now: datetime) -> Iterator[Awaiting]:
    """Gone as soon as it is confirmed, cancelled or too late."""
    rows = Distribution.objects.filter(
        state=DistributionState.AWAITING_CONFIRMATION, confirm_by__gt=now
    )
    related = ("content", "requested_by", "requested_token")
    for row in rows.select_related(*related).order_by("confirm_by", "pk"):
        objection, url = confirmation.objection_to(row, user), ""
        if not objection and user.has_perm("distribution.confirm_distribution"):
            url = reverse("admin:distribution_act", args=[row.pk, "confirm"])
        yield Awaiting(row, url, objection)


def _remedy(user: Any, finding: PreflightFinding) -> Link | None:
    route, words, permission = REMEDIES.get(finding.rule, ("", "", ""))
    if not route or not user.has_perm(permission):
        return None
    return Link(str(words), reverse(f"admin:{route}"))
