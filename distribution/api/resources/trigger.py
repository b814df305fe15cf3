"""Start a distribution now; plan, list and cancel one-time distributions."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution import tasks
from distribution.api.auth import audit
from distribution.api.auth.idempotency import Answer, once
from distribution.api.http.fields import Body, Day, Flag, Id, ZonedDateTime, validated_body
from distribution.api.http.problems import Conflict, conflict_on
from distribution.api.resources.distributions import (
    DistributionShown,
    distribution_body,
    status_url,
)
from distribution.lifecycle import control, preflight, schedule
from distribution.lifecycle.confirmation import Requester
from distribution.models import ApiToken, Content, Distribution, DistributionState, Kind, Scope
from distribution.runtime import india_time
from subscribers.models import Subscriber

NO_CONTENT = "There is no approved content for this day. Submit content and have it approved."
DAY_OVER = "This day is over. To send its content anyway, send the id of the content."
REASON_NEEDED = "Enter the `reason` why people should get it twice."


class Again(Body):
    """Whether people who have the same content that day get it once more, and why."""

    again = Flag(
        default=False,
        help_text="Send even if the same content is or was sent that day. People get it twice.",
    )
    reason = serializers.CharField(
        required=False,
        max_length=150,
        help_text="Why. Required with `again`, and kept in the audit log.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["again"] and not attrs.get("reason", "").strip():
            raise serializers.ValidationError({"reason": [REASON_NEEDED]}, "required")
        return attrs


def check_not_over(day: date) -> None:
    if day < india_time.local_date(timezone.now()):
        raise serializers.ValidationError(DAY_OVER, "past")


class TriggerBody(Again):
    """What to say: a content by its id, or the one approved for a day; neither: today's."""

    content = Id(required=False)
    date = Day(required=False, validators=[check_not_over])
    dry_run = Flag(default=False, help_text="Only return what would happen.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "content" in attrs and "date" in attrs:
            raise serializers.ValidationError("Send content or date, not both.", "both_given")
        return super().validate(attrs)


class FindingShown(serializers.Serializer[Any]):
    rule = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="What is wrong and what to do.")
    blocking = serializers.BooleanField(help_text="Nothing is sent until this is fixed.")


class DryRunShown(serializers.Serializer[Any]):
    """What a trigger would do now."""

    dry_run = serializers.BooleanField()
    would_start = serializers.BooleanField()
    content = serializers.IntegerField()
    recipients = serializers.IntegerField(help_text="People who are eligible now.")
    findings = FindingShown(many=True)


