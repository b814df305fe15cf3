"""The status of a distribution: counts, service level, phone numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.analytics import shared_counts
from distribution.api.http.problems import Problem
from distribution.api.resources.distributions import DistributionShown, distribution_body
from distribution.lifecycle import schedule
from distribution.models import Distribution, DistributionState, Scope, State
from distribution.models.distributions import RUNNING
from distribution.reporting import today
from distribution.reporting.number_shares import number_shares
from distribution.reporting.state_shares import failure_reasons
from distribution.runtime import india_time
from distribution.runtime.caches import ShortLivedCache
from distribution.service_level import course
from distribution.service_level.course import Course
from phonepool.models import PhoneNumber
from subscribers.whole_numbers import MAX_ID, whole_number

shared: ShortLivedCache[dict[str, Any]] = ShortLivedCache()


class ReasonCount(serializers.Serializer[Any]):
    state = serializers.ChoiceField(State.choices)
    reason = serializers.CharField(help_text="Stable, for programs.")
    words = serializers.CharField(source="explanation.words", help_text="The same for people.")
    advice = serializers.CharField(source="explanation.advice", help_text="What to do.")
    count = serializers.IntegerField()


class CountsShown(serializers.Serializer[Any]):
    """How many people: the states sum to `recipients`."""

    recipients = serializers.IntegerField()
    states = serializers.DictField(
        child=serializers.IntegerField(), help_text="By state of the delivery; others are zero."
    )
    owed = serializers.IntegerField(help_text="Recipients without those who opted out meanwhile.")
    accepted = serializers.IntegerField(help_text="Accepted by WhatsApp.")
    delivered = serializers.IntegerField(help_text="Delivered to the phone.")
    read = serializers.IntegerField()
    reasons = ReasonCount(many=True)


class SlaShown(serializers.Serializer[Any]):
    """The service level. Shares are 0 to 1 of the eligible recipients, and null without any."""

    verdict = serializers.CharField(
        help_text="not started, on course, at risk, paused, stalled, met, missed, cancelled, "
        "reports are late …"
    )
    basis = serializers.ChoiceField(["delivered", "accepted"])
    deadline = serializers.DateTimeField(allow_null=True)
    accepted_share = serializers.FloatField(allow_null=True)
    delivered_share = serializers.FloatField(allow_null=True)
    projected_share = serializers.FloatField(
        allow_null=True, help_text="If everything that can still arrive in time does."
    )
    violations = serializers.ListField(child=serializers.CharField())


class NumberPart(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name
    role = serializers.CharField()
    standing = serializers.CharField(
        source="condition", help_text="sending, resting, stopped by faults …"
    )
    quality = serializers.CharField()
    rate = serializers.FloatField(help_text="Messages per second it can send now.")
    accepted = serializers.IntegerField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()


class ReportsShown(serializers.Serializer[Any]):
    """How far WhatsApp's reports are in these figures."""

    as_of = serializers.DateTimeField(
        help_text="Whatever was received before is counted. Of a running distribution."
    )
    behind_seconds = serializers.FloatField(
        help_text="Usually a second or two. While it is more than 5, delivered, read and failed "
        "lag, and the service level is not judged as missed for reports that wait here."
    )


class StatusShown(serializers.Serializer[Any]):
    """A distribution at one moment."""

    distribution = DistributionShown()
    as_of = serializers.DateTimeField()
    reports = ReportsShown()
    counts = CountsShown()
    sla = SlaShown()
    rate = serializers.FloatField(help_text="Messages accepted per second in the last seconds.")
    estimated_completion = serializers.DateTimeField(
        allow_null=True,
        help_text="When sending ends. Null when nothing is left, or while it is paused or stalled.",
    )
    numbers = NumberPart(many=True)


class Status(APIView):
    """The current distribution, or the one asked for."""

    scopes = {"GET": Scope.READ}
    query_parameters = {"GET": ("id",)}

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "id", {"type": "integer", "minimum": 1, "maximum": MAX_ID}, required=False
            )
        ],
        responses=StatusShown,
    )
    def get(self, request: Request) -> Response:
        """Follow a distribution.

        Without `id`: the running one, else the one whose time has come, else the latest.
        """
        return Response(_cached_body(_requested(request)))


def _requested(request: Request) -> Distribution:
    raw = request.query_params.get("id")
    if raw is not None:
        pk = whole_number(raw)
        if not pk:
            raise ValidationError({"id": "Send the id of a distribution, a whole number."})
        return get_object_or_404(Distribution, pk=pk)
    now = timezone.now()
    running = Distribution.objects.running().order_by("planned_at").first()
    opened = Distribution.objects.exclude(opened_at=None).order_by("-planned_at")
    distribution = running or today.held_back(now) or opened.first() or schedule.next_due(now)
    if distribution is None or distribution.pk is None:
        raise Problem(404, "none_yet", "There is no distribution yet. Trigger or schedule one.")
    return distribution


def _cached_body(distribution: Distribution) -> dict[str, Any]:
    """Compute the body; for a running distribution, which many poll, share it for a moment."""
    if distribution.state not in RUNNING:
        return status_body(distribution, now=timezone.now())
    key = (distribution.pk, distribution.state)  # a pause is visible at once
    return shared.get(key, lambda: status_body(distribution, now=timezone.now()))


def status_body(distribution: Distribution, *, now: datetime) -> dict[str, Any]:
    """The response body; three to five queries for any size of the audience."""
    counted = shared_counts.read(distribution, now=now)
    tally, reach = counted.tally, counted.reach
    numbers = list(PhoneNumber.objects.order_by("pk"))
    followed = course.follow(distribution, counted, numbers, now=now)
    sends = distribution.state == DistributionState.SENDING
    shares = number_shares(counted.groups, numbers, now, running=sends)
    return {
        "distribution": distribution_body(distribution),
        "as_of": india_time.local_iso(now),
        "reports": {
            "as_of": india_time.local_iso(followed.lag.as_of),
            "behind_seconds": round(followed.lag.seconds, 1),
        },
        "counts": {
            "recipients": tally.recipients,
            "states": tally.states,
            "owed": tally.owed,
            "accepted": reach.accepted,
            "delivered": reach.delivered,
            "read": reach.read,
            "reasons": ReasonCount(failure_reasons(tally), many=True).data,
        },
        "sla": _sla(distribution, followed),
        "rate": followed.rate,
        "estimated_completion": india_time.local_iso(followed.level.estimated_completion),
        "numbers": NumberPart(shares, many=True).data,
    }


def _sla(distribution: Distribution, followed: Course) -> dict[str, Any]:
    level = followed.level
    return {
        "verdict": followed.verdict.word,
        "basis": settings.SLA_BASIS,
        "deadline": india_time.local_iso(distribution.sla_deadline),
        "accepted_share": level.accepted_share,
        "delivered_share": level.delivered_share,
        "projected_share": level.projected_share,
        "violations": level.violations,
    }
