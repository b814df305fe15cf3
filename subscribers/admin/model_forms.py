"""Django's own forms to add and to change a row: one creates once, the other changes what it shows.

A subclass of ModelAdmin gets both by `CarefulForms` before ModelAdmin.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from subscribers.admin import form_keys, shown_version, zone
from subscribers.admin.form_keys import Earlier, SentBeforeError
from subscribers.admin.shown_version import Shown

REFUSAL = "_careful_forms_refusal"  # on the request: why the form is shown again


class CarefulForms(ModelAdmin):
    """Its forms carry a one-time key, and the version that they display."""

    change_form_before_template = "admin/form_marks.html"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        zone.name_in_field(field)
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context = {**(extra_context or {}), "form_key": form_keys.new_key()}
        if object_id is not None:
            return self._change(request, object_id, form_url, context)

        def add() -> HttpResponse:
            return super(CarefulForms, self).changeform_view(request, None, form_url, context)

        if request.method != "POST":
            return add()
        try:
            return form_keys.once(request, add)
        except SentBeforeError as error:
            if error.earlier.same:
                return self.sent_again(request, error.earlier)
            setattr(request, REFUSAL, str(error))
            context["form_key"] = form_keys.marked(request, error)
            return add()

    def sent_again(self, request: HttpRequest, earlier: Earlier) -> HttpResponse:
        """The result of the same form when it was sent first."""
        return form_keys.first_result(request, earlier)

    def _change(
        self, request: HttpRequest, object_id: str, form_url: str, context: dict[str, Any]
    ) -> Any:
        posted = request.POST.get(shown_version.FIELD, "")
        with transaction.atomic():
            row = self._locked(object_id) if request.method == "POST" else None
            if row is not None and posted:
                changed = shown_version.difference(posted, self._shown(request, row))
                context["changed"] = changed
                if changed is not None:
                    setattr(request, REFUSAL, shown_version.CHANGED)
            found = row or self.get_object(request, unquote(object_id))
            if found is not None and self.has_view_permission(request, found):
                context["shown_version"] = shown_version.seal(self._shown(request, found))
            return super().changeform_view(request, object_id, form_url, context)

    def _locked(self, object_id: str) -> Model | None:
        """The row, locked until the form is saved: nobody else saves one in between."""
        try:
            key = self.opts.pk.to_python(unquote(object_id))
        except ValidationError:
            return None
        return self.model._default_manager.select_for_update().filter(pk=key).first()

    def _shown(self, request: HttpRequest, row: Any) -> Shown:
        """The values of the fields that the form has for this user."""
        form_class: Any = super().get_form(request, row, change=True)
        form = form_class(instance=row)
        facts = {
            str(field.label or name): _text(form.get_initial_for_field(field, name))
            for name, field in form.fields.items()
            if name != "password"  # its hash is nobody's business
        }
        return shown_version.of_facts(f"{self.opts.label_lower} {row.pk}", facts)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, REFUSAL, "")
        return _refused(form_class, refusal) if refusal else form_class


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | set):
        return ", ".join(sorted(str(item) for item in value))
    return "" if value is None else str(value)


def _refused(form_class: type[forms.ModelForm[Any]], refusal: str) -> type[forms.ModelForm[Any]]:
    """The same form, which is not valid, whatever is in it: it is shown again as filled in."""

    class Refused(form_class):  # type: ignore[valid-type,misc]
        def clean(self) -> Any:
            super().clean()
            raise forms.ValidationError(refusal)

    return Refused
