"""Distributions: the representation of one, and the list of all."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django_filters import rest_framework as filters
from rest_framework import serializers

from distribution.api.http.parameters import Filters
from distribution.api.http.replica_lists import ReplicaList
from distribution.models import Distribution, DistributionState, Kind, Scope


class DistributionShown(serializers.Serializer[Distribution]):
    """A distribution and its state."""

    id = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(Kind.choices)
    date = serializers.DateField(source="local_date", help_text="The day in India.")
    planned_at = serializers.DateTimeField()
    state = serializers.ChoiceField(DistributionState.choices)
    state_reason = serializers.CharField(help_text="Why it is in this state, for people.")
    pause_cause = serializers.CharField(
        help_text="The failure for which a rule paused it, as in `reasons`. Empty if it is "
        "not paused, or if a person paused it."
    )
    content = serializers.IntegerField(
        source="content_id",
        allow_null=True,
        help_text="Null: the day's content, chosen when it starts.",
    )
    opened_at = serializers.DateTimeField(allow_null=True, required=False)
    sla_deadline = serializers.DateTimeField(allow_null=True, required=False)
    completed_at = serializers.DateTimeField(allow_null=True, required=False)
    deliveries_removed_at = serializers.DateTimeField(
        allow_null=True,
        required=False,
        help_text="When its deliveries were removed because of their age; its figures stay.",
    )
    recipients = serializers.IntegerField(
        help_text="The number of recipients, fixed when it starts."
    )
    status_url = serializers.SerializerMethodField(help_text="The URL of its status.")

    def get_status_url(self, distribution: Distribution) -> str:
        return status_url(distribution)


def _day(lookup: str, help_text: str) -> filters.DateFilter:
    return filters.DateFilter("local_date", lookup, input_formats=["%Y-%m-%d"], help_text=help_text)


class DistributionFilter(Filters):
    since = _day("gte", "On or after this day in India.")
    until = _day("lte", "On or before this day in India.")

    class Meta:
        model = Distribution
        fields = {"kind": ["exact"], "state": ["exact"]}


class Distributions(ReplicaList[Distribution]):
    """List distributions.

    Daily, one-time and manual distributions, past, running and scheduled, the latest first.
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
