"""The live dashboard: one page, and the fragment that its script fetches to stay up to date.

All viewers with the same permissions see the same, so the fragment is rendered once a second for
all of them.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.db.models import Count, QuerySet, Window
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from distribution.lifecycle import control
from distribution.models import Alert, Distribution, DistributionState
from distribution.models.distributions import UNOPENED
from distribution.reporting import today
from distribution.reporting.snapshot import take_snapshot
from distribution.runtime.caches import ShortLivedCache
from distribution.runtime.text_formats import relative
from distribution.service_level.sla import LATE_START_AFTER
from subscribers.shown_part import Part

RUNNING_REFRESH_MS, IDLE_REFRESH_MS = 1000, 5000  # how often a page fetches the fragment
ALERTS_SHOWN = 3
SEE_BOARD, SEE_ALERTS = "distribution.view_distribution", "distribution.view_alert"
PAUSE = "distribution.pause_distribution"

shared: ShortLivedCache[str] = ShortLivedCache(min_seconds=0.9)


@require_safe
@staff_member_required
@permission_required(SEE_BOARD, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """The whole page. The fragment is part of it: it is correct without its script, too."""
    until = getattr(request, "signed_in_until", None)
    context = {
        "fragment_html": _fragment(request),
        "until": until,
        "unexplained": _unexplained() if request.user.has_perm(PAUSE) else None,
    }
    return render(request, "dashboard/page.html", context)


@require_safe
@staff_member_required
@permission_required(SEE_BOARD, raise_exception=True)
def fragment(request: HttpRequest) -> HttpResponse:
    """The part that changes, for the page's script."""
    response = HttpResponse(_fragment(request))
    response["Cache-Control"] = "no-store"
    return response


def _fragment(request: HttpRequest) -> str:
    """The fragment, with alerts and buttons for those who may use them."""
    with_alerts, may_pause = request.user.has_perm(SEE_ALERTS), request.user.has_perm(PAUSE)
    return shared.get(
        f"fragment {with_alerts} {may_pause}",
        lambda: _render(with_alerts=with_alerts, may_pause=may_pause),
    )


def _unexplained() -> Distribution | None:
    """The distribution that somebody paused by one click, without a reason so far."""
    paused = Distribution.objects.filter(state=DistributionState.PAUSED, pause_cause="")
    return paused.filter(state_reason__endswith=control.UNEXPLAINED).order_by("planned_at").first()


def _render(*, with_alerts: bool, may_pause: bool) -> str:
    now = timezone.now()
    running = list(Distribution.objects.running().order_by("planned_at"))
    late = None if running else _late(now)
    latest = None if running or late else Distribution.objects.exclude(opened_at=None).first()
    shown = running[0] if running else late or latest
    planned = Distribution.objects.filter(state__in=UNOPENED).order_by("planned_at")
    following = None if running or late else planned.first()
    alerts = Alert.objects.filter(closed_at=None).order_by("severity", "-opened_at")
    context = {
        "snapshot": take_snapshot(shown, now=now) if shown else None,
        "running": bool(running),
        "controls": running if may_pause else [],
        "others": running[1:],
        "late": relative(late.planned_at, now) if late else "",
        "next": following,
        "next_in": relative(following.planned_at, now) if following else "",
        "alerts": _first(alerts) if with_alerts else None,
        "at": now,
        "refresh_ms": RUNNING_REFRESH_MS if running or late else IDLE_REFRESH_MS,
    }
    return render_to_string("dashboard/fragment.html", context)


def _late(now: datetime) -> Distribution | None:
    """The earliest whose time has come and that has not begun: blocked, or nobody opens it."""
    due = today.held_back(now)
    if due is None or due.state == DistributionState.BLOCKED:
        return due
    return due if now - due.planned_at > LATE_START_AFTER else None


def _first(alerts: QuerySet[Alert]) -> Part:
    """The first alerts and how many there are, in one statement."""
    rows = list(alerts.annotate(counted=Window(Count("pk")))[:ALERTS_SHOWN])
    return Part(rows, 0, rows[0].counted if rows else 0, ALERTS_SHOWN)
