"""Lists alerts and acknowledges them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.alerts import incidents
from distribution.api.auth import audit
from distribution.api.http.fields import Body, Id, validated_body
from distribution.api.http.parameters import Filters
from distribution.api.http.problems import Conflict
from distribution.models import Alert, Scope, Severity

ACTIVE, OPEN, ACKNOWLEDGED, CLOSED = "active", "open", "acknowledged", "closed"
MAX_IDS = 100  # in one acknowledgement


class AlertShown(serializers.Serializer[Alert]):
    """A condition that needs attention. It closes automatically when it is over."""

    id = serializers.IntegerField(read_only=True)
    rule = serializers.CharField(read_only=True)
    scope = serializers.CharField(help_text="What it is about. Empty: everything.")
    severity = serializers.ChoiceField(Severity.choices)
    state = serializers.SerializerMethodField(
        help_text="An alert closes automatically when it is over."
    )
    message = serializers.CharField(read_only=True)
    opened_at = serializers.DateTimeField(read_only=True)
    notified_at = serializers.DateTimeField(read_only=True, allow_null=True)
    acknowledged_at = serializers.DateTimeField(read_only=True, allow_null=True)
    acknowledged_by = serializers.CharField(
        source="acknowledged_by.username", default=None, allow_null=True
    )
    closed_at = serializers.DateTimeField(read_only=True, allow_null=True)

    @extend_schema_field({"type": "string", "enum": [OPEN, ACKNOWLEDGED, CLOSED]})
    def get_state(self, alert: Alert) -> str:
        if alert.closed_at is not None:
            return CLOSED
        return ACKNOWLEDGED if alert.acknowledged_at else OPEN


class AlertFilter(Filters):
    state = filters.ChoiceFilter(
        choices=[(word, word) for word in (ACTIVE, OPEN, ACKNOWLEDGED, CLOSED)],
        method="filter_state",
        help_text="`active` by default, which is open or acknowledged.",
    )
    severity = filters.ChoiceFilter(choices=Severity.choices)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        alerts: QuerySet[Any] = super().filter_queryset(queryset)
        return alerts if self.form.cleaned_data.get("state") else alerts.filter(closed_at=None)

    def filter_state(self, rows: QuerySet[Alert], _field: str, state: str) -> QuerySet[Alert]:
        if state == CLOSED:
            return rows.exclude(closed_at=None)
        rows = rows.filter(closed_at=None)
        if state == OPEN:
            return rows.filter(acknowledged_at=None)
        return rows.exclude(acknowledged_at=None) if state == ACKNOWLEDGED else rows


class Chosen(Body):
    """The alerts to acknowledge."""

    ids = serializers.ListField(child=Id(), min_length=1, max_length=MAX_IDS)


class Acknowledged(serializers.Serializer[Any]):
    acknowledged = serializers.IntegerField(
        help_text="How many of them were open and not acknowledged."
    )


class Alerts(generics.ListAPIView[Alert]):
    """List alerts.

    Alerts that are open or acknowledged, the latest first.
    """

    scopes = {"GET": Scope.READ, "POST": Scope.ADMIN}
    serializer_class = AlertShown
    filterset_class = AlertFilter
    ordering = ("-pk",)

    def get_queryset(self) -> QuerySet[Alert]:
        return Alert.objects.select_related("acknowledged_by")

    @extend_schema(request=Chosen, responses=Acknowledged, filters=False)
    def post(self, request: Request) -> Response:
        """Acknowledge alerts.

        Records who acknowledged them. They stay active until what they report is over.
        """
        ids = validated_body(Chosen, request)["ids"]
        return Response({"acknowledged": _acknowledge(request, ids)})


class Acknowledge(APIView):
    """That somebody looks after an alert."""

    scopes = {"POST": Scope.ADMIN}

    @extend_schema(request=None, responses=AlertShown)
    def post(self, request: Request, id: int) -> Response:
        """Acknowledge an alert.

        Repeating it is no error. A closed alert gets 409 `alert_closed`.
        """
        alert = get_object_or_404(Alert, pk=id)
        _acknowledge(request, [alert.pk])
        alert.refresh_from_db()
        if alert.acknowledged_at is None:
            raise Conflict("alert_closed", "This alert is closed. What it reported is over.")
        return Response(AlertShown(alert).data)


def _acknowledge(request: Request, ids: list[int]) -> int:
    assert request.user.pk is not None  # ScopeNeeded requires a user
    alerts = list(Alert.objects.filter(pk__in=ids, closed_at=None, acknowledged_at=None))
    count = incidents.acknowledge(
        [alert.pk for alert in alerts], by=request.user.pk, now=timezone.now()
    )
    for alert in alerts:
        audit.log_action(request, alert, "Acknowledged.", after=None)
    return count
