"""The undo of an import in the admin: who would go is displayed first, a reason is asked for."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from masking.phones import mask_phone
from subscribers.admin import shown_version
from subscribers.admin.confirmed_action import ReasonForm, log_action
from subscribers.admin.page_frame import framed, staff_user
from subscribers.importing import undo, undo_rules
from subscribers.importing.undo_rules import Preview
from subscribers.models import ImportJob, ImportUndo


def undo_page(model_admin: ModelAdmin, request: HttpRequest, job: ImportJob) -> HttpResponse:
    """The page that confirms the undo, and the undo once it is confirmed with a reason."""
    now = timezone.now()
    back = HttpResponseRedirect(reverse("admin:subscribers_importjob_change", args=[job.pk]))
    if why := undo_rules.objection(job, now=now):
        model_admin.message_user(request, why, messages.WARNING)
        return back
    preview = undo_rules.preview(job)
    shown = shown_version.of_facts(f"undo of import {job.pk}", _facts(preview))
    posted = request.POST if request.method == "POST" else None
    form, changed = ReasonForm(posted), None
    if posted is not None and form.is_valid():
        changed = shown_version.difference(posted.get(shown_version.FIELD, ""), shown)
        if changed is None:
            _ask(model_admin, request, job, form.cleaned_data["reason"], preview)
            return back
    return framed(
        model_admin,
        request,
        "admin/subscribers/importjob/undo.html",
        title=f"Undo the import of {job.filename}",
        job=job,
        form=form,
        preview=preview,
        kept=undo_rules.kept_texts(preview.kept),
        first=[(mask_phone(phone), name) for phone, name in preview.first.rows],
        part=preview.first,
        shown_version=shown_version.seal(shown),
        changed=changed,
    )


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
