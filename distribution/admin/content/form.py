"""The content form: the chosen message template determines its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from distribution.cached import audience
from distribution.content import approval, template_schema, validation
from distribution.content.template_schema import BODY, BUTTON, HEADER, Slot
from distribution.models import Content, MessageTemplate, TemplateStatus
from distribution.runtime import india_time
from phonepool.cloud_api import media
from phonepool.cloud_api.media import MediaRefusedError
from subscribers.whole_numbers import whole_number

NO_SLOTS = template_schema.parse([])
TEXT_LIMIT = 2000


class TemplateChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, template: Any) -> str:
        label = f"{template} · {template.category.lower()} · {template.status.lower()}"
        parts = validation.unfillable_parts(template, template_schema.parse(template.components))
        return (
            _("%(label)s · cannot be used: %(parts)s") % {"label": label, "parts": ", ".join(parts)}
            if parts
            else label
        )


class ContentForm(forms.Form):
    """Edits a draft. It may be saved unfinished; `remarks` lists what is missing."""

    message_template = TemplateChoice(
        MessageTemplate.objects.all(),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Template approved by Meta."),
    )
    title = forms.CharField(
        max_length=120,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Internal only. Subscribers don't see this."),
    )
    day = forms.DateField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        label=gettext_lazy("Send date"),
        help_text=gettext_lazy("Sent at the daily time on this day."),
    )
    is_fallback = forms.BooleanField(
        required=False,
        label=gettext_lazy("Use as fallback"),
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("Sent on days with no approved content. A fallback needs no date."),
    )
    fields_of = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, template: MessageTemplate | None, today: date, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.template, self.today = template, today
        self.slots_of = template_schema.parse(template.components) if template else NO_SLOTS
        self.coverage = audience.coverage(validation.SAMPLED_SUBSCRIBERS)
        self.attributes = [
            name for name in self.coverage.by_name if name not in validation.ALWAYS_KNOWN
        ]
        self.initial["fields_of"] = template.pk if template else ""
        for slot in self.slots_of.slots:
            self.fields[slot.key] = _slot_field(slot)
        if self.slots_of.needs_media:
            self.fields["media_file"] = _media_field(self.slots_of.header.lower())

    def slot_fields(self) -> Iterator[tuple[Slot, BoundField, list[str]]]:
        """Each variable, its field and the problems of its text."""
        remarks = self.remarks()
        for slot in self.slots_of.slots:
            yield slot, self[slot.key], remarks.get(slot.key, [])

    def wording(self) -> Iterator[tuple[str, str]]:
        """The body of the message template in pieces: text, and the variable that follows it."""
        pieces = template_schema.VARIABLE.split(self.slots_of.body)
        labels = {slot.name: slot.label for slot in self.slots_of.of(BODY)}
        for text, name in zip_longest(pieces[::2], pieces[1::2], fillvalue=""):
            yield text, labels.get(name, name)

    def media_field(self) -> BoundField | None:
        return self["media_file"] if "media_file" in self.fields else None

    def names_sampled(self) -> str:
        """Among how many people of how many these names were found; empty if among all."""
        sampled, total = self.coverage.people, audience.total()
        return "" if sampled >= total else f"{sampled:,} of {total:,}"

    def names_to_use(self) -> list[tuple[str, int]]:
        """Each placeholder, and what per cent of the people have a value for it."""
        always = [(f"{{{name}}}", 100) for name in validation.ALWAYS_KNOWN]
        own = [(f"{{{name}}}", self.coverage.percent(name)) for name in self.attributes]
        return always + own

    def texts(self) -> dict[str, str]:
        """The current text of each slot, saved or not."""
        return {slot.key: str(self[slot.key].value() or "") for slot in self.slots_of.slots}

    def remarks(self) -> dict[str, list[str]]:
        """Problems that prevent its submission, by slot; none on an empty form."""
        texts = self.texts()
        if not self.is_bound and not any(texts.values()):
            return {}
        return validation.slot_problems(self.slots_of, texts, self.attributes)

    def switched(self) -> bool:
        """Another message template is chosen than the one whose fields are shown."""
        shown = self.data.get("fields_of", "")
        return bool(self.template) and shown != str(self.template.pk if self.template else "")

    def clean_day(self) -> date | None:
        day: date | None = self.cleaned_data["day"]
        if day is None or "day" not in self.changed_data or self.data.get("is_fallback"):
            return day
        if objection := approval.objection_to_day(day, timezone.now()):
            raise forms.ValidationError(objection)
        return day

    def clean_media_file(self) -> UploadedFile[Any] | None:
        file: UploadedFile[Any] | None = self.cleaned_data.get("media_file")
        if file:
            kind = self.slots_of.header.lower()
            try:
                media.check_size(kind, file.size or 0)
                media.check(kind, file.name or "", file.read())
            except MediaRefusedError as error:
                raise forms.ValidationError(str(error)) from None
            file.seek(0)
        return file

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("is_fallback") and not data.get("day") and "day" not in self.errors:
            self.add_error("day", _("Choose a send date, or use it as a fallback."))
        return data

    def content_fields(self, media: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the content from the form; `media` is what it had before."""
        slots, data = self.slots_of, self.cleaned_data
        buttons = {str(slot.place): data[slot.key].strip() for slot in slots.of(BUTTON)}
        return {
            "message_template": data["message_template"],
            "title": data["title"],
            "day": None if data["is_fallback"] else data["day"],
            "is_fallback": data["is_fallback"],
            "body_variables": [data[slot.key].strip() for slot in slots.of(BODY)],
            "button_variables": buttons,
            "media": self._media(media),
        }

    def _media(self, media: Mapping[str, Any]) -> dict[str, Any]:
        headers = self.slots_of.of(HEADER)
        if headers:
            name = {} if headers[0].name.isdigit() else {"name": headers[0].name}
            return {"type": "text", "text": self.cleaned_data[headers[0].key].strip(), **name}
        is_same_kind = (
            self.slots_of.needs_media and media.get("type") == self.slots_of.header.lower()
        )
        return dict(media) if is_same_kind else {}


