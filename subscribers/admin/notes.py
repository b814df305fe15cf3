"""Notes on a person's page: those who can change the person write them, the author deletes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from masking.texts import mask_text
from subscribers.admin import form_keys
from subscribers.admin.confirmed_action import Confirmation, confirm, log_action
from subscribers.admin.form_keys import SentBeforeError
from subscribers.admin.page_frame import OwnPages, staff_user
from subscribers.models import FULL_PHONE, Note, Subscriber
from subscribers.people import notes

SHOWN_LIMIT = 50  # of one person on their page


@dataclass(frozen=True, slots=True)
class ShownNote:
    """A note as this person sees it; `delete_url` only for its author."""

    text: str
    by: str
    at: datetime
    delete_url: str


class PersonNotes(OwnPages):
    """Adds the notes to a person's page."""

    pages = {
        "<int:pk>/notes/add/": ("add_note", "subscribers_subscriber_add_note"),
        "<int:pk>/notes/<int:note>/delete/": ("delete_note", "subscribers_subscriber_delete_note"),
    }

    @method_decorator(require_POST)
    def add_note(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Keep what was typed, once."""
        person = self._person(request, pk)
        back = HttpResponseRedirect(_page_of(pk))

        def write() -> HttpResponse:
            by = staff_user(request).username
            note = notes.write(pk, request.POST.get("note", ""), by=by, now=timezone.now())
            if note is None:
                self.message_user(request, _("Enter a note."), messages.ERROR)
            else:  # the log keeps no text about a person
                log_action(self, request, person, "add note", after={"note": note.pk})
                self.message_user(request, _("Note added."))
            return back

        try:
            return form_keys.once(request, write) or back
        except SentBeforeError as error:
            return form_keys.first_result(request, error.earlier, str(error))

    def delete_note(self, request: HttpRequest, pk: int, note: int) -> HttpResponseBase:
        """Its author takes it back."""
        person = self._person(request, pk)
        found = Note.objects.filter(pk=note, subscriber=pk).first()
        if found is None and request.method != "POST":
            raise Http404
        if found is not None and found.by != staff_user(request).username:
            raise PermissionDenied

        def delete() -> None:
            Note.objects.filter(pk=note, subscriber=pk).delete()
            log_action(self, request, person, "delete note", before={"note": note})
            self.message_user(request, _("Note deleted."))

        text = _shown_text(request, found) if found else ""
        consequence = _("The note is deleted for everyone. This cannot be undone.")
        page = Confirmation(_("Delete note"), [consequence], _("Delete note"), facts={"Note": text})
        return confirm(self, request, page, delete, back=_page_of(pk), form_class=forms.Form)

    def _person(self, request: HttpRequest, pk: int) -> Subscriber:
        person: Subscriber | None = self.get_object(request, str(pk))
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        return person


def notes_context(request: HttpRequest, person: Subscriber | None) -> dict[str, Any]:
    """What the template of a person's page shows of the notes."""
    if person is None:
        return {}
    rows, own = notes.about(person.pk), staff_user(request).username
    shown = [
        ShownNote(
            _shown_text(request, row),
            row.by,
            row.at,
            reverse("admin:subscribers_subscriber_delete_note", args=[person.pk, row.pk])
            if row.by == own
            else "",
        )
        for row in rows[:SHOWN_LIMIT]
    ]
    total = rows.count() if len(shown) == SHOWN_LIMIT else len(shown)
    return {"notes": shown, "notes_total": total}


def _shown_text(request: HttpRequest, note: Note) -> str:
    return note.text if request.user.has_perm(FULL_PHONE) else mask_text(note.text)


def _page_of(pk: int) -> str:
    return reverse("admin:subscribers_subscriber_change", args=[pk])
