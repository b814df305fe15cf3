"""Pages on which rows are not added, changed or deleted."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin


class NeverAdded:
    """For a page or an inline: no one adds rows by hand."""

    def has_add_permission(self, request: HttpRequest, *_: Any, **__: Any) -> bool:
        return False


class NeverChanged:
    """For a page or an inline: rows stay as they were written."""

    def has_change_permission(self, request: HttpRequest, *_: Any, **__: Any) -> bool:
        return False


class NeverDeleted:
    """For a page or an inline: rows are evidence, or others refer to them."""

    def has_delete_permission(self, request: HttpRequest, *_: Any, **__: Any) -> bool:
        return False


class ReadOnlyAdmin(NeverAdded, NeverChanged, NeverDeleted, ModelAdmin):
    """Rows that the app's own functions write: shown, never edited."""

    list_per_page = 50
