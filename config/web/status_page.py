"""`/status` and `/status.json`: the public status, off unless STATUS_PAGE is set."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from distribution.reporting import public_status
from distribution.reporting.public_status import PublicStatus
from distribution.runtime import india_time

KEY, SECONDS = "public-status", 15  # however many ask, the database is asked this often


def _switched_on(
    view: Callable[[PublicStatus, HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if not settings.STATUS_PAGE:
            raise Http404
        status = cache.get(KEY)
        if status is None:
            status = public_status.read(timezone.now())
            cache.set(KEY, status, SECONDS)
        response = view(status, request)
        response["Cache-Control"] = f"public, max-age={SECONDS}"
        return response

    return require_safe(answer)


@_switched_on
def page(status: PublicStatus, request: HttpRequest) -> HttpResponse:
    """For people."""
    return render(request, "status.html", {"status": status})


@_switched_on
def document(status: PublicStatus, _request: HttpRequest) -> HttpResponse:
    """For programs. `level` is good, late, failed, running or none."""
    mornings = [
        {"day": one.day.isoformat(), "level": one.level, "words": one.words}
        for one in status.mornings
    ]
    return JsonResponse(
        {
            "as_of": india_time.iso(status.as_of),
            "today": mornings[0],
            "incident": status.incident,
            "mornings": mornings,
        }
    )
