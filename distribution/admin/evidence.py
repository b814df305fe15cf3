"""Rows that are evidence: added on one page, ended by one action, never edited or deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise

from subscribers.admin import form_keys
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.form_keys import Earlier, SentBeforeError
from subscribers.admin.page_frame import framed
from subscribers.admin.read_only import NeverChanged


class EvidenceAdmin(NeverChanged, CarefulDeletion):
    """A plain form adds a row. The permission to delete allows the action that ends rows."""

    form_class: type[forms.Form]
    add_title: str | Promise
    add_template: str

    def add_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.form_class(request.POST or None)
        if request.method == "POST" and form.is_valid():
            response = self._add_once(request, form)
            if response is not None:
                return response
        return self.add_page(request, form, title=self.add_title)

    def _add_once(self, request: HttpRequest, form: forms.Form) -> HttpResponse | None:
        try:
            return form_keys.once(request, lambda: self.add(request, form))
        except SentBeforeError as error:
            if error.earlier.same:
                return self.sent_again(request, form, error.earlier)
            form.add_error(None, str(error))
            form_keys.marked(request, error)
            return None

    def sent_again(self, request: HttpRequest, _form: Any, earlier: Earlier) -> HttpResponse:
        """The result of the same form when it was sent first."""
        return form_keys.first_result(request, earlier)

    def add(self, request: HttpRequest, form: Any) -> HttpResponse | None:
        """Add the row of a valid form; None when the form must be shown again."""
        raise NotImplementedError

    def add_page(
        self, request: HttpRequest, form: forms.Form, *, title: str | Promise, **context: Any
    ) -> HttpResponse:
        media = self.media + form.media
        return framed(
            self, request, self.add_template, title=str(title), form=form, media=media, **context
        )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """For the action alone: the page of one row offers no deletion."""
        return obj is None and super().has_delete_permission(request, obj)
