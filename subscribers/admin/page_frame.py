"""The admin's frame around a page that a model admin renders itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from subscribers import slots
from subscribers.admin import zone

SHOWN_KEY = "_shown_form_key"  # on the request: the key of a form that is shown again


class OwnPages(ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A model admin with pages of its own: by route, the method and the name of the URL."""

    pages: dict[str, tuple[str, str]]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        routes = [
            path(route, view(getattr(self, method)), name=name)
            for route, (method, name) in self.pages.items()
        ]
        return [*routes, *super().get_urls()]


class Titled:
    """A row whose name, in the title and the links above its page, is another than `str` of it."""

    def __init__(self, row: Any, words: str) -> None:
        self._row, self._words = row, words

    def __str__(self) -> str:
        return self._words

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


def framed(
    model_admin: ModelAdmin[Any], request: HttpRequest, name: str, /, *, title: str, **context: Any
) -> TemplateResponse:
    """The template `name` with the menu, the title and the links of the admin around it.

    Its forms that create something carry `form_key`, by `admin/form_key.html`.
    """
    zone.name_in_forms(context.values())
    frame = model_admin.admin_site.each_context(request)
    key = getattr(request, SHOWN_KEY, "") or secrets.token_urlsafe(16)
    own = {"opts": model_admin.opts, "title": title, "form_key": key}
    return TemplateResponse(request, name, {**frame, **own, **context})


def viewable_row(model_admin: ModelAdmin[Any], request: HttpRequest, object_id: str) -> Any:
    """The row, 404 without it; 403 for users who may not view it."""
    row = model_admin.get_object(request, object_id)
    if row is None:
        raise Http404
    if not model_admin.has_view_permission(request, row):
        raise PermissionDenied
    return row


def csv_file(
    request: HttpRequest, lines: Iterable[str | bytes], filename: str
) -> StreamingHttpResponse:
    """The lines as a file to keep, streamed so that any length needs little memory.

    Raises `slots.Busy`: call it before the download is logged.
    """
    return attachment(request, lines, filename, "text/csv; charset=utf-8")


def attachment(
    request: HttpRequest, pieces: Iterable[str | bytes], filename: str, media_type: str
) -> StreamingHttpResponse:
    """The pieces as a file to keep, in one of the few places for downloads."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    held = slots.download(pieces, f"user {staff_user(request).pk}")
    return StreamingHttpResponse(held, content_type=media_type, headers=headers)


def staff_user(request: HttpRequest) -> User:
    """Who is signed in: the admin admits no one else."""
    assert isinstance(request.user, User)
    return request.user
