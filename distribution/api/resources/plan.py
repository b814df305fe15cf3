"""GET /api/distribution/plan: whom the next distribution reaches, and by when."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.http.problems import Problem
from distribution.lifecycle import ladder
from distribution.lifecycle.capacity_plan import CapacityPlan, Outcome, PlanVerdict
from distribution.models import Distribution, Kind, RungKind, Scope
from distribution.reporting import planned
from distribution.runtime import india_time
from subscribers.models import Tier

VERDICTS = [(verdict.value, verdict.value) for verdict in PlanVerdict]


class TierPlanShown(serializers.Serializer[Any]):
    tier = serializers.ChoiceField(Tier.choices)
    people = serializers.IntegerField()
    seconds = serializers.FloatField(
        allow_null=True,
        help_text="From the start until the tier is done. Null if not everyone is reached.",
    )


class PortfolioNeedShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    people = serializers.IntegerField(help_text="Recipients it writes to.")
    need = serializers.IntegerField(
        help_text="Different people in 24 hours: those of the last 24 hours and the recipients."
    )
    limit = serializers.IntegerField(allow_null=True, help_text="Null: unlimited.")


class OutcomeShown(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(
        VERDICTS,
        help_text="MEETS: everyone within the SLA window. LATE: everyone, later. CANNOT: not "
        "everyone.",
    )
    reached = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="From the start to the last answer.")
    late_by = serializers.FloatField(help_text="Seconds after the SLA window.")


class PlanCostShown(serializers.Serializer[Any]):
    """If everyone receives it, without tax."""

    currency = serializers.CharField(help_text="ISO 4217.")
    amount = serializers.DecimalField(max_digits=16, decimal_places=4)
    unpriced = serializers.IntegerField(help_text="People without a known rate. They are left out.")


class RungShown(serializers.Serializer[Any]):
    """One rung of the fallback ladder."""

    kind = serializers.ChoiceField(RungKind.choices)
    content = serializers.IntegerField()
    template = serializers.IntegerField()
    during_run = serializers.BooleanField(
        help_text="Whether a running distribution may change to it."
    )


class PlanShown(serializers.Serializer[Any]):
    """The capacity plan, as the phone numbers and subscribers are now."""

    kind = serializers.ChoiceField(Kind.choices)
    planned_at = serializers.DateTimeField()
    as_of = serializers.DateTimeField()
    sentence = serializers.CharField(help_text="The plan in a sentence, for people.")
    people = serializers.IntegerField()
    window_seconds = serializers.FloatField(help_text="The SLA window.")
    completed_at = serializers.DateTimeField(help_text="When the last message is answered.")
    outcome = OutcomeShown()
    survives_loss = serializers.BooleanField(
        help_text="Whether the SLA is met without the strongest phone number, too."
    )
    strongest_number = serializers.CharField(help_text="Its label. Empty: no number can send.")
    without_strongest = OutcomeShown()
    tiers = TierPlanShown(many=True, help_text="In the order of sending.")
    portfolios = PortfolioNeedShown(many=True)
    ladder = RungShown(
        many=True,
        help_text="What is sent, and what takes over if Meta lets it not be sent; fixed the "
        "evening before. Empty until then.",
    )
    costs = PlanCostShown(
        many=True,
        help_text="One for each currency in which a sending account is billed; empty without "
        "content or recipients.",
    )


class Plan(APIView):
    """The capacity plan of the next distribution."""

    scopes = {"GET": Scope.READ}

    @extend_schema(responses=PlanShown)
    def get(self, request: Request) -> Response:  # noqa: ARG002 - the framework's
        """Get the plan of the next distribution.

        Reach, completion time, and whether the loss of one phone number is survived.
        """
        now = timezone.now()
        found = planned.upcoming(now)
        if found is None:
            raise Problem(404, "none_yet", "No distribution is scheduled in the next 30 days.")
        return Response(PlanShown(_body(*found, now)).data)


def _body(distribution: Distribution, plan: CapacityPlan, now: datetime) -> dict[str, Any]:
    start = max(distribution.planned_at, now)
    return {
        "kind": distribution.kind,
        "planned_at": india_time.local_iso(distribution.planned_at),
        "as_of": india_time.local_iso(now),
        "sentence": plan.sentence,
        "people": plan.people,
        "window_seconds": plan.window_seconds,
        "completed_at": india_time.local_iso(start + timedelta(seconds=plan.outcome.seconds)),
        "outcome": _outcome(plan.outcome),
        "survives_loss": plan.survives,
        "strongest_number": plan.strongest,
        "without_strongest": _outcome(plan.without),
        "tiers": [
            {**asdict(one), "seconds": None if one.seconds is None else round(one.seconds, 1)}
            for one in plan.tiers
        ],
        "portfolios": [asdict(one) for one in plan.portfolios],
        "ladder": [
            {
                "kind": rung.kind,
                "content": rung.content_id,
                "template": rung.message_template_id,
                "during_run": rung.during_run,
            }
            for rung in ladder.rungs_of(distribution)
        ],
        "costs": [
            {"currency": one.currency, "amount": one.amount, "unpriced": one.unpriced}
            for one in plan.costs
        ],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    seconds, late_by = round(outcome.seconds, 1), round(outcome.late_by, 1)
    return {**asdict(outcome), "seconds": seconds, "late_by": late_by}
