"""Writes actions of API callers to the admin's log of staff actions."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model
from rest_framework.request import Request

from distribution.access import full_numbers
from distribution.models import ApiToken


def log_action(
    request: Request, target: Model, action: str, *, reason: str = "", after: dict[str, Any] | None
) -> None:
    """Log an action on `target`, with the token if it was one."""
    by = f" (API token {request.auth})" if isinstance(request.auth, ApiToken) else " (API)"
    assert request.user.pk is not None  # ScopeNeeded requires a user
    entry = {"act": f"{action}{by}", "reason": reason, "before": {}, "after": after or {}}
    LogEntry.objects.log_actions(request.user.pk, [target], CHANGE, [entry], single_object=True)


def may_read_numbers(request: Request) -> bool:
    """Whether the caller may read numbers in full, and Meta's message ids, which contain them."""
    return full_numbers.may_read(request.user, request.auth)


def reads_number(request: Request, person: Model) -> bool:
    """The same; a reading of this person's number is logged, with the address it came from."""
    if not may_read_numbers(request):
        return False
    asked = f"{request.method} {request.path}"
    log_action(request, person, "Read the phone number in full.", reason=asked, after=None)
    return True
