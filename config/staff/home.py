"""The admin's first page: today's board, for whoever may see distributions."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from distribution.lifecycle import preflight
from distribution.reporting import today as boards


def board(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What unfold asks for the home's template. Nothing is read for who may see nothing."""
    if request.user.has_perm("distribution.view_distribution"):
        now = timezone.now()
        found = boards.read(now)
        context |= {
            "board": found,
            "content": preflight.content_for(found.next) if found.next else None,
            "sla_basis": settings.SLA_BASIS,
        }
    return context
