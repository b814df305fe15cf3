"""The undo of an import: who would go, and the order to remove them. A task does the work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit
from distribution.api.auth.authentication import source
from distribution.api.http.fields import Body, Text, validated_body
from distribution.api.http.problems import Conflict
from distribution.api.resources.imports import get_job
from distribution.models import Scope
from subscribers.importing import undo, undo_rules
from subscribers.models import ImportJob, ImportUndo

POSSIBLE, IMPOSSIBLE = "POSSIBLE", "IMPOSSIBLE"
STATES = (
    (POSSIBLE, "Can be undone"),
    (IMPOSSIBLE, "Cannot be undone"),
    ("UNDOING", "Being undone"),
    ("UNDONE", "Undone"),
)


class UndoReason(Body):
    """Why an import is undone."""

    reason = Text(max_length=150, help_text="Kept in the audit log.")


class Kept(serializers.Serializer[Any]):
    """People the import added who stay, by the first reason that applies."""

    messaged = serializers.IntegerField(help_text="They are in a distribution or sent a message.")
    opted_out = serializers.IntegerField(help_text="They opted out.")
    changed = serializers.IntegerField(help_text="Their details or status changed since.")
    named = serializers.IntegerField(help_text="A later import names them.")


class Undo(serializers.Serializer[Any]):
    """The undo of an import: what it would do, or has done."""

    state = serializers.ChoiceField(STATES)
    problem = serializers.CharField(help_text="Why the import cannot be undone.")
    percent = serializers.IntegerField()
    removed = serializers.IntegerField(
        help_text="People who would be removed while POSSIBLE, otherwise people removed so far."
    )
    kept = Kept()
    not_undone = serializers.IntegerField(
        help_text="People who were subscribers before. What the import changed in them stays."
    )


class UndoImport(APIView):
    """The undo of an import, within a day after its end."""

    scopes = {"GET": Scope.SUBSCRIBERS, "POST": Scope.SUBSCRIBERS}

    @extend_schema(responses=Undo)
    def get(self, request: Request, id: int) -> Response:  # noqa: ARG002
        """Preview the undo of an import.

        Or its progress: UNDOING is in progress, UNDONE is final.
        """
        return Response(Undo(_undo(get_job(id))).data)

    @extend_schema(request=UndoReason, responses={202: Undo})
    def post(self, request: Request, id: int) -> Response:
        """Undo an import.

        Removes the people it added, except those who were messaged or changed since. Repeating
        it is no error. An import that cannot be undone gets 409 `import_not_undoable`.
        """
        reason, job = validated_body(UndoReason, request)["reason"], get_job(id)
        by = source(request)
        try:
            undo.request(job, reason=reason, by=by, now=timezone.now())
        except undo.UndoRefused as refusal:
            if not ImportUndo.objects.filter(job=job).exists():
                raise Conflict("import_not_undoable", str(refusal)) from None
        else:
            audit.log_action(request, job, "Import undone.", reason=reason, after=_undo(job))
        return Response(Undo(_undo(job)).data, status=202)


def _undo(job: ImportJob) -> dict[str, Any]:
    facts = {"problem": "", "not_undone": job.counts.get("changed", 0)}
    if asked := ImportUndo.objects.filter(job=job).first():
        return {**facts, **asdict(undo.progress(asked)), "kept": _kept(asked.kept)}
    if why := undo_rules.objection(job, now=timezone.now()):
        nobody = {"percent": 0, "removed": 0, "kept": _kept({})}
        return {**facts, "state": IMPOSSIBLE, "problem": why, **nobody}
    preview = undo_rules.preview(job)
    counts = {"percent": 0, "removed": preview.removed, "kept": _kept(preview.kept)}
    return {**facts, "state": POSSIBLE, **counts}


def _kept(counts: dict[str, int]) -> dict[str, int]:
    return {reason: counts.get(reason, 0) for reason in undo_rules.KEPT_REASONS}
