"""The live board for the wall: one page, and the fragment by which it keeps itself up to date.

What is shown is the same for everybody, so all viewers share one reckoning a second.
"""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from distribution.models import Alert, Distribution
from distribution.models.distributions import UNOPENED
from distribution.reporting.snapshot import picture
from distribution.runtime.short_lived_cache import Shared

RUNNING_MS, IDLE_MS = 1000, 5000  # how often a page asks

shared: Shared[str] = Shared(fresh=0.9)


@require_safe
@staff_member_required
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, with the board in it: it says the truth without its script, too."""
    until = getattr(request, "signed_in_until", None)
    return render(
        request, "dashboard/page.html", {"board_html": shared.get("board", _render), "until": until}
    )


@require_safe
@staff_member_required
def fragment(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The board alone, for the page's script."""
    response = HttpResponse(shared.get("board", _render))
    response["Cache-Control"] = "no-store"
    return response


def _render() -> str:
    now = timezone.now()
    running = list(Distribution.objects.running().order_by("planned_at"))
    last = None if running else Distribution.objects.exclude(opened_at=None).first()
    chosen = running[0] if running else last
    planned = Distribution.objects.filter(state__in=UNOPENED).order_by("planned_at")
    context = {
        "board": picture(chosen, now=now) if chosen else None,
        "running": bool(running),
        "others": running[1:],
        "next": None if running else planned.first(),
        "alerts": list(Alert.objects.filter(closed_at=None).order_by("severity", "-opened_at")[:3]),
        "at": now,
        "ask_ms": RUNNING_MS if running else IDLE_MS,
    }
    return render_to_string("dashboard/board.html", context)
