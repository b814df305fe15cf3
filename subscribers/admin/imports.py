"""Imports in the admin: upload, review the check's result, confirm, download refused lines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from masking.phones import mask_phones
from subscribers.admin import form_keys, import_facts, import_undo, shown_version
from subscribers.admin.confirmed_action import Confirmation, confirm, log_action
from subscribers.admin.form_keys import DONE_ALREADY, SentBeforeError
from subscribers.admin.import_columns import SAMPLE, ColumnsForm
from subscribers.admin.page_frame import OwnPages, csv_file, framed, staff_user
from subscribers.admin.read_only import NeverChanged, NeverDeleted
from subscribers.admin.shown_version import Difference
from subscribers.importing import jobs, stored_files, undo
from subscribers.importing.tables import workbook
from subscribers.importing.tables.records import ImportRefused
from subscribers.models import FULL_PHONE, ImportJob, ImportState, ImportUndo
from subscribers.spreadsheets import csv_lines

PERMISSION = "subscribers.import_subscriber"
DECIDED = _("This import was already confirmed or cancelled.")
REFUSED_IN_FULL = [
    _("The file contains the rejected rows as uploaded, with full phone numbers."),
    _("Delete it after you have corrected and imported it."),
]
REFUSED_MASKED = [_("Someone else uploaded the list, so its phone numbers are masked for you.")]
FILE_ENDINGS = (".csv", ".xlsx", ".txt", ".tsv", ".jsonl", ".ndjson")


class UploadForm(forms.Form):
    """A file in one of the formats that the importer reads."""

    file = forms.FileField(
        label="File (CSV, XLSX or JSON lines)",
        help_text=f"Up to {jobs.UPLOAD_BYTES_LIMIT // 2**20} MB and {settings.IMPORT_MAX_ROWS:,}"
        f" rows; a workbook up to {workbook.MAX_SIZE // 2**20} MB and {workbook.MAX_ROWS:,} rows. "
        "The first row has the column names. One column must be the phone number.",
        widget=forms.FileInput(attrs={"accept": ",".join(FILE_ENDINGS)}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if not file.name.lower().endswith(FILE_ENDINGS):
            raise forms.ValidationError(_("Upload a .csv, .xlsx or .jsonl file."))
        if file.size > jobs.UPLOAD_BYTES_LIMIT:
            raise forms.ValidationError(
                f"The file is larger than {jobs.UPLOAD_BYTES_LIMIT // 2**20} MB: split it."
            )
        return file


class ConsentForm(forms.Form):
    """Where the people of a file gave their consent: stored with each new subscriber."""

    consent_source = forms.CharField(
        max_length=500,
        label=_("How did these people consent?"),
        help_text=_(
            "Where they agreed and to what text. For example: June sign-up form, “Send me the "
            "morning message on WhatsApp”. Kept as evidence with each new subscriber."
        ),
        error_messages={"required": _("Enter how these people consented.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_consent_source(self) -> str:
        field = self.fields["consent_source"]
        return str(field.clean(jobs.cleaned(self.cleaned_data["consent_source"])))


@admin.register(ImportJob)
class ImportJobAdmin(NeverChanged, NeverDeleted, OwnPages, ModelAdmin):
    list_display = ("filename", "shown_state", "rows", "refused", "by", "created_at")
    list_select_related = ("undo",)
    list_filter = ("state",)
    list_per_page = 50
    ordering = ("-id",)
    list_display_links = ("filename",)
    actions = None
    pages = {
        "<int:pk>/progress": ("progress_view", "subscribers_importjob_progress"),
        "<int:pk>/confirm": ("confirm_view", "subscribers_importjob_confirm"),
        "sample.csv": ("sample_view", "subscribers_importjob_sample"),
        "<int:pk>/columns": ("columns_view", "subscribers_importjob_columns"),
        "<int:pk>/cancel": ("cancel_view", "subscribers_importjob_cancel"),
        "<int:pk>/refused.csv": ("refused_view", "subscribers_importjob_refused"),
        "<int:pk>/undo": ("undo_view", "subscribers_importjob_undo"),
    }

    @admin.display(description="state", ordering="state")
    def shown_state(self, job: ImportJob) -> str:
        asked = getattr(job, "undo", None)
        if asked is None:
            return str(job.get_state_display())
        return "Undone" if asked.ended_at else "Being undone"

    def rows(self, job: ImportJob) -> str:
        return f"{job.counts.get('total', 0):,}" if job.counts else ""

    @admin.display(description=_("rejected"))
    def refused(self, job: ImportJob) -> str:
        return f"{job.counts.get('refused', 0):,}" if job.counts else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def has_view_permission(self, request: HttpRequest, obj: ImportJob | None = None) -> bool:
        return self.has_add_permission(request) or super().has_view_permission(request, obj)

    def add_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        self._require_permission(request)
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                uploaded = form_keys.once(request, lambda: self._upload(request, form))
            except SentBeforeError as error:
                if error.earlier.same:
                    return form_keys.first_result(request, error.earlier)
                form.add_error("file", str(error))
                form_keys.marked(request, error)
            else:
                if uploaded is not None:
                    return uploaded
        template = "admin/subscribers/importjob/upload.html"
        return framed(self, request, template, title="Import subscribers", form=form)

    def _upload(self, request: HttpRequest, form: UploadForm) -> HttpResponse | None:
        """The page of the new import; None, with the refusal in the form, for a file that is no
        list."""
        file = form.cleaned_data["file"]
        user, now = staff_user(request).username, timezone.now()
        try:
            job = jobs.submit(file, file.name, by=user, now=now)
        except ImportRefused as refusal:
            form.add_error("file", str(refusal))
            return None
        log_action(self, request, job, "upload", after={"sha256": job.digest})
        return self._redirect_to(job)

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        return self._page(request, self._job(request, object_id), ConsentForm())

    def progress_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        job = self._job(request, pk)
        if asked := ImportUndo.objects.filter(job=job).first():
            far = undo.progress(asked)
            state, percent, words = far.state, far.percent, import_undo.progress_text(asked)
        else:
            state, percent, words = job.state, jobs.progress(job), import_facts.progress_text(job)
        progress = {"state": state, "percent": percent, "words": words}
        return JsonResponse(progress, headers={"Cache-Control": "no-store"})

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job = self._posted(request, pk)
        form = ConsentForm(request.POST)

        def confirm() -> HttpResponse:
            source = form.cleaned_data["consent_source"]
            user, now = staff_user(request).username, timezone.now()
            if jobs.confirm(job.pk, consent_source=source, by=user, now=now):
                log_action(self, request, job, "import", reason=source, after=job.checked)
            else:
                self.message_user(request, DECIDED, messages.WARNING)
            return self._redirect_to(job)

        return self._decide(request, job, confirm, form=form)

    def columns_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job = self._posted(request, pk)
        form = self._columns_form(job, request.POST)

        def choose() -> HttpResponse:
            if form is None:
                self.message_user(request, DECIDED, messages.WARNING)
            elif jobs.choose_columns(job.pk, form.chosen()):
                log_action(self, request, job, "choose columns", after=form.chosen())
            return self._redirect_to(job)

        return self._decide(request, job, choose, columns=form)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job = self._posted(request, pk)

        def cancel() -> HttpResponse:
            if jobs.cancel(job.pk, now=timezone.now()):
                log_action(self, request, job, "cancel import", before={"state": job.state})
            return self._redirect_to(job)

        return self._decide(request, job, cancel)

    def _posted(self, request: HttpRequest, pk: int) -> ImportJob:
        self._require_permission(request, method="POST")
        return self._job(request, pk)

    def _decide(
        self,
        request: HttpRequest,
        job: ImportJob,
        act: Callable[[], HttpResponseBase],
        *,
        form: ConsentForm | None = None,
        columns: ColumnsForm | None = None,
    ) -> HttpResponseBase:
        """Decide once, on what the page displayed."""
        earlier = form_keys.earlier_result(request, DONE_ALREADY)
        if earlier is not None:
            return earlier
        posted = request.POST.get(shown_version.FIELD, "")
        changed = shown_version.difference(posted, import_facts.shown(job))
        if changed or not all(one.is_valid() for one in (form, columns) if one is not None):
            return self._page(request, job, form or ConsentForm(), columns, changed=changed)
        try:
            return form_keys.at_most_once(request, self._address(job), act)
        except SentBeforeError as error:
            return form_keys.first_result(request, error.earlier, str(error))

    def sample_view(self, request: HttpRequest) -> StreamingHttpResponse:
        self._require_permission(request)
        return csv_file(request, csv_lines(SAMPLE), "sample-list.csv")

    def refused_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The refused lines as in the file, for a reason: whole numbers may stand in them."""
        self._require_permission(request)
        job = self._job(request, pk)
        in_full = job.by == staff_user(request).username or request.user.has_perm(FULL_PHONE)

        def download(reason: str) -> HttpResponseBase:
            rows = jobs.refused_rows(job)
            try:
                first = next(rows)
            except ImportRefused as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
                return self._redirect_to(job)
            shown = rows if in_full else ([mask_phones(cell) for cell in row] for row in rows)
            lines = csv_lines(chain([first], shown), are_escaped=True)
            answer = csv_file(request, lines, f"refused-of-import-{job.pk}.csv")
            after = {"full_phones": in_full}
            log_action(self, request, job, "download refused lines", reason=reason, after=after)
            return answer

        told = REFUSED_IN_FULL if in_full else REFUSED_MASKED
        page = Confirmation("Download rejected rows", told, "Download")
        back = self._address(job)
        return confirm(self, request, page, download, back=back, is_repeatable=True)

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        self._require_permission(request)
        return import_undo.undo_page(self, request, self._job(request, pk))

    def _require_permission(self, request: HttpRequest, method: str = "") -> None:
        if not self.has_add_permission(request) or (method and request.method != method):
            raise PermissionDenied

    def _job(self, request: HttpRequest, pk: int | str) -> ImportJob:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = ImportJob.objects.filter(pk=pk).first() if str(pk).isdecimal() else None
        if job is None:
            raise Http404("This import does not exist.")
        return job

    def _columns_form(self, job: ImportJob, data: Any = None) -> ColumnsForm | None:
        """The choice for each column while the file waits or was refused; None otherwise."""
        waits = job.state == ImportState.CHECKED
        if not waits and not (job.state == ImportState.REFUSED and job.confirmed_at is None):
            return None
        try:
            return ColumnsForm(stored_files.titles(job), job.columns, data)
        except ImportRefused:
            return None

    def _page(
        self,
        request: HttpRequest,
        job: ImportJob,
        form: ConsentForm,
        columns: ColumnsForm | None = None,
        *,
        changed: Difference | None = None,
    ) -> HttpResponse:
        may_import = self.has_add_permission(request)
        response = framed(
            self,
            request,
            "admin/subscribers/importjob/page.html",
            title=job.filename or "Import",
            job=job,
            form=form,
            columns=columns or (self._columns_form(job) if may_import else None),
            running=job.state in jobs.RUNNING,
            is_checked=job.state == ImportState.CHECKED,
            may_import=may_import,
            percent=jobs.progress(job),
            **import_facts.page_context(job),
            **import_undo.page_context(job),
            shown_version=shown_version.seal(import_facts.shown(job)),
            changed=changed,
        )
        response.status_code = 200 if changed is None else 409
        return response

    def _redirect_to(self, job: ImportJob) -> HttpResponseRedirect:
        return HttpResponseRedirect(self._address(job))

    def _address(self, job: ImportJob) -> str:
        return reverse("admin:subscribers_importjob_change", args=[job.pk])
