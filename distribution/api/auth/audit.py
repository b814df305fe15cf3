"""Writes actions of API callers to the admin's log of staff actions."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model
from rest_framework.request import Request

from distribution.models import ApiToken


def log_action(
    request: Request, target: Model, action: str, *, reason: str = "", after: dict[str, Any] | None
) -> None:
    """Log an action on `target`, with the token if it was one."""
    by = f" (API token {request.auth})" if isinstance(request.auth, ApiToken) else " (API)"
    assert request.user.pk is not None  # ScopeNeeded requires a user
    entry = {"act": f"{action}{by}", "reason": reason, "before": {}, "after": after or {}}
    LogEntry.objects.log_actions(request.user.pk, [target], CHANGE, [entry], single_object=True)
