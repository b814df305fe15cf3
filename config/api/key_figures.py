"""GET /api/distribution/key-figures: what the home page shows of the last 28 days, as numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.staff import kpis
from distribution.cost import figures
from distribution.cost.figures import exact
from distribution.models import Scope
from distribution.quality import figures as signals
from distribution.quality import rules
from distribution.quality.rules import Side
from distribution.runtime import india_time, replica


class ServiceLevelShown(serializers.Serializer[Any]):
    basis = serializers.CharField(help_text="What counts: accepted, or delivered.")
    share = serializers.FloatField(allow_null=True, help_text="0 to 1. Null: nothing measured.")
    target = serializers.FloatField()
    mornings = serializers.IntegerField(help_text="Measured.")


class StartsShown(serializers.Serializer[Any]):
    mornings = serializers.IntegerField(help_text="Ended or missed.")
    in_time = serializers.IntegerField(help_text="Of them: began within a minute.")
    share = serializers.FloatField(allow_null=True)


class PoolQualityShown(serializers.Serializer[Any]):
    numbers = serializers.IntegerField(help_text="Phone numbers that Meta confirmed.")
    high = serializers.IntegerField()
    poor = serializers.IntegerField(help_text="Low or flagged.")


class WholeBlockRateShown(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField([(side.value, side.value) for side in Side])
    people = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="At least this, 95% confidence.")
    high = serializers.FloatField(allow_null=True, help_text="At most this, 95% confidence.")
    limit = serializers.FloatField()


class CostFigureShown(serializers.Serializer[Any]):
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="Without tax.")
    messages = serializers.IntegerField(help_text="Delivered.")
    per_message = serializers.CharField(allow_null=True, help_text="Without tax.")
    limit_per_message = serializers.CharField(help_text="In rupees without tax.")


class KeyFiguresShown(serializers.Serializer[Any]):
    """The key figures, from stored sums."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"from": serializers.DateField(), **super().get_fields()}

    to = serializers.DateField()
    service_level = ServiceLevelShown()
    starts = StartsShown()
    quality = PoolQualityShown(help_text="Now.")
    block_rate = WholeBlockRateShown(help_text="Of all templates together, last 7 mornings.")
    cost = CostFigureShown(help_text="Of the distributions of these days that have ended.")


class KeyFigures(APIView):
    """The key figures of the last 28 days."""

    scopes = {"GET": Scope.READ}

    @extend_schema(responses=KeyFiguresShown)
    def get(self, request: Request) -> Response:  # noqa: ARG002 - the framework's
        """Get the key figures of the last 28 days.

        Service level, starts in time, quality, block rate, cost per message.
        """
        return Response(KeyFiguresShown(replica.read_from_replica(_body)).data)


def _body() -> dict[str, Any]:
    today = india_time.local_date(timezone.now())
    first = today - timedelta(days=kpis.DAYS - 1)
    sums, pool = kpis.mornings(first, today), kpis.pool_quality()
    rate = rules.rate_over(signals.whole(until=today), rules.LONG_WINDOW)
    spent, known = figures.between(first, today), bool(rate.people)
    return {
        "from": first,
        "to": today,
        "service_level": {
            "basis": settings.SLA_BASIS,
            "share": round(sums["reached"] / sums["people"], 6) if sums["people"] else None,
            "target": settings.SLA_TARGET,
            "mornings": sums["measured"],
        },
        "starts": {
            "mornings": sums["days"],
            "in_time": sums["started"],
            "share": round(sums["started"] / sums["days"], 6) if sums["days"] else None,
        },
        "quality": {"numbers": pool["all"], "high": pool["high"], "poor": pool["poor"]},
        "block_rate": {
            "verdict": rate.side.value,
            "people": rate.people,
            "share": round(rate.share, 6) if known else None,
            "low": round(rate.low, 6) if known else None,
            "high": round(rate.high, 6) if known else None,
            "limit": rules.LIMIT,
        },
        "cost": {
            "currency": spent.currency,
            "amount": exact(spent.amount),
            "messages": spent.messages,
            "per_message": None if spent.per_message is None else exact(spent.per_message),
            "limit_per_message": f"{figures.limit_per_message():f}",
        },
    }
