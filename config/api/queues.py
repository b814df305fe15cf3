"""GET /api/queue/status: depth, age and workers of each queue; the ledger by state."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from django.db.models import Count, Min
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.monitoring import queues
from distribution.analytics import shared_counts
from distribution.models import Distribution, Scope, State, Worker
from distribution.runtime.probe import Probe
from webhooks.models import WebhookEvent

BROKER_PROBE = Probe(queues.backlogs_or_none)


class QueueShown(serializers.Serializer[Any]):
    """One of Celery's queues."""

    name = serializers.CharField()
    depth = serializers.IntegerField(
        allow_null=True, help_text="Waiting tasks. Null while the broker is not available."
    )
    oldest_seconds = serializers.FloatField(
        allow_null=True, help_text="How long the oldest task has been waiting. Null if none is."
    )
    per_minute = serializers.IntegerField(help_text="Tasks finished in the last minute.")
    workers = serializers.IntegerField(help_text="Worker processes of this queue.")
    concurrency = serializers.IntegerField(help_text="Tasks they run at the same time.")


class InboxShown(serializers.Serializer[Any]):
    """Webhooks from Meta that are stored and waiting to be applied."""

    depth = serializers.IntegerField()
    oldest_seconds = serializers.FloatField(allow_null=True)
    as_of = serializers.DateTimeField(
        help_text="Figures of delivered, read and failed messages count what came before."
    )
    dead_letters = serializers.IntegerField(
        help_text="Webhooks that failed too often and need a person."
    )


class QueueStatus(serializers.Serializer[Any]):
    """All queues right now."""

    at = serializers.DateTimeField()
    broker = serializers.ChoiceField(["ok", "down"])
    queues = QueueShown(many=True)
    ledger = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Deliveries of running distributions by state. Every state is listed.",
    )
    inbox = InboxShown()


class Queues(APIView):
    """What waits, and who works on it."""

    scopes = {"GET": Scope.READ}

    @extend_schema(responses=QueueStatus)
    def get(self, request: Request) -> Response:  # noqa: ARG002 - the framework's
        """Get queues and deliveries in progress.

        Worker, rate and ledger figures are returned even when the broker is unavailable.
        """
        now = timezone.now()
        waiting = BROKER_PROBE.result()
        by_state = Counter[str]()
        for distribution in Distribution.objects.running():
            by_state.update(shared_counts.read(distribution, now=now).tally.states)
        body = {
            "at": now,
            "broker": "down" if waiting is None else "ok",
            "queues": [
                asdict(queue) for queue in queues.summarise(waiting, Worker.objects.live(now))
            ],
            "ledger": {state: by_state[state] for state in State.values},
            "inbox": _inbox(now),
        }
        return Response(QueueStatus(body).data)


def _inbox(now: Any) -> dict[str, Any]:
    pending = WebhookEvent.objects.pending().order_by()
    totals = pending.aggregate(depth=Count("pk"), since=Min("received_at"))
    since = totals["since"]
    return {
        "depth": totals["depth"],
        "as_of": since or now,
        "oldest_seconds": round((now - since).total_seconds(), 1) if since else None,
        "dead_letters": WebhookEvent.objects.dead().count(),
    }
