"""GET /api/distribution/{id}/records and records/{id}: the signed records of a distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth.scopes import Scopes
from distribution.api.http.files import attachment
from distribution.models import Distribution, RunRecord, Scope
from distribution.records import bundle


class RecordRow(serializers.ModelSerializer[RunRecord]):
    """One signed record."""

    class Meta:
        model = RunRecord
        fields = ("id", "no", "made_at", "digest", "previous", "public_key")
        extra_kwargs: ClassVar = {
            "no": {"help_text": "1: made when it ended; 2: a day later; 3: a week later."},
            "digest": {"help_text": "SHA-256 of the manifest, in hex."},
            "previous": {"help_text": "Digest of the record made before it; empty of the first."},
            "public_key": {"help_text": "The key that verifies it, as PEM."},
        }


class RecordsAnswer(serializers.Serializer[Any]):
    records = RecordRow(many=True)


class Records(APIView):
    """The records of a distribution: one when it ended, one a day and one a week later."""

    scopes: Scopes = {"GET": Scope.READ}

    @extend_schema(responses=RecordsAnswer)
    def get(self, _request: Request, id: int) -> Response:
        """Read records.

        The signed records of a distribution, the first one first.
        """
        get_object_or_404(Distribution, pk=id)
        rows = RunRecord.objects.filter(distribution=id).order_by("no")
        return Response({"records": RecordRow(rows, many=True).data})


class RecordFile(APIView):
    """One record as a ZIP that anybody can verify."""

    scopes: Scopes = {"GET": Scope.READ}

    @extend_schema(
        responses={(200, bundle.MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request, id: int) -> HttpResponseBase:
        """Download a record.

        Manifest, signature, public key and one line for each delivery, without personal details.
        """
        record = get_object_or_404(RunRecord, pk=id)
        name, kind = bundle.name_of(record), bundle.MEDIA_TYPE
        return attachment(request, bundle.read(record), name, kind)
