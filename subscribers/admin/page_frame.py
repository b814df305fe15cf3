"""The admin's frame around a page that a model admin renders itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.template.response import TemplateResponse


class FramedAdmin(Protocol):
    """What the frame takes from a model admin."""

    admin_site: AdminSite
    opts: Any


def framed(
    model_admin: FramedAdmin, request: HttpRequest, name: str, /, *, title: str, **context: Any
) -> TemplateResponse:
    """The template `name` with the menu, the title and the links of the admin around it."""
    frame = model_admin.admin_site.each_context(request)
    return TemplateResponse(
        request, name, {**frame, "opts": model_admin.opts, "title": title, **context}
    )


def viewable_row(model_admin: ModelAdmin[Any], request: HttpRequest, object_id: str) -> Any:
    """The row, 404 without it; 403 for users who may not view it."""
    row = model_admin.get_object(request, object_id)
    if row is None:
        raise Http404
    if not model_admin.has_view_permission(request, row):
        raise PermissionDenied
    return row


def csv_file(lines: Iterable[str | bytes], filename: str) -> StreamingHttpResponse:
    """The lines as a file to keep, streamed so that any length needs little memory."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def staff_user(request: HttpRequest) -> User:
    """Who is signed in: the admin admits no one else."""
    assert isinstance(request.user, User)
    return request.user
