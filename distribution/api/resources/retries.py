"""Retry failed deliveries: only those that certainly got nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution import tasks
from distribution.api.auth import audit
from distribution.api.auth.idempotency import Answer, once
from distribution.api.auth.scopes import Scopes
from distribution.api.http.fields import Body, Text, validated_body
from distribution.api.http.problems import Conflict, conflict_on
from distribution.api.resources.distributions import (
    DistributionShown,
    distribution_body,
    status_url,
)
from distribution.interventions import manual_retry
from distribution.interventions.rules import InterventionError
from distribution.ledger.reasons import explain
from distribution.models import Distribution, Scope

CHANGED = "{} can be retried safely now, not {}. Read the preview again."


class RetryReason(serializers.Serializer[Any]):
    """The failed deliveries of one reason."""

    safety = serializers.ChoiceField(
        [(word.value, word.value) for word in manual_retry.RetrySafety],
        help_text="`safe`: certainly not received. `unsafe`: may have been received. `pointless`: "
        "the person cannot or must not be reached.",
    )
    reason = serializers.CharField(help_text="Stable, for programs; as in deliveries.")
    words = serializers.CharField(help_text="The same for people.")
    advice = serializers.CharField(help_text="What to do about it.")
    count = serializers.IntegerField()


class RetryPreview(serializers.Serializer[Any]):
    """What a retry would do now: safe + unsafe + pointless = all failed deliveries."""

    safe = serializers.IntegerField(help_text="A retry sends to these, and to nobody else.")
    unsafe = serializers.IntegerField(help_text="They may have the message. Never retried.")
    pointless = serializers.IntegerField(help_text="A retry would not reach them.")
    unconfirmed = serializers.IntegerField(
        help_text="Not failed, but unconfirmed. A person decides on each in the admin."
    )
    reasons = RetryReason(many=True)


class RetryBody(Body):
    """Why the failed deliveries are retried, and how many the caller expects."""

    reason = Text(max_length=150, help_text="Kept with each delivery and in the audit log.")
    expected = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10**9,
        help_text="`safe` of the preview. If it differs now, nothing is sent.",
    )


class RetryShown(DistributionShown):
    """The distribution, and how many deliveries are retried."""

    retried = serializers.IntegerField(help_text="Failed deliveries that are sent again.")


class Retry(APIView):
    """The failed deliveries of a distribution."""

    scopes: Scopes = {"GET": Scope.READ, "POST": Scope.DISTRIBUTE}
    permissions = {"POST": manual_retry.PERMISSION}
    creates = True
    follow = ("get_distribution_status", "list_deliveries")

    @extend_schema(responses=RetryPreview)
    def get(self, request: Request, id: int) -> Response:  # noqa: ARG002
        """Preview a retry.

        Counts the failed deliveries by whether a retry is safe, and by reason. Nothing is sent.
        """
        found = manual_retry.preview(get_object_or_404(Distribution, pk=id))
        body = {**found.sizes, "unconfirmed": found.unconfirmed, "reasons": _reasons(found)}
        return Response(RetryPreview(body).data)

    @extend_schema(request=RetryBody, responses={202: RetryShown})
    def post(self, request: Request, id: int) -> HttpResponse:
        """Retry failed deliveries.

        Sends to those who certainly got nothing, on the day of the distribution only. Deliveries
        that may have arrived are never retried. It needs an owner whose role can retry.
        """
        body = validated_body(RetryBody, request)
        distribution = get_object_or_404(Distribution, pk=id)
        return once(request, lambda: _retry(request, distribution, body))


def _reasons(found: manual_retry.Preview) -> list[dict[str, Any]]:
    """One row per safety and reason, the safe ones first, then the commonest."""
    return [
        {
            "safety": safety.value,
            "reason": reason,
            "words": explain(reason).words,
            "advice": explain(reason).advice,
            "count": count,
        }
        for safety in manual_retry.RetrySafety
        for reason, count in getattr(found, safety.value).most_common()
    ]


def _retry(request: Request, distribution: Distribution, body: dict[str, Any]) -> Answer:
    assert isinstance(request.user, User)  # ScopeNeeded requires a user
    chosen = list(manual_retry.safe_ones(distribution.pk).values_list("pk", flat=True))
    if body.get("expected") not in (None, len(chosen)):
        raise Conflict("not_possible", CHANGED.format(len(chosen), body["expected"]))
    with conflict_on(InterventionError, "not_possible"):
        retried = manual_retry.retry(
            distribution.pk, by=request.user, reason=body["reason"], now=timezone.now(), only=chosen
        )
    after = {"retried": retried.deliveries}
    audit.log_action(
        request, distribution, "Failed deliveries retried.", reason=body["reason"], after=after
    )
    transaction.on_commit(partial(_publish, distribution.pk, retried.batches))
    distribution.refresh_from_db()
    answer = {**distribution_body(distribution), "retried": retried.deliveries}
    return Answer(202, answer, status_url(distribution))


def _publish(distribution_id: int, batches: list[int]) -> None:
    for batch_no in batches:
        if not tasks.publish_batch(distribution_id, batch_no):
            return  # the tick finds the others
