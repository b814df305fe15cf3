"""Pause, resume and cancel. All are idempotent: a step that is already done is no error."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit
from distribution.api.http.fields import Body, Text, validated_body
from distribution.api.http.problems import conflict_on
from distribution.api.resources.distributions import DistributionShown, distribution_body
from distribution.lifecycle import control
from distribution.models import Distribution, DistributionState, Scope


class ReasonBody(Body):
    reason = Text(max_length=150, help_text="Kept in the audit log.")


class Step(APIView):
    """One thing that can be done to a distribution. A subclass says which."""

    scopes = {"POST": Scope.DISTRIBUTE}
    target_state: DistributionState
    log_message: str

    def apply(self, pk: int, reason: str) -> None:
        raise NotImplementedError

    @extend_schema(request=ReasonBody, responses=DistributionShown)
    def post(self, request: Request, id: int) -> Response:
        reason = validated_body(ReasonBody, request)["reason"]
        distribution = get_object_or_404(Distribution, pk=id)
        if distribution.state != self.target_state:
            with conflict_on(control.ControlError, "not_possible"):
                self.apply(distribution.pk, f"{request.user}: {reason}")
            audit.log_action(request, distribution, self.log_message, reason=reason, after={})
            distribution.refresh_from_db()
        return Response(distribution_body(distribution))


class Pause(Step):
    """Pause a distribution.

    Calls in progress finish. Nothing new is sent until someone resumes it.
    """

    permissions = {"POST": "distribution.pause_distribution"}
    target_state, log_message = DistributionState.PAUSED, "Paused."

    def apply(self, pk: int, reason: str) -> None:
        if not control.pause(pk, reason=reason, now=timezone.now()):
            raise control.ControlError("Only a distribution that is sending can be paused.")


class Resume(Step):
    """Resume a paused distribution."""

    permissions = {"POST": "distribution.pause_distribution"}
    target_state, log_message = DistributionState.SENDING, "Resumed."

    def apply(self, pk: int, reason: str) -> None:
        del reason  # only logged
        control.resume(pk, now=timezone.now())


class Cancel(Step):
    """Cancel a distribution for good.

    Everyone not yet sent to is left out, for good. Messages on their way are still recorded.
    """

    permissions = {"POST": "distribution.cancel_distribution"}
    target_state, log_message = DistributionState.CANCELLED, "Cancelled."

    def apply(self, pk: int, reason: str) -> None:
        control.cancel(pk, reason=reason, now=timezone.now())
