"""What a program did, in the same log as what people do."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from rest_framework.request import Request

from distribution.models import ApiToken


def note(
    request: Request, target: Model, act: str, *, reason: str = "", after: dict[str, Any] | None
) -> None:
    """Keep an act; whose token it was stands in the sentence."""
    by = f" (API token {request.auth})" if isinstance(request.auth, ApiToken) else " (API)"
    assert request.user.pk is not None  # ScopeNeeded lets nobody else in
    kept = {"act": f"{act}{by}", "reason": reason, "before": {}, "after": after or {}}
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(target),
        object_id=str(target.pk),
        object_repr=str(target)[:200],
        action_flag=CHANGE,
        change_message=json.dumps([kept]),
    )
