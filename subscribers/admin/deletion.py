"""Django's pages to delete rows: what is deleted is what they displayed, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Field, Model, ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponseBase, QueryDict
from unfold.admin import ModelAdmin
from unfold.decorators import action

from subscribers.admin import shown_version
from subscribers.admin.confirmed_action import Confirmation, confirm_selected, log_rows
from subscribers.admin.shown_rows import Selection
from subscribers.admin.shown_version import Shown

SECRET_PARTS = ("secret", "key", "password", "token")  # of names of fields that no page shows
FOR_GOOD = "They are deleted. This cannot be undone."


class CarefulDeletion(ModelAdmin):
    """Both ways of deleting; a subclass sets `actions = ["delete_selected"]` to offer the second.

    `deletion_facts` are the columns that make a row another one: all that people write, unless set.
    """

    delete_confirmation_template: str | None = "admin/delete_shown.html"
    deletion_facts: Sequence[str] = ()

    def get_actions(self, request: HttpRequest) -> Any:
        """Without Django's own action, which deletes whatever the filters find by then."""
        actions = super().get_actions(request)
        if "delete_selected" not in (self.actions or ()):
            actions.pop("delete_selected", None)
        return actions

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context, changed = {**(extra_context or {})}, None
        with transaction.atomic():
            row = self._row(object_id)
            if row is not None:
                shown = self._deletion_shown(row)
                if request.method == "POST":
                    posted = request.POST.get(shown_version.FIELD, "")
                    changed = shown_version.difference(posted, shown)
                context |= {"shown_version": shown_version.seal(shown), "changed": changed}
            if changed is not None:
                request.POST = QueryDict()  # the page again, no deletion
            response = super().delete_view(request, object_id, context)
        if changed is not None and response.status_code == 200:
            response.status_code = 409
        return response

    @action(description="Delete selected", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponseBase | None:
        rows = Selection(queryset, self._deletion_names(), self._told)
        page = Confirmation("Delete selected", [FOR_GOOD], "Delete", rows)

        def delete(pks: Sequence[int], reason: str) -> None:
            kept = []
            log_rows(self, request, rows, pks, "Deleted.", reason=reason)
            for row in rows.each(pks):
                try:
                    with transaction.atomic():
                        self.delete_model(request, row)
                except ProtectedError:
                    kept.append(str(row))
            for name in kept:
                words = f"{name} is in use and was not deleted."
                self.message_user(request, words, messages.ERROR)
            self.message_user(request, f"{len(pks) - len(kept)} deleted.", messages.SUCCESS)

        return confirm_selected(self, request, page, delete)

    def _told(self, row: Model) -> str:
        """A row in the list of those that go."""
        if not self.deletion_facts:
            return str(row)
        return ", ".join(str(getattr(row, name)) for name in self.deletion_facts)

    def _row(self, object_id: str) -> Model | None:
        try:
            key = self.opts.pk.to_python(unquote(object_id))
        except ValidationError:
            return None
        return self.model._default_manager.select_for_update().filter(pk=key).first()

    def _deletion_names(self) -> list[str]:
        return [field.name for field in self._deletion_fields()]

    def _deletion_fields(self) -> list[Field[Any, Any]]:
        fields = self.opts.concrete_fields
        if self.deletion_facts:
            return [field for field in fields if field.name in self.deletion_facts]
        written = [field for field in fields if field.editable and not field.primary_key]
        fixed = {*(self.readonly_fields or ())}
        return [field for field in written if field.name not in fixed and not _is_secret(field)]

    def _deletion_shown(self, row: Model) -> Shown:
        facts = {
            str(field.verbose_name).capitalize(): str(getattr(row, field.name))
            for field in self._deletion_fields()
        }
        return shown_version.of_facts(f"deletion of {self.opts.label_lower} {row.pk}", facts)


def _is_secret(field: Field[Any, Any]) -> bool:
    return any(part in field.name for part in SECRET_PARTS)
