"""GET and POST /api/distribution/preflight: the latest tests before a morning, and new ones."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.preflight import background, run
from config.preflight.run import PreflightRefusedError
from config.setup.items import Result
from distribution.api.auth import audit
from distribution.api.http.fields import Body, Text, validated_body
from distribution.api.http.problems import Problem, conflict_on
from distribution.models import Preflight, PreflightState, PreflightVerdict, Scope
from distribution.runtime import india_time


class PreflightReason(Body):
    reason = Text(max_length=150, help_text="Kept in the audit log.")


class PreflightCheckShown(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Stable, for programs.")
    number = serializers.CharField(
        allow_null=True, help_text="Label of the phone number, if the check is about one."
    )
    result = serializers.ChoiceField([(result.value, result.value) for result in Result])
    seen = serializers.CharField()
    to_do = serializers.CharField(help_text="Empty if nothing has to be done.")


class PreflightShown(serializers.Serializer[Any]):
    """The tests before a morning."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(PreflightState.choices)
    verdict = serializers.CharField(
        help_text=f"{', '.join(PreflightVerdict.values)}. Empty while it is running."
    )
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    messages = serializers.IntegerField(help_text="Test messages it sent. None: it only read.")
    plan = serializers.CharField(help_text="The capacity plan in a sentence.")
    checks = PreflightCheckShown(many=True)


class LatestPreflight(APIView):
    """The latest preflight."""

    scopes = {"GET": Scope.READ, "POST": Scope.DISTRIBUTE}
    permissions = {"POST": "distribution.run_preflight"}

    @extend_schema(responses=PreflightShown)
    def get(self, request: Request) -> Response:  # noqa: ARG002 - the framework's
        """Get the latest preflight.

        GREEN, AMBER or RED, with what each check found.
        """
        run.settle(timezone.now())
        latest = Preflight.objects.first()
        if latest is None:
            raise Problem(404, "none_yet", "No preflight has run yet.")
        return Response(_body(latest))

    @extend_schema(request=PreflightReason, responses={202: PreflightShown})
    def post(self, request: Request) -> Response:
        """Test everything now.

        Every phone number sends to every staff phone. Ask for the result within 90 seconds.
        """
        reason = validated_body(PreflightReason, request)["reason"]
        with conflict_on(PreflightRefusedError, "not_possible"):
            preflight = run.create_by_hand(by=request.user, now=timezone.now())
        audit.log_action(request, preflight, "Tested everything.", reason=reason, after={})
        body = _body(preflight)
        background.begin(preflight)
        return Response(body, status=202)


def _body(preflight: Preflight) -> dict[str, Any]:
    checks = preflight.checks.select_related("number")
    return {
        "id": preflight.pk,
        "state": preflight.state,
        "verdict": preflight.verdict,
        "started_at": india_time.local_iso(preflight.started_at),
        "ended_at": india_time.local_iso(preflight.ended_at),
        "messages": preflight.messages.count(),
        "plan": preflight.plan,
        "checks": [
            {
                "key": row.key,
                "number": row.number.label if row.number else None,
                "result": row.result,
                "seen": row.seen,
                "to_do": row.to_do,
            }
            for row in checks
        ],
    }
