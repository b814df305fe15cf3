"""Subscribers in the admin: details are edited here; consent changes by consent events only."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from masking.phones import mask_phone
from masking.texts import mask_evidence
from subscribers import phones
from subscribers.admin.confirmed_action import action_button
from subscribers.admin.exports import ExportActions
from subscribers.admin.json_field import ToldJson
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.notes import PersonNotes
from subscribers.admin.number_search import NumberSearch, is_result
from subscribers.admin.page_frame import staff_user
from subscribers.admin.person_actions import PersonActions
from subscribers.admin.read_only import NeverAdded, NeverChanged, NeverDeleted
from subscribers.admin.status_changes import confirm_status_change
from subscribers.admin.zone import shown_in_india
from subscribers.consent import erased_phones
from subscribers.details import values
from subscribers.identity.reading import read_phone
from subscribers.models import FULL_PHONE, ConsentEvent, Status, Subscriber
from subscribers.people import notes, pauses, registration, search
from subscribers.text_cleaning import clean_line


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice: two values of one name are a mistake."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("An attribute has the same name twice. Remove one.")
    return dict(pairs)


class SubscriberForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    def clean_phone(self) -> str:
        try:
            phone = read_phone(self.cleaned_data["phone"])
        except phones.InvalidPhone as error:
            raise forms.ValidationError(str(error)) from error
        if erased_phones.find_erased([phone]):
            raise forms.ValidationError(
                "This person asked to be erased. Only their own START can bring them back."
            )
        if known := registration.find_known(phone):
            raise forms.ValidationError(str(registration.AlreadyHere(known)))
        return phone

    def clean_name(self) -> str:
        return self._read("name")

    def clean_language(self) -> str:
        return self._read("language")

    def clean_email(self) -> str:
        return self._read("email")

    def clean_attributes(self) -> dict[str, str]:
        written = str(self.data.get(self.add_prefix("attributes")) or "").strip()
        try:
            return values.read_attributes(json.loads(written or "{}", object_pairs_hook=_once))
        except RecursionError:
            raise forms.ValidationError("This is nested too deeply. Enter texts by name.") from None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def _read(self, name: str) -> str:
        """What is written in a field, by the rules for files and the API."""
        text = self.cleaned_data.get(name) or ""
        try:
            return values.read_value(name, text) if text.strip() else ""
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class AddedByHandForm(SubscriberForm):
    """A new person comes with where they agreed, as by a list and by the API."""

    consent_source = forms.CharField(
        max_length=500,
        label=_("How did this person consent?"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Where they agreed and to what text. For example: sign-up form, 12 May."),
        error_messages={"required": _("Enter how this person consented.")},
    )
    consent_evidence = forms.CharField(
        required=False,
        max_length=200,
        label=_("Evidence (optional)"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("A document number or a link that proves it."),
    )

    def clean_consent_source(self) -> str:
        field = self.fields["consent_source"]
        return str(field.clean(clean_line(self.cleaned_data["consent_source"])))

    def clean_consent_evidence(self) -> str:
        return clean_line(self.cleaned_data["consent_evidence"])


class ConsentEventInline(NeverAdded, NeverChanged, NeverDeleted, TabularInline):
    """Meta's message ids contain the phone: in full to who may see that."""

    model = ConsentEvent
    verbose_name_plural = "consent history"
    hide_title = True
    ordering = ("-at", "-id")
    fields = readonly_fields = (
        "at",
        "kind",
        "resumes_on",
        "came_by",
        "proof",
        "words",
        "actor",
    )
    extra = 0
    in_full = False  # of this request: every request has an inline of its own

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentEvent]:
        self.in_full = request.user.has_perm(FULL_PHONE)
        return super().get_queryset(request)

    @admin.display(description="source")
    def came_by(self, event: ConsentEvent) -> str:
        return self._told(event.source)

    @admin.display(description="evidence")
    def proof(self, event: ConsentEvent) -> str:
        return self._told(event.evidence)

    @admin.display(description="notice")
    def words(self, event: ConsentEvent) -> str:
        return self._told(event.notice)

    def _told(self, text: str) -> str:
        return shown_in_india(text if self.in_full else mask_evidence(text))


