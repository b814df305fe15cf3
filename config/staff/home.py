"""What the admin's home shows to users who may see distributions."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from config.setup import registry
from distribution.reporting import today


def add_today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Complete the context of the home's template; unfold calls this for each request."""
    if request.user.has_perm("distribution.view_distribution"):
        loaded = today.load(timezone.now())
        context |= {
            "today": loaded,
            "content": loaded.content,
            "sla_basis": settings.SLA_BASIS,
        }
    if request.user.has_perm("phonepool.sync_phonenumber"):
        context["setup_left"] = registry.left(registry.stored())
        context["setup_checked"] = registry.checked_at() is not None
    return context
