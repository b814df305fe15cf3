"""Quality as Daybreak counts it and as Meta says it: of templates, of numbers, and its history."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.http.parameters import Filters
from distribution.api.http.replica_lists import ReplicaList
from distribution.models import MessageTemplate, QualityChange, QualitySource, Scope
from distribution.quality import comparisons, figures, rules, wording
from distribution.quality.figures import Shown
from distribution.quality.rules import Rate, Side
from distribution.reporting import number_figures
from distribution.runtime import india_time
from phonepool.models import PhoneNumber


class WindowShown(serializers.Serializer[Any]):
    """The block rate over some mornings."""

    mornings = serializers.IntegerField(
        help_text="The number of latest mornings on which it was sent."
    )
    verdict = serializers.ChoiceField(
        [(side.value, side.value) for side in Side],
        help_text="On which side of the limit the rate is. NOT_MEASURABLE: the limit lies between "
        "the bounds, so nobody can tell with so few people.",
    )
    people = serializers.IntegerField(help_text="Different people reached.")
    stopped = serializers.IntegerField(help_text="Of them: stopped within 24 hours.")
    went_silent = serializers.IntegerField(help_text="Of them: not reached by the next three.")
    share = serializers.FloatField(
        allow_null=True, help_text="(stopped + half of went_silent) / people, 0 to 1."
    )
    low = serializers.FloatField(allow_null=True, help_text="At least this, 95% confidence.")
    high = serializers.FloatField(allow_null=True, help_text="At most this, 95% confidence.")


class MorningShown(serializers.Serializer[Any]):
    day = serializers.DateField()
    delivered = serializers.IntegerField()
    read = serializers.IntegerField(help_text="Within 24 hours.")
    stopped = serializers.IntegerField()
    went_silent = serializers.IntegerField(help_text="Known four days later.")


class BlockRateShown(serializers.Serializer[Any]):
    """What people did, as Daybreak counts it each evening. Meta reports no blocks."""

    quality = serializers.CharField(help_text="Meta's rating, or empty. It always counts more.")
    limit = serializers.FloatField(help_text="A block rate above this is too high.")
    windows = WindowShown(many=True)
    read_share = serializers.FloatField(
        allow_null=True, help_text="Read within 24 hours of delivered, last 7 mornings."
    )
    mornings = MorningShown(many=True, help_text="The latest 7, the latest first.")
    explanation = serializers.CharField(help_text="How the rate is calculated, for people.")


class ComparisonShown(serializers.Serializer[Any]):
    """What Meta says of this template beside another one of its group."""

    template = serializers.IntegerField(source="other.pk", help_text="The other one.")
    blocked_more = serializers.BooleanField(
        allow_null=True,
        help_text="Whether this one is blocked more per send. Null: Meta has not answered.",
    )
    top_block_reason = serializers.CharField(
        help_text="Why people block this one, in Meta's word, such as SPAM. Empty: not told."
    )
    window_days = serializers.IntegerField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    missing_sends = serializers.IntegerField(
        help_text="Until Meta compares them within 90 days; 0: enough."
    )
    words = serializers.CharField(help_text="The same in a sentence, for people.")
    error = serializers.CharField(help_text="Of the latest call, or empty.")


class TemplateQualityShown(BlockRateShown):
    template = serializers.IntegerField()
    compared_by_meta = ComparisonShown(many=True)


class NumberQualityShown(BlockRateShown):
    number = serializers.IntegerField()


class TemplateQuality(APIView):
    """How people take a template."""

    scopes = {"GET": Scope.READ}

    @extend_schema(responses=TemplateQualityShown)
    def get(self, request: Request, id: int) -> Response:  # noqa: ARG002 - the framework's
        """Get the quality of a message template.

        Block rate with bounds, reads, and Meta's comparison with its group.
        """
        template = get_object_or_404(MessageTemplate, pk=id)
        today = india_time.local_date(timezone.now())
        days = figures.by_template([id], until=today).get(id, [])
        body = {
            "template": id,
            **_rates(template.quality, figures.shown(days)),
            "compared_by_meta": comparisons.shown(template, today=today),
        }
        return Response(TemplateQualityShown(body).data)


class NumberQuality(APIView):
    """How people take what a number sends."""

    scopes = {"GET": Scope.READ}

    @extend_schema(responses=NumberQualityShown)
    def get(self, request: Request, id: int) -> Response:  # noqa: ARG002
        """Get the quality of a phone number.

        Block rate with bounds, and reads.
        """
        number = get_object_or_404(PhoneNumber, pk=id)
        today: date = india_time.local_date(timezone.now())
        found = number_figures.shown(id, today=today)
        return Response(NumberQualityShown({"number": id, **_rates(number.quality, found)}).data)


def _rates(quality: str, found: Shown) -> dict[str, Any]:
    return {
        "quality": quality,
        "limit": rules.LIMIT,
        "windows": [_window(mornings, rate) for mornings, rate in found.windows],
        "read_share": None if found.read_share is None else round(found.read_share, 4),
        "mornings": [
            {
                "day": day.day,
                "delivered": day.delivered,
                "read": day.read,
                "stopped": day.hard,
                "went_silent": day.soft,
            }
            for day in found.days
        ],
        "explanation": wording.explanation(),
    }


def _window(mornings: int, rate: Rate) -> dict[str, Any]:
    known = bool(rate.people)
    return {
        "mornings": mornings,
        "verdict": rate.side.value,
        "people": rate.people,
        "stopped": rate.hard,
        "went_silent": rate.soft,
        "share": round(rate.share, 6) if known else None,
        "low": round(rate.low, 6) if known else None,
        "high": round(rate.high, 6) if known else None,
    }


class QualityChangeShown(serializers.Serializer[QualityChange]):
    """The quality of a number or a template changed."""

    id = serializers.IntegerField()
    number = serializers.IntegerField(source="number_id", allow_null=True)
    template = serializers.IntegerField(source="template_id", allow_null=True)
    before = serializers.CharField(help_text="HIGH, MEDIUM …, of templates GREEN …; or empty.")
    after = serializers.CharField(
        help_text="ABOVE_LIMIT: blocked by more than 2%, by Daybreak's own count."
    )
    source = serializers.ChoiceField(  # type: ignore[assignment]  # not the framework's source
        QualitySource.choices
    )
    at = serializers.DateTimeField()


class QualityChangeFilter(Filters):
    number = filters.NumberFilter(field_name="number_id", help_text="The id of a phone number.")
    template = filters.NumberFilter(field_name="template_id", help_text="The id of a template.")
    source = filters.ChoiceFilter(choices=QualitySource.choices)


@extend_schema_view(get=extend_schema(responses=QualityChangeShown(many=True)))
class QualityChanges(ReplicaList[QualityChange]):
    """List changes of quality.

    Of phone numbers and message templates, the latest first. Kept for good.
    """

    scopes = {"GET": Scope.READ}
    serializer_class = QualityChangeShown
    filterset_class = QualityChangeFilter
    ordering = ("-at", "-pk")

    def get_queryset(self) -> QuerySet[QualityChange]:
        return QualityChange.objects.all()
