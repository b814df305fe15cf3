"""One distribution as the API shows it."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from distribution.models import Distribution, DistributionState, Kind


class DistributionShown(serializers.ModelSerializer[Distribution]):
    """A distribution: what it is and where it stands."""

    kind = serializers.ChoiceField(Kind.choices)
    date = serializers.DateField(source="local_date", help_text="Its day in India.")
    state = serializers.ChoiceField(DistributionState.choices)
    state_reason = serializers.CharField(help_text="Why it stands there, for people.")
    content = serializers.IntegerField(
        source="content_id", allow_null=True, help_text="Empty: the day's, found when it begins."
    )
    recipients = serializers.IntegerField(help_text="Its audience, counted when it began.")
    status_url = serializers.SerializerMethodField(help_text="Where to follow it.")

    class Meta:
        model = Distribution
        fields = [
            *("id", "kind", "date", "planned_at", "state", "state_reason", "content"),
            *("opened_at", "sla_deadline", "completed_at", "recipients", "status_url"),
        ]

    def get_status_url(self, distribution: Distribution) -> str:
        return status_url(distribution)


def status_url(distribution: Distribution) -> str:
    """Where a program follows it."""
    return f"{reverse('api:status')}?id={distribution.pk}"


def shown(distribution: Distribution) -> dict[str, Any]:
    """Its JSON."""
    return dict(DistributionShown(distribution).data)
