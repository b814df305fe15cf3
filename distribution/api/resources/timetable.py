"""The daily time and the days on which nothing is sent."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit
from distribution.api.auth.idempotency import Answer, once
from distribution.api.http.fields import Body, Day, Text, validated_body
from distribution.api.http.problems import Conflict
from distribution.lifecycle import timetable
from distribution.models import BlackoutDate, DailyTime, Scope

DAY_TAKEN = "This day already has an entry. Delete it first."
CLOCK = "%H:%M"
DELETED = OpenApiResponse(description="Deleted.")


class ClockTime(serializers.TimeField):
    """`06:30`."""

    def to_internal_value(self, value: Any) -> time:
        if not isinstance(value, str) or len(value) != 5:
            self.fail("invalid", format="hh:mm")
        return super().to_internal_value(value)


class DailyTimeBody(Body):
    """From which day on the daily distribution starts at another time, and why."""

    from_day = Day(help_text="The first day, in India: tomorrow or later.")
    time = ClockTime(
        format=CLOCK, input_formats=[CLOCK], help_text="Indian Standard Time, such as 06:30."
    )
    reason = Text(max_length=150, help_text="Kept in the audit log.")

    def validate_from_day(self, day: date) -> date:
        if objection := timetable.objection_to_daily_time(day, timezone.now()):
            raise serializers.ValidationError(objection, "past")
        return day


class DailyTimeShown(serializers.Serializer[DailyTime]):
    """A time that is in force from a day until the next entry."""

    id = serializers.IntegerField(read_only=True)
    from_day = serializers.DateField(help_text="The first day, in India.")
    time = serializers.TimeField(format=CLOCK, help_text="Indian Standard Time.")
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    created_at = serializers.DateTimeField()


class BlackoutBody(Body):
    """A day on which nothing is sent, and why."""

    day = Day(help_text="The day, in India: today or later.")
    reason = Text(max_length=120, help_text="Shown in the calendar, such as Republic Day.")

    def validate_day(self, day: date) -> date:
        if objection := timetable.objection_to_blackout(day, timezone.now()):
            raise serializers.ValidationError(objection, "past")
        return day


class BlackoutShown(serializers.Serializer[BlackoutDate]):
    """A day on which nothing is sent."""

    id = serializers.IntegerField(read_only=True)
    day = serializers.DateField(help_text="The day, in India.")
    reason = serializers.CharField(max_length=120)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    created_at = serializers.DateTimeField()


class DailyTimes(ListAPIView[DailyTime]):
    """List daily times.

    The latest first. Before the first of them, the installation's own time applies (06:00).
    """

    scopes = {"GET": Scope.READ, "POST": Scope.DISTRIBUTE}
    permissions = {"POST": "distribution.add_dailytime"}
    creates = True
    follow = ("delete_daily_time",)
    serializer_class = DailyTimeShown
    ordering = ("-from_day",)

    def get_queryset(self) -> QuerySet[DailyTime]:
        return DailyTime.objects.select_related("created_by")

    @extend_schema(request=DailyTimeBody, responses={201: DailyTimeShown})
    def post(self, request: Request) -> HttpResponse:
        """Set the daily time.

        From that day on, the daily distribution starts at that time. It needs an owner whose role
        can set the daily time.
        """
        body = dict(validated_body(DailyTimeBody, request))
        reason = body.pop("reason")
        return once(request, lambda: _add(request, DailyTime, body, DailyTimeShown, reason))


class OneDailyTime(APIView):
    """A daily time that is not in force yet."""

    scopes = {"DELETE": Scope.DISTRIBUTE}
    permissions = {"DELETE": "distribution.delete_dailytime"}

    @extend_schema(request=None, responses={204: DELETED})
    def delete(self, request: Request, id: int) -> Response:
        """Delete a daily time.

        Only before it takes effect. A time that is in force gets 409 `not_possible`.
        """
        row = get_object_or_404(DailyTime, pk=id)
        if objection := timetable.objection_to_daily_time(row.from_day, timezone.now()):
            raise Conflict("not_possible", objection)
        return _delete(request, row)


class BlackoutDates(ListAPIView[BlackoutDate]):
    """List blackout dates.

    Days on which neither the daily nor a one-time distribution starts, the latest first.
    """

    scopes = {"GET": Scope.READ, "POST": Scope.DISTRIBUTE}
    permissions = {"POST": "distribution.add_blackoutdate"}
    creates = True
    follow = ("delete_blackout_date",)
    serializer_class = BlackoutShown
    ordering = ("-day",)

    def get_queryset(self) -> QuerySet[BlackoutDate]:
        return BlackoutDate.objects.select_related("created_by")

    @extend_schema(request=BlackoutBody, responses={201: BlackoutShown})
    def post(self, request: Request) -> HttpResponse:
        """Add a blackout date.

        Distributions that are scheduled for that day are cancelled when their time comes.
        """
        body = dict(validated_body(BlackoutBody, request))
        return once(request, lambda: _add(request, BlackoutDate, body, BlackoutShown))


class OneBlackoutDate(APIView):
    """A day on which nothing is sent."""

    scopes = {"DELETE": Scope.DISTRIBUTE}
    permissions = {"DELETE": "distribution.delete_blackoutdate"}

    @extend_schema(request=None, responses={204: DELETED})
    def delete(self, request: Request, id: int) -> Response:
        """Delete a blackout date.

        Distributions of that day start again as planned, unless they were cancelled meanwhile.
        """
        return _delete(request, get_object_or_404(BlackoutDate, pk=id))


def _add(
    request: Request,
    model: type[DailyTime | BlackoutDate],
    values: dict[str, Any],
    serializer: type[serializers.Serializer[Any]],
    reason: str = "",
) -> Answer:
    assert isinstance(request.user, User)  # ScopeNeeded requires a user
    try:
        with transaction.atomic():
            row = model.objects.create(**values, created_by=request.user)
    except IntegrityError:
        raise Conflict("day_taken", DAY_TAKEN) from None
    audit.log_action(request, row, "Added.", reason=reason, after=_facts(values))
    return Answer(201, dict(serializer(row).data))


def _facts(values: dict[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: date | datetime | time | str) -> str:
    return value if isinstance(value, str) else value.isoformat()


def _delete(request: Request, row: Model) -> Response:
    audit.log_action(request, row, "Deleted.", after={"was": str(row)})
    row.delete()
    return Response(status=204)
