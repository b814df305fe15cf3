"""Who did what to a distribution, when and why: written to the admin's log."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest


def note(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    target: Model,
    act: str,
    *,
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Keep an act in the log; `before` and `after` hold what changed, as plain JSON. The
    address is added where every entry gets it."""
    kept = {
        "act": act,
        "reason": reason,
        "before": before or {},
        "after": after or {},
    }
    admin.log_change(request, target, [kept])