def form_for(request: HttpRequest, content: Content | None) -> ContentForm:
    """The form for this request: bound to what was posted, else to what is stored."""
    is_posted = request.method == "POST"
    key = request.POST.get("message_template") or request.GET.get("message_template")
    template = _template(key) or (content.message_template if content else _default_template())
    return ContentForm(
        request.POST if is_posted else None,
        request.FILES if is_posted else None,
        template=template,
        today=india_time.local_date(timezone.now()),
        initial=_initial_of(content) if content else _initial_of_new(request, template),
    )


def _template(key: str | None) -> MessageTemplate | None:
    pk = whole_number(key or "")
    return MessageTemplate.objects.filter(pk=pk).first() if pk else None


def _default_template() -> MessageTemplate | None:
    """The approved message template that was used last; else any approved one."""
    approved = MessageTemplate.objects.filter(status=TemplateStatus.APPROVED)
    return approved.order_by("-contents__pk", "name").first()


def _initial_of_new(request: HttpRequest, template: MessageTemplate | None) -> dict[str, Any]:
    """The first values of the form of a new content; the calendar links give day or fallback."""
    return {
        "message_template": template.pk if template else None,
        "day": request.GET.get("day", ""),
        "is_fallback": request.GET.get("fallback") == "1",
    }


def _initial_of(content: Content) -> dict[str, Any]:
    """What the form of a stored content shows first."""
    form = template_schema.parse(content.message_template.components)
    return {
        "message_template": content.message_template_id,
        "title": content.title,
        "day": content.day.isoformat() if content.day else None,
        "is_fallback": content.is_fallback,
        **validation.texts_of(content, form),
    }


def _slot_field(slot: Slot) -> forms.CharField:
    hint = _("Example: %s.") % slot.example.rstrip(".") + " " if slot.example else ""
    shared = (
        _("%(room)s characters left across all variables.")
        if slot.part == BODY
        else _("Up to %(room)s characters.")
    )
    return forms.CharField(
        required=False,
        label=slot.label,
        max_length=TEXT_LIMIT,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3 if slot.part == BODY else 1}),
        help_text=hint + shared % {"room": f"{slot.room:,}"},
    )


def _media_field(kind: str) -> forms.FileField:
    rules = media.KINDS[kind]
    return forms.FileField(
        required=False,
        label=kind.capitalize(),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ",".join(rules.types)}),
        help_text=_("%(types)s, up to %(limit)s MB. Meta keeps it for 30 days.")
        % {"types": rules.type_names, "limit": rules.limit // media.MEGABYTE},
    )
