"""The deliveries of one distribution, as JSON pages or one CSV file."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, PermissionDenied, ValidationError
from rest_framework.request import Request

from distribution.access import full_numbers
from distribution.api.auth import audit
from distribution.api.http import csv
from distribution.api.http.replica_lists import ReplicaList
from distribution.ledger.reasons import explain
from distribution.models import Delivery, Distribution, Progress, Scope, State
from distribution.reporting import delivery_export
from distribution.runtime import replica
from masking.phones import mask_phone
from masking.texts import mask_text
from subscribers.text_cleaning import clean_line

REASON = "reason"  # of an export
REASON_LIMIT = 150  # characters
REASON_MISSING = "Enter why you export. It is kept in the audit log."
REASON_TOO_LONG = f"Use at most {REASON_LIMIT} characters."
EXPORT_MISSING = "Your role cannot export deliveries. Ask an administrator."


@extend_schema_field({"type": "string", "enum": [step.name.lower() for step in Progress]})
class ProgressField(serializers.Field[int, Any, str, Any]):
    """How far WhatsApp reported the message, by name."""

    def to_representation(self, value: int) -> str:
        return Progress(value).name.lower()


class DeliveryShown(serializers.Serializer[Delivery]):
    """One person's message. The phone is masked. GET the subscriber for the full number."""

    id = serializers.IntegerField(read_only=True)
    subscriber = serializers.IntegerField(source="subscriber_id")
    phone = serializers.SerializerMethodField(help_text="Masked.")
    tier = serializers.CharField(max_length=8)
    batch_no = serializers.IntegerField()
    number = serializers.CharField(
        source="number.label",
        default=None,
        allow_null=True,
        help_text="Our phone number that sent it.",
    )
    state = serializers.ChoiceField(State.choices)
    progress = ProgressField(read_only=True, help_text="The latest status from WhatsApp.")
    reason = serializers.CharField(help_text="Stable, for programs. Empty if there is none.")
    words = serializers.SerializerMethodField(help_text="The reason for people.")
    attempts = serializers.IntegerField(source="attempt_no")
    accepted_at = serializers.DateTimeField(allow_null=True, required=False)
    sent_at = serializers.DateTimeField(allow_null=True, required=False)
    delivered_at = serializers.DateTimeField(allow_null=True, required=False)
    read_at = serializers.DateTimeField(allow_null=True, required=False)
    failed_at = serializers.DateTimeField(allow_null=True, required=False)
    error_code = serializers.IntegerField(source="failed_code", allow_null=True)
    rung = serializers.IntegerField(
        help_text="On which rung of the ladder it left last. 0 is the first."
    )
    message_template = serializers.IntegerField(
        source="message_template_id",
        allow_null=True,
        help_text="What it left with. Null: the distribution's own.",
    )

    def get_phone(self, delivery: Delivery) -> str:
        return mask_phone(delivery.phone)

    def get_words(self, delivery: Delivery) -> str:
        return explain(delivery.reason).words if delivery.reason else ""


class Deliveries(ReplicaList[Delivery]):
    """Deliveries of a distribution."""

    scopes = {"GET": Scope.SUBSCRIBERS}
    renderer_classes = csv.JSON_OR_CSV
    serializer_class = DeliveryShown
    ordering = ("pk",)
    filterset_fields = ("state", "tier", "number")
    query_parameters = {"GET": (REASON,)}

    def get_queryset(self) -> QuerySet[Delivery]:
        if getattr(self, "swagger_fake_view", False):
            return Delivery.objects.none()
        return Delivery.objects.filter(distribution=self.kwargs["id"]).select_related("number")

    @extend_schema(
        parameters=[
            OpenApiParameter(
                REASON,
                {"type": "string", "maxLength": REASON_LIMIT},
                description="Why you export. Required for CSV, and kept in the audit log.",
            )
        ],
        responses={
            (200, "application/json"): DeliveryShown(many=True),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One line each, a header first."),
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """List deliveries of a distribution.

        JSON in pages, or everything as one CSV file with `Accept: text/csv`. CSV is an export: it
        needs a `reason`, it is logged, and the caller's role has to allow it.
        """
        # the replica may not have it yet
        distribution = get_object_or_404(Distribution, pk=self.kwargs["id"])
        if csv.wants_csv(request):
            if not full_numbers.may_export_deliveries(request.user):
                raise PermissionDenied(EXPORT_MISSING)
            reason = _reason(request)
            rows = self.get_queryset().using(replica.stream_alias()).order_by("pk")
            lines = delivery_export.lines(self.filter_queryset(rows), full_phones=False)
            asked = [item for item in request.query_params.items() if item[0] != REASON]
            filters = {name: mask_text(str(value)) for name, value in asked}
            after = {"filters": filters, "full_phones": False}
            answer = csv.csv_response(request, lines, f"deliveries-{self.kwargs['id']}.csv")
            audit.log_action(
                request, distribution, "Deliveries exported.", reason=reason, after=after
            )
            return answer
        return super().get(request, *args, **kwargs)


def _reason(request: Request) -> str:
    """Why the caller exports, on one line, without numbers."""
    reason = clean_line(request.query_params.get(REASON, ""))
    if not reason:
        raise ValidationError({REASON: [ErrorDetail(REASON_MISSING, "required")]})
    if len(reason) > REASON_LIMIT:
        raise ValidationError({REASON: [ErrorDetail(REASON_TOO_LONG, "max_length")]})
    return mask_text(reason)
