"""GET /api/distribution/analytics: figures by day, tier, number, template, hour or language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.analytics import breakdown
from distribution.analytics.breakdown import Breakdown, Dimension
from distribution.api.auth.scopes import Scopes
from distribution.api.http import csv, fields
from distribution.models import Scope
from distribution.runtime import india_time, replica
from subscribers.spreadsheets import csv_lines

DEFAULT_DAYS, MAX_DAYS = 30, 750


class DaysQuery(serializers.Serializer[Any]):
    """Which days."""

    to = fields.Day(required=False, help_text="The last day, in India. By default today.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        help_text = f"The first day, in India. By default {DEFAULT_DAYS} days up to the last."
        first = fields.Day(required=False, help_text=help_text)
        return {"from": first, **super().get_fields()}  # `from` is a keyword of Python

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        end = attrs.get("to") or india_time.local_date(timezone.now())
        start = attrs.get("from")
        if start is None:
            start = max(date.min + timedelta(days=DEFAULT_DAYS), end) - timedelta(DEFAULT_DAYS - 1)
        if start > end:
            raise serializers.ValidationError({"from": "`from` must not be after `to`."})
        if (end - start).days >= MAX_DAYS:
            raise serializers.ValidationError({"from": f"Ask for {MAX_DAYS} days at most."})
        return {"start": start, "end": end, "by": attrs["by"]}


class AnalyticsQuery(DaysQuery):
    """Which days, and by what."""

    by = serializers.ChoiceField(
        choices=list(Dimension),
        default=Dimension.DAY.value,
        help_text="One row per day, tier, phone number …",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return super().validate({**attrs, "by": Dimension(attrs["by"])})


class FiguresRow(serializers.Serializer[Any]):
    """One row of figures; accepted, failed, skipped, unconfirmed, waiting add up to recipients."""

    key = serializers.CharField(
        allow_null=True,
        help_text="The day, tier, id, hour or language. Null if there is none.",
    )
    label = serializers.CharField(help_text="For people.")  # type: ignore[assignment]
    recipients = serializers.IntegerField()
    accepted = serializers.IntegerField(help_text="WhatsApp accepted the message.")
    delivered = serializers.IntegerField(help_text="Of accepted.")
    read = serializers.IntegerField(help_text="Of delivered, for people who send read receipts.")
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    unconfirmed = serializers.IntegerField(help_text="Unconfirmed: no response from WhatsApp.")
    waiting = serializers.IntegerField(help_text="Not finished yet.")
    failures = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    skips = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")


class AnalyticsAnswer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"from": serializers.DateField(), **super().get_fields()}

    to = serializers.DateField()
    by = serializers.ChoiceField(choices=list(Dimension))
    time_zone = serializers.CharField()
    as_of = serializers.DateTimeField(
        allow_null=True, help_text="When these days were last counted. Null: never."
    )
    behind = serializers.IntegerField(
        help_text="Distributions of these days that are running or have changed since. 0: the "
        "figures are complete."
    )
    rows = FiguresRow(many=True)
    total = FiguresRow()


class Analytics(APIView):
    """Figures of ended distributions, counted in advance: asking costs the same at any size."""

    scopes: Scopes = {"GET": Scope.READ}
    query_parameters = {"GET": ("from", "to", "by")}
    renderer_classes = csv.JSON_OR_CSV

    @extend_schema(
        parameters=[AnalyticsQuery],
        responses={
            (200, "application/json"): AnalyticsAnswer,
            (200, "text/csv"): OpenApiResponse(
                OpenApiTypes.STR, "The rows, a header first; reasons as `reason:count;…`."
            ),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Read analytics.

        Sent, delivered, read, failed and skipped messages of a range of days.
        """
        query = AnalyticsQuery(data=request.query_params.dict())  # rejects an empty date
        query.is_valid(raise_exception=True)
        start, end, by = (query.validated_data[name] for name in ("start", "end", "by"))
        figures = replica.read_from_replica(lambda: breakdown.break_down(start, end, by))
        if csv.wants_csv(request):
            lines = csv_lines(csv_rows(figures, by))
            return csv.csv_response(request, lines, f"analytics-by-{by}-{start}-{end}.csv")
        answer = {
            "from": start,
            "to": end,
            "by": by.value,
            "time_zone": settings.TIME_ZONE,
            "as_of": figures.as_of and timezone.localtime(figures.as_of),
            "behind": figures.behind,
            "rows": [asdict(row) for row in figures.rows],
            "total": asdict(figures.total),
        }
        return Response(answer)  # a serializer would take longer than the query for 365 rows


def csv_rows(figures: Breakdown, by: Dimension) -> Iterator[list[str]]:
    """The rows of the CSV, a header first."""
    _, *columns = asdict(figures.total)
    yield [by.value, *columns]
    for row in figures.rows:
        yield [_cell(value) for value in asdict(row).values()]


def _cell(value: str | int | Mapping[str, int] | None) -> str:
    if isinstance(value, Mapping):
        return ";".join(f"{reason}:{count}" for reason, count in sorted(value.items()))
    return "" if value is None else str(value)
