"""GET /api/distribution/costs and /rates: what messages cost, and Meta's prices."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth.scopes import Scopes
from distribution.api.http import csv
from distribution.api.resources.analytics import DaysQuery
from distribution.cost import figures, staff_messages
from distribution.cost.figures import By, Spent, exact
from distribution.models import Rate, Scope
from distribution.runtime import replica
from subscribers.spreadsheets import csv_lines


class CostsQuery(DaysQuery):
    """Which days, and by what."""

    by = serializers.ChoiceField(
        choices=list(By), default=By.MORNING.value, help_text="One row per morning, month, tier …"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return super().validate({**attrs, "by": By(attrs["by"])})


class CostAmount(serializers.Serializer[Any]):
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="Without tax.")
    amount_with_gst = serializers.CharField()


class CostRow(serializers.Serializer[Any]):
    """Delivered messages; charged, free, unpriced and no_rate add up to them."""

    key = serializers.CharField(
        allow_null=True,
        help_text="The day, the month's first day, category, tier, number or template.",
    )
    messages = serializers.IntegerField(help_text="Delivered.")
    charged = serializers.IntegerField()
    free = serializers.IntegerField(help_text="Meta does not charge them.")
    unpriced = serializers.IntegerField(help_text="Meta told no pricing.")
    no_rate = serializers.IntegerField(help_text="Charged, but no rate is known here.")
    amounts = CostAmount(many=True, help_text="By currency; never added up across them.")
    per_message = serializers.CharField(
        allow_null=True, help_text="Without tax. Null of none, or of several currencies."
    )


class CostsAnswer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"from": serializers.DateField(), **super().get_fields()}

    to = serializers.DateField()
    by = serializers.ChoiceField(choices=list(By))
    gst_percent = serializers.CharField()
    limit_per_message = serializers.CharField(help_text="In rupees without tax.")
    rows = CostRow(many=True)
    total = CostRow()
    staff_messages = CostRow(
        help_text="Test messages to staff phones, not included above: of contents, of the set-up "
        "and of preflights."
    )


class Costs(APIView):
    """Costs of ended distributions, summed in advance: asking costs the same at any size."""

    scopes: Scopes = {"GET": Scope.READ}
    query_parameters = {"GET": ("from", "to", "by")}
    renderer_classes = csv.JSON_OR_CSV

    @extend_schema(
        parameters=[CostsQuery],
        responses={
            (200, "application/json"): CostsAnswer,
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "The rows, a header first."),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Read costs.

        What delivered messages of a range of days cost, with and without GST.
        """
        query = CostsQuery(data=request.query_params.dict())  # rejects an empty date
        query.is_valid(raise_exception=True)
        start, end, by = (query.validated_data[name] for name in ("start", "end", "by"))
        rows = replica.read_from_replica(lambda: figures.grouped(start, end, by))
        if csv.wants_csv(request):
            lines = csv_lines(figures.table(rows, by))
            return csv.csv_response(request, lines, f"costs-by-{by}-{start}-{end}.csv")
        total = Spent()
        for row in rows:
            total.include(row)
        answer = {
            "from": start,
            "to": end,
            "by": by.value,
            "gst_percent": f"{figures.tax_percent():f}",
            "limit_per_message": f"{figures.limit_per_message():f}",
            "rows": [_row(row) for row in rows],
            "total": _row(total),
            "staff_messages": _row(staff_messages.between(start, end)),
        }
        return Response(answer)


def _row(row: Spent) -> dict[str, Any]:
    each = row.per_message
    return {
        "key": row.key_text or None,
        **{name: getattr(row, name) for name in figures.COUNTS},
        "amounts": [
            {
                "currency": currency,
                "amount": exact(amount),
                "amount_with_gst": exact(figures.with_tax(amount)),
            }
            for currency, amount in sorted(row.amounts.items())
        ],
        "per_message": None if each is None else exact(each),
    }


class RateRow(serializers.ModelSerializer[Rate]):
    """Meta's price of one delivered message, without tax."""

    price = serializers.DecimalField(max_digits=12, decimal_places=6, coerce_to_string=True)

    class Meta:
        model = Rate
        fields = (
            "id",
            "market",
            "prefix",
            "category",
            "from_n",
            "price",
            "currency",
            "valid_from",
            "source",
        )


class RatesAnswer(serializers.Serializer[Any]):
    rates = RateRow(many=True)


class Rates(APIView):
    """All of them, past and coming: a few for each market."""

    scopes: Scopes = {"GET": Scope.READ}

    @extend_schema(responses=RatesAnswer)
    def get(self, _request: Request) -> HttpResponseBase:
        """Read rates.

        Meta's prices as dated rows; of several the latest valid day counts.
        """
        return Response({"rates": RateRow(Rate.objects.all(), many=True).data})
