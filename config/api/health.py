"""GET /api/distribution/health: live, ready, and the status of every component."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.monitoring import health, probes
from config.monitoring.probes import REQUIRED
from config.setup import registry
from config.setup.items import Result
from distribution.models import Scope, SetupResult

NAMES = [(name, name) for name in (*REQUIRED, *health.CHECKS)]
STATUSES = [(word, word) for word in (health.OK, health.DEGRADED, health.DOWN, health.UNKNOWN)]


class CheckShown(serializers.Serializer[Any]):
    """One part of the installation."""

    name = serializers.ChoiceField(NAMES)
    status = serializers.ChoiceField(STATUSES)
    told = serializers.CharField(
        source="message", help_text="What it means and what to do, in a sentence."
    )


class SetUpShown(serializers.Serializer[Any]):
    """The latest result of one check of the set-up; the page Set up says what to do."""

    key = serializers.CharField()
    title = serializers.CharField()
    result = serializers.ChoiceField([(result.value, result.value) for result in Result])
    at = serializers.DateTimeField(allow_null=True, help_text="Null: never checked.")


class HealthShown(serializers.Serializer[Any]):
    """Live: this process responds. Ready: database and broker are available."""

    live = serializers.BooleanField()
    ready = serializers.BooleanField()
    status = serializers.ChoiceField(
        STATUSES, help_text="`down`: not ready. `degraded`: a part needs attention."
    )
    checks = CheckShown(many=True)
    set_up = SetUpShown(
        many=True,
        help_text="As stored when the set-up was last checked. It does not affect `status`. Empty "
        "while the database does not answer.",
    )


class Health(APIView):
    """How the house stands. Machines that only ask whether to send somebody here have
    `/health/live` and `/health/ready`, which want no token."""

    scopes = {"GET": Scope.READ}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Skip authentication while the database is down: it needs the database, and that the
        database is down is no secret."""
        if probes.ask(["database"])["database"]:
            super().initial(request, *args, **kwargs)

    @extend_schema(responses={200: HealthShown, 503: HealthShown})
    def get(self, request: Request) -> Response:  # noqa: ARG002 - the signature is REST framework's
        """Get the health of all parts.

        Responds within seconds whatever hangs: 200 when ready, otherwise 503.
        """
        report = health.report()
        body = {
            "live": True,
            "ready": report.ready,
            "status": report.status,
            "checks": CheckShown(report.checks, many=True).data,
            "set_up": _set_up() if probes.ask(["database"])["database"] else [],
        }
        return Response(body, status=200 if report.ready else 503)


def _set_up() -> Any:
    """The stored results: nobody is asked."""
    moments = dict(SetupResult.objects.values_list("key", "at"))
    results = [
        {
            "key": item.key,
            "title": item.title,
            "result": item.result.value,
            "at": moments.get(item.key),
        }
        for item in registry.stored()
    ]
    return SetUpShown(results, many=True).data
