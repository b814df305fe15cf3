"""The undo of an import in the admin: who would go is displayed first, a reason is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from masking.phones import mask_phone
from subscribers.admin.confirmed_action import Confirmation, confirm, log_action
from subscribers.admin.page_frame import staff_user
from subscribers.importing import undo, undo_rules
from subscribers.importing.undo_rules import Preview
from subscribers.models import ImportJob, ImportUndo


def undo_page(model_admin: ModelAdmin, request: HttpRequest, job: ImportJob) -> HttpResponseBase:
    """The page that confirms the undo, and the undo once it is confirmed with a reason."""
    back = reverse("admin:subscribers_importjob_change", args=[job.pk])
    if why := undo_rules.objection(job, now=timezone.now()):
        model_admin.message_user(request, why, messages.WARNING)
        return HttpResponseRedirect(back)
    preview = undo_rules.preview(job)
    page = Confirmation(
        title=_("Undo the import of %(file)s") % {"file": job.filename},
        consequences=list(_consequences(preview)),
        button=_("Undo import"),
        facts=_facts(preview),
        detail="admin/subscribers/importjob/undo.html",
        context={
            "original": job,
            "first": [(mask_phone(phone), name) for phone, name in preview.first.rows],
            "part": preview.first,
        },
    )

    def undo_it(reason: str) -> None:
        _ask(model_admin, request, job, reason, preview)

    return confirm(model_admin, request, page, undo_it, back=back)


def _consequences(preview: Preview) -> Iterator[str]:
    removed = ngettext(
        "%(people)s person is removed: added by this import, and not messaged or changed since.",
        "%(people)s people are removed: added by this import, and not messaged or changed since.",
        preview.removed,
    )
    yield removed % {"people": f"{preview.removed:,}"}
    yield from undo_rules.kept_texts(preview.kept)
    if preview.not_undone:
        changed = ngettext(
            "What the import changed in %(people)s person who was here before is not undone. "
            "Correct it with another file.",
            "What the import changed in %(people)s people who were here before is not undone. "
            "Correct it with another file.",
            preview.not_undone,
        )
        yield changed % {"people": f"{preview.not_undone:,}"}
    yield _(
        "Phone, name and details are deleted. The record that they consented, and that it was "
        "withdrawn, is kept without them."
    )
    yield _("You can import the same file again. The undo itself cannot be undone.")


def page_context(job: ImportJob) -> dict[str, Any]:
    """What the page of an import says of its undo."""
    asked = ImportUndo.objects.filter(job=job).first()
    ended_import = job.confirmed_at is not None and job.ended_at is not None
    if asked is None:
        why = undo_rules.objection(job, now=timezone.now()) if ended_import else ""
        return {"undo": None, "undo_offered": ended_import, "undo_objection": why}
    progress = undo.progress(asked)
    return {
        "undo": asked,
        "undo_progress": progress,
        "undo_text": progress_text(asked),
        "undo_kept": undo_rules.kept_texts(progress.kept),
    }


def progress_text(asked: ImportUndo) -> str:
    """How far an undo is, for the line under the bar."""
    return f"{asked.done:,} of {asked.people:,} people"


def _ask(
    model_admin: ModelAdmin, request: HttpRequest, job: ImportJob, reason: str, preview: Preview
) -> None:
    user = staff_user(request).username
    try:
        undo.request(job, reason=reason, by=user, now=timezone.now())
    except undo.UndoRefused as refusal:
        model_admin.message_user(request, str(refusal), messages.WARNING)
    else:
        log_action(model_admin, request, job, "undo import", reason=reason, after=_facts(preview))


def _facts(preview: Preview) -> dict[str, str]:
    """What the page displays, by labels."""
    kept = {
        f"People who {undo_rules.KEPT_REASONS[reason]}": f"{count:,}"
        for reason, count in preview.kept.items()
    }
    return {"People who would be removed": f"{preview.removed:,}", **kept}
