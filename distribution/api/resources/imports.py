"""Imports of subscriber files: upload, follow, confirm, cancel. A task does the work."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit, idempotency
from distribution.api.auth.authentication import source
from distribution.api.http.few import BUSY, UploadView
from distribution.api.http.fields import Body, Text, validated, validated_body
from distribution.api.http.problems import Conflict, Problem
from distribution.models import Scope
from subscribers import slots
from subscribers.importing import jobs, recorders
from subscribers.importing.tables.records import ImportRefused
from subscribers.models import ImportJob, ImportState

CONFIRMED = (ImportState.IMPORTING, ImportState.DONE)
BLOCK_BYTES = 64 * 1024
FORM_OVERHEAD_BYTES = 64 * 1024  # for the parts of a form beside its file
ALONE = "Beside a file that is the whole body: "
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class FileParser(BaseParser):
    """Parses a body that is the file itself; the other form fields are query parameters."""

    ending = ""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> MultiValueDict[str, Any]:
        memory = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
        content = tempfile.SpooledTemporaryFile(max_size=memory)  # noqa: SIM115 - closed by the view
        while content.tell() <= jobs.UPLOAD_BYTES_LIMIT and (block := stream.read(BLOCK_BYTES)):
            content.write(block)
        query = (parser_context or {})["request"].query_params
        name = f"{query.get('name') or 'list'}{self.ending}"
        file = UploadedFile(content, name, media_type or "", content.tell())
        options = {name: query.getlist(name) for name in ("consent_source", "dry_run")}
        return MultiValueDict({"file": [file], **{k: v for k, v in options.items() if v}})


class CsvParser(FileParser):
    media_type, ending = "text/csv", ".csv"


class JsonLinesParser(FileParser):
    media_type, ending = "application/x-ndjson", ".jsonl"


class XlsxParser(FileParser):
    media_type, ending = XLSX, ".xlsx"


class Upload(serializers.Serializer[Any]):
    """A list of subscribers."""

    file = serializers.FileField(
        max_length=200,
        allow_empty_file=True,
        help_text="CSV, XLSX or JSON lines, a workbook up to 15 MB. The first line "
        "of a table names the columns; only the phone is required.",
    )
    consent_source = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="How these people consented. Required unless dry_run.",
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Only check the rows. Nothing is imported."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not (attrs["dry_run"] or jobs.cleaned(attrs.get("consent_source", ""))):
            raise serializers.ValidationError(
                {"consent_source": "Enter how these people consented, or set dry_run."},
                "required",
            )
        return attrs


class Beside(serializers.Serializer[Any]):
    """What the address says beside a file that is the whole body."""

    consent_source = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text=f"{ALONE}as in the form."
    )
    dry_run = serializers.BooleanField(required=False, help_text=f"{ALONE}as in the form.")
    name = serializers.CharField(
        max_length=90,
        required=False,
        allow_blank=True,
        help_text=f"{ALONE}its name without ending.",
    )


class Confirmation(Body):
    """The confirmation of a checked import."""

    consent_source = Text(
        max_length=500, help_text="How these people consented: where, and to what text."
    )


class Counts(serializers.Serializer[Any]):
    """total = new + changed + unchanged + kept_opted_out + refused."""

    total = serializers.IntegerField(help_text="Rows that are not empty.")
    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    kept_opted_out = serializers.IntegerField(help_text="Skipped: they opted out.")
    refused = serializers.IntegerField()
    kept_inactive = serializers.IntegerField(
        help_text="Of changed and unchanged: still paused or invalid."
    )


class RefusedRow(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="Counted from 1, in the file.")
    column = serializers.CharField(allow_blank=True)
    cell = serializers.CharField(allow_blank=True, help_text="With its digits masked.")
    reason = serializers.CharField(help_text="What to do, in a sentence.")


class Job(serializers.Serializer[ImportJob]):
    """An import and its progress."""

    id = serializers.IntegerField(read_only=True)
    filename = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(ImportState.choices, read_only=True)
    percent = serializers.SerializerMethodField()
    problem = serializers.CharField(read_only=True)
    consent_source = serializers.CharField(read_only=True)
    by = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    confirmed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)
    lines = serializers.IntegerField(read_only=True)
    last_line = serializers.IntegerField(read_only=True)
    counts = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField(help_text="The first 20 rejected rows.")
    notes = serializers.SerializerMethodField(
        help_text="How the file was read: other sheets, a guessed encoding …"
    )

    def get_percent(self, job: ImportJob) -> int:
        return jobs.progress(job)

    @extend_schema_field(Counts)
    def get_counts(self, job: ImportJob) -> dict[str, int]:
        return {name: job.counts.get(name, 0) for name in recorders.COUNTS}

    @extend_schema_field(RefusedRow(many=True))
    def get_refused(self, job: ImportJob) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = job.samples.get("refused", [])
        return rows

    def get_notes(self, job: ImportJob) -> list[str]:
        notes: list[str] = job.samples.get("notes", [])
        return notes


FILE_ALONE = {"description": "The file itself, byte for byte."}


class ImportSubscribers(UploadView):
    """A list of subscribers to be imported, or only checked."""

    scopes = {"POST": Scope.SUBSCRIBERS}
    query_parameters = {"POST": ("consent_source", "dry_run", "name")}
    creates = True
    follow = ("get_import", "confirm_import", "stop_import")
    body_bytes = jobs.UPLOAD_BYTES_LIMIT + FORM_OVERHEAD_BYTES
    parser_classes = [MultiPartParser, CsvParser, JsonLinesParser, XlsxParser]

    @extend_schema(
        parameters=[Beside],
        request={
            "multipart/form-data": Upload,
            "text/csv": FILE_ALONE,
            "application/x-ndjson": FILE_ALONE,
            XLSX: FILE_ALONE,
        },
        responses={202: Job},
    )
    def post(self, request: Request) -> HttpResponse:
        """Import a list.

        Responds at once with a job to follow. Rows are accepted or rejected one by one; people
        who opted out stay out. If a worker dies, another continues where it stopped.
        """
        validated(Beside, request.query_params)  # checked for forms too
        form: Any = request.data
        file = form.get("file")
        try:
            upload = validated(Upload, form)
            return idempotency.once(request, lambda: _submit(request, upload))
        finally:
            if isinstance(file, UploadedFile):
                file.close()  # Django closes those of forms only


class OneImport(APIView):
    """One import: how far it is, and its end if somebody wants that."""

    scopes = {"GET": Scope.SUBSCRIBERS, "DELETE": Scope.SUBSCRIBERS}

    @extend_schema(responses=Job)
    def get(self, request: Request, id: int) -> Response:  # noqa: ARG002
        """Get an import.

        CHECKING and IMPORTING are in progress; CHECKED waits for a confirmation; DONE, REFUSED
        (`problem` says why) and CANCELLED are final.
        """
        return Response(Job(get_job(id)).data)

    # Without the 200 drf-spectacular would assume a 204.
    @extend_schema(responses={200: Job})
    def delete(self, request: Request, id: int) -> Response:
        """Stop an import.

        Rows imported by then stay. Repeating it is no error. An import that ended otherwise gets
        409 `import_ended`.
        """
        stopped = jobs.cancel(get_job(id).pk, now=timezone.now())
        job = get_job(id)
        if stopped:
            audit.log_action(request, job, "Import stopped.", after={"line": job.last_line})
        elif job.state != ImportState.CANCELLED:
            raise Conflict(
                "import_ended", "This import has already ended, so it cannot be stopped."
            )
        return Response(Job(job).data)


class ConfirmImport(APIView):
    """The import of a list that was checked."""

    scopes = {"POST": Scope.SUBSCRIBERS}

    @extend_schema(request=Confirmation, responses={202: Job})
    def post(self, request: Request, id: int) -> Response:
        """Confirm a checked import.

        Imports the file after a dry run. Repeating it with the same `consent_source` is no
        error; otherwise an import that is not CHECKED gets 409 `import_not_checked`.
        """
        source = jobs.cleaned(validated_body(Confirmation, request)["consent_source"])
        confirmed = jobs.confirm(
            get_job(id).pk, consent_source=source, by=_by(request), now=timezone.now()
        )
        job = get_job(id)
        if confirmed:
            audit.log_action(request, job, "Import confirmed.", reason=source, after=job.checked)
        elif job.state not in CONFIRMED or job.consent_source != source:
            raise Conflict(
                "import_not_checked",
                f"This import is {job.get_state_display().lower()}: only one that is checked and "
                "waits can be confirmed.",
            )
        return Response(Job(job).data, status=202)


def _submit(request: Request, upload: Mapping[str, Any]) -> idempotency.Answer:
    file = upload["file"]
    try:
        job = jobs.submit(
            file,
            file.name,
            by=_by(request),
            now=timezone.now(),
            consent_source="" if upload["dry_run"] else upload["consent_source"],
        )
    except jobs.TooManyWaitError as refusal:
        wait = {"Retry-After": str(slots.RETRY_SECONDS)}
        raise Problem(429, BUSY, str(refusal), headers=wait) from None
    except ImportRefused as refusal:
        raise Problem(400, "list_refused", str(refusal)) from None
    audit.log_action(request, job, "List uploaded.", after={"sha256": job.digest})
    location = reverse("api:subscribers-import-job", args=[job.pk])
    return idempotency.Answer(202, Job(job).data, location)


def _by(request: Request) -> str:
    return source(request)[: ImportJob._meta.get_field("by").max_length]


def get_job(pk: int) -> ImportJob:
    """The import with this id, or 404."""
    return get_object_or_404(ImportJob, pk=pk)