class SubscriberAdmin(
    NeverDeleted, CarefulForms, PersonActions, PersonNotes, ExportActions, NumberSearch
):
    """One person. `distribution.admin.people` adds their messages and registers the page."""

    form = SubscriberForm
    inlines = (ConsentEventInline,)
    list_display_links = ("masked_phone", "name")
    list_per_page = 50
    search_fields = ("name", "email")
    search_help_text = (
        "A phone number in any spelling or its last four digits, a user ID, a name, an email, "
        "a word of a note"
    )
    fields = ("phone", "name", "tier", "status", "language", "email", "attributes")
    readonly_fields = ("status", "shown_phone", "resumes")
    ordering = ("-id",)
    show_full_result_count = False  # counting a big table twice for one page
    actions = ("pause", "resume", "opt_out", "export_selected")
    actions_list = ("import_file", "export_all")

    class Media:
        css = {"all": ("subscribers/pages.css",)}

    # --- the list

    @admin.display(description="phone")
    def masked_phone(self, subscriber: Subscriber) -> str:
        return mask_phone(subscriber.phone)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Subscriber], search_term: str
    ) -> tuple[QuerySet[Subscriber], bool]:
        """The list leaves out the empty rows of undone imports; those of erased people say so."""
        queryset = queryset.exclude(phone__startswith=phones.BLANK_PREFIX, erasure=None)
        matches = None if is_result(search_term) else search.by_id(queryset, search_term)
        if matches is not None:
            return matches, False
        found, is_double = super().get_search_results(request, queryset, search_term)
        noted = [] if is_result(search_term) else notes.people_with(search_term.strip())
        return (found | queryset.filter(pk__in=noted) if noted else found), is_double

    @admin.action(description="Pause selected subscribers", permissions=["change"])
    def pause(
        self, request: HttpRequest, queryset: QuerySet[Subscriber]
    ) -> HttpResponseBase | None:
        return confirm_status_change(self, request, queryset, "pause")

    @admin.action(description="Resume selected subscribers", permissions=["change"])
    def resume(
        self, request: HttpRequest, queryset: QuerySet[Subscriber]
    ) -> HttpResponseBase | None:
        return confirm_status_change(self, request, queryset, "resume")

    @admin.action(description="Unsubscribe selected subscribers", permissions=["change"])
    def opt_out(
        self, request: HttpRequest, queryset: QuerySet[Subscriber]
    ) -> HttpResponseBase | None:
        return confirm_status_change(self, request, queryset, "opt_out")

    @action_button("Import a file", permissions=["import"], icon="upload")
    def import_file(self, _request: HttpRequest) -> HttpResponseBase:
        return HttpResponseRedirect(reverse("admin:subscribers_importjob_add"))

    def has_import_permission(self, request: HttpRequest, *_: Any) -> bool:
        return request.user.has_perm("subscribers.import_subscriber")

    # --- one person

    @admin.display(description="phone")
    def shown_phone(self, subscriber: Subscriber) -> str:
        """In full for users who may see it: `get_object` notes that on the row."""
        full = getattr(subscriber, "may_be_shown", False)
        return subscriber.phone if full else mask_phone(subscriber.phone)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = AddedByHandForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, _request: HttpRequest, obj: Subscriber | None = None) -> list[Any]:
        if obj is None:
            names = [name for name in self.fields if name != "status"]
            return [*names, "consent_source", "consent_evidence"]
        # Another number is another person's consent: add a new subscriber instead.
        names = ["shown_phone" if obj and name == "phone" else name for name in self.fields]
        if obj is not None and obj.status == Status.PAUSED:
            names.insert(names.index("status") + 1, "resumes")
        return names

    @admin.display(description="resumes")
    def resumes(self, subscriber: Subscriber) -> str:
        """When a paused person gets messages again."""
        day = pauses.ends_on(subscriber.pk)
        return f"on {day:%-d %b %Y} by itself" if day else "when somebody resumes them"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "phone":  # as people write it; `clean_phone` shortens it
            kwargs["max_length"] = phones.MAX_WRITTEN_LENGTH
        if db_field.name == "attributes":
            kwargs["form_class"] = ToldJson
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Subscriber | None = None) -> bool:
        is_purged = isinstance(obj, Subscriber) and phones.is_blank(obj.phone)
        return not is_purged and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Subscriber, form: Any, change: bool) -> None:
        now = timezone.now()
        obj.updated_at = now
        if change:
            # Not the whole row: a STOP may have arrived while the form was open.
            obj.save(update_fields=[*form.changed_data, "updated_at"])
            return
        super().save_model(request, obj, form, change)
        user = staff_user(request).username
        if not registration.record_first_consent(
            obj,
            source=f"admin:{user}",
            actor=user,
            now=now,
            notice=form.cleaned_data["consent_source"],
            evidence=form.cleaned_data["consent_evidence"],
        ):
            self.message_user(
                request, "This person sent STOP, so they stay unsubscribed.", messages.WARNING
            )
