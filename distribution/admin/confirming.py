"""The page between a dangerous act and its doing: what will happen, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse

CONFIRMED = "confirmed"


def reason_given(request: HttpRequest) -> str | None:
    """The reason of an act that was confirmed with one; None while it still has to be asked."""
    reason = request.POST.get("reason", "").strip()
    return reason[:200] if CONFIRMED in request.POST and reason else None


def ask(
    request: HttpRequest,
    page: Any,
    *,
    title: str,
    says: str,
    rows: Iterable[object],
    button: str,
) -> TemplateResponse:
    """The page that asks; its form posts the same action again, with the reason.

    `page` is the model admin, `says` tells what the act does and whether it can be undone.
    """
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "opts": page.model._meta,
        "says": says,
        "rows": [str(row) for row in rows],
        "button": button,
        "action": request.POST.get("action", ""),
        "everything": request.POST.get("select_across", "0"),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "box": ACTION_CHECKBOX_NAME,
        "missing": CONFIRMED in request.POST,
    }
    return TemplateResponse(request, "admin/distribution/confirm.html", context)
