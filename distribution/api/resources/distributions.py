"""Distributions: the representation of one, and the list of all."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from distribution.api.http.parameters import Filters
from distribution.api.http.replica_lists import ReplicaList
from distribution.models import Distribution, DistributionState, Kind, Scope


class DistributionShown(serializers.Serializer[Distribution]):
    """A distribution: what it is and where it stands."""

    id = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(Kind.choices)
    date = serializers.DateField(source="local_date", help_text="Its day in India.")
    planned_at = serializers.DateTimeField()
    state = serializers.ChoiceField(DistributionState.choices)
    state_reason = serializers.CharField(help_text="Why it stands there, for people.")
    pause_cause = serializers.CharField(
        help_text="The reason that keeps everybody waiting while it is paused for one, and that "
        "those got who waited for its end to the last; as in `reasons`. Empty: none, a person "
        "paused it, or it is not paused."
    )
    content = serializers.IntegerField(
        source="content_id", allow_null=True, help_text="Empty: the day's, found when it begins."
    )
    opened_at = serializers.DateTimeField(allow_null=True, required=False)
    sla_deadline = serializers.DateTimeField(allow_null=True, required=False)
    completed_at = serializers.DateTimeField(allow_null=True, required=False)
    recipients = serializers.IntegerField(help_text="Its audience, counted when it began.")
    status_url = serializers.SerializerMethodField(help_text="Where to follow it.")

    def get_status_url(self, distribution: Distribution) -> str:
        return status_url(distribution)


def _day(lookup: str, help_text: str) -> filters.DateFilter:
    return filters.DateFilter("local_date", lookup, input_formats=["%Y-%m-%d"], help_text=help_text)


class DistributionFilter(Filters):
    since = _day("gte", "Of this day in India or later.")
    until = _day("lte", "Of this day in India or earlier.")

    class Meta:
        model = Distribution
        fields = {"kind": ["exact"], "state": ["exact"]}


@extend_schema_view(get=extend_schema("distribution_list"))
class Distributions(ReplicaList[Distribution]):
    """List distributions of every kind.

    Daily, one-time and manual ones, the latest first: those that were, that run, and that are
    planned.
    """

    scopes = {"GET": Scope.READ}
    serializer_class = DistributionShown
    filterset_class = DistributionFilter
    ordering = ("-planned_at", "-pk")
    queryset = Distribution.objects.all()


def status_url(distribution: Distribution) -> str:
    """The URL of its status."""
    return f"{reverse('api:status')}?id={distribution.pk}"


def distribution_body(distribution: Distribution) -> dict[str, Any]:
    """Its JSON representation."""
    return dict(DistributionShown(distribution).data)