class Trigger(APIView):
    """Start a distribution now."""

    scopes = {"POST": Scope.DISTRIBUTE}
    creates = True
    follow = (
        "get_distribution_status",
        "list_deliveries",
        "pause_distribution",
        "cancel_distribution",
    )

    @extend_schema(
        request=TriggerBody,
        responses={
            200: OpenApiResponse(DryRunShown, "A dry run: nothing was done."),
            202: OpenApiResponse(
                DistributionShown,
                "`AWAITING_CONFIRMATION`: it starts when another person confirms it in the admin. "
                "`SCHEDULED`: today's daily distribution starts now. Follow it at status_url.",
            ),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Start a distribution now.

        A second person confirms it in the admin within an hour: not the token's owner, nor who
        made the token. It then starts within moments; failed checks are told by its status.
        Unconfirmed, it is `MISSED`. The same content is not sent twice unless `again` and a
        `reason` say so: before the daily time, today's content brings the daily distribution
        forward, without a confirmation: it was approved for today.
        """
        body = validated_body(TriggerBody, request)
        if body["dry_run"]:
            return once(request, lambda: _dry_run(body))
        return once(request, lambda: _start(request, body))


def _start(request: Request, body: dict[str, Any]) -> Answer:
    content = _content(body)
    reason = _again_reason(request, body)
    with conflict_on(schedule.ScheduleError, "not_now"):
        started = schedule.plan_now(
            content, requester=_requester(request), again_reason=reason, now=timezone.now()
        )
    after = {"content": str(content), **({"again": reason} if reason else {})}
    audit.log_action(request, started, "Triggered.", after=after)
    if started.state != DistributionState.AWAITING_CONFIRMATION:
        transaction.on_commit(tasks.open_soon)
    return Answer(202, distribution_body(started), status_url(started))


def _requester(request: Request) -> Requester:
    token = request.auth if isinstance(request.auth, ApiToken) else None
    return Requester(cast(User, request.user).pk, token.pk if token else None)


def _again_reason(request: Request, body: dict[str, Any]) -> str:
    return f"{request.user}: {body['reason']}" if body["again"] else ""


def _dry_run(body: dict[str, Any]) -> Answer:
    content, now = _content(body), timezone.now()
    candidate = Distribution(
        kind=Kind.MANUAL, local_date=india_time.local_date(now), planned_at=now, content=content
    )
    findings = preflight.run_checks(candidate, now=now)
    answer = {
        "dry_run": True,
        "would_start": not any(finding.blocking for finding in findings),
        "content": content.pk,
        "recipients": Subscriber.objects.eligible().count(),
        "findings": FindingShown(findings, many=True).data,
    }
    return Answer(200, answer)


def _content(body: dict[str, Any]) -> Content:
    if "content" in body:
        content = Content.objects.approved().filter(pk=body["content"]).first()
    else:
        day = body.get("date", india_time.local_date(timezone.now()))
        content = Content.objects.approved_for(day)
    if content is None:
        raise Conflict("content_missing", NO_CONTENT)
    return content


class ScheduleBody(Again):
    """When it begins, and what it says; without a content the one approved for that day."""

    at = ZonedDateTime(help_text="RFC 3339 with a time zone.")
    content = Id(required=False)

    def validate_at(self, at: Any) -> Any:
        if at <= timezone.now():
            raise serializers.ValidationError("Choose a time in the future.", "past")
        return at


class Schedule(ListAPIView[Distribution]):
    """List one-time distributions.

    One-time distributions: those to come and those that were.
    """

    scopes = {"GET": Scope.READ, "POST": Scope.DISTRIBUTE}
    creates = True
    follow = ("get_distribution_status", "cancel_scheduled_distribution")
    serializer_class = DistributionShown
    ordering = ("-planned_at", "-pk")
    filterset_fields = ("state",)

    def get_queryset(self) -> QuerySet[Distribution]:
        return Distribution.objects.filter(kind=Kind.ONE_TIME)

    @extend_schema(request=ScheduleBody, responses={202: DistributionShown})
    def post(self, request: Request) -> HttpResponse:
        """Plan a one-time distribution.

        It is `AWAITING_CONFIRMATION` until a second person confirms it in the admin: not the
        token's owner, nor who made the token. Unconfirmed at its time, it is `MISSED`. Refused if
        the same content is sent that day already, unless `again` and a `reason` say so.
        """
        body = validated_body(ScheduleBody, request)
        return once(request, lambda: _plan(request, body))


def _plan(request: Request, body: dict[str, Any]) -> Answer:
    content = _content(body) if "content" in body else None
    reason = _again_reason(request, body)
    try:
        planned = schedule.plan_by_hand(
            at=body["at"],
            content=content,
            requester=_requester(request),
            again_reason=reason,
            now=timezone.now(),
        )
    except schedule.RepetitionError as error:
        raise Conflict("not_now", str(error)) from None
    except schedule.ScheduleError as error:
        raise Conflict("blackout_date", str(error)) from None
    after = {"planned_at": body["at"].isoformat(), **({"again": reason} if reason else {})}
    audit.log_action(request, planned, "Planned.", after=after)
    return Answer(202, distribution_body(planned), status_url(planned))


class Planned(APIView):
    """One that is planned."""

    scopes = {"DELETE": Scope.DISTRIBUTE}
    permissions = {"DELETE": "distribution.cancel_distribution"}

    @extend_schema(request=None, responses={204: OpenApiResponse(description="It will not start.")})
    def delete(self, request: Request, id: int) -> Response:
        """Cancel a one-time distribution before it begins."""
        planned = get_object_or_404(Distribution, pk=id, kind=Kind.ONE_TIME)
        if planned.state == DistributionState.CANCELLED:
            return Response(status=204)
        if planned.opened_at is not None:
            raise Conflict("begun", "It has started. Pause or cancel the distribution instead.")
        with conflict_on(control.ControlError, "ended"):
            control.cancel(planned.pk, reason=f"{request.user}: by API", now=timezone.now())
        audit.log_action(request, planned, "Cancelled.", after={})
        return Response(status=204)
