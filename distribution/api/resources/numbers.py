"""Read-only view of the phone numbers: state, limits, usage, breaker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.models import Scope
from phonepool.models import Breaker, NumberState, PhoneNumber, Quality, Role
from phonepool.numbers import status
from phonepool.numbers.status import NumberStatus


class NumberShown(serializers.Serializer[NumberStatus]):
    """A phone number and its current state."""

    id = serializers.IntegerField(source="number.pk")
    label = serializers.CharField(source="number.label")  # type: ignore[assignment]
    display_number = serializers.CharField(source="number.display_number", allow_blank=True)
    portfolio = serializers.CharField(
        source="number.portfolio", help_text="Its numbers share Meta's 24-hour limit."
    )
    account = serializers.CharField(
        source="number.waba.meta_id",
        default=None,
        allow_null=True,
        help_text="Meta's id of its WhatsApp account (WABA), if known.",
    )
    role = serializers.ChoiceField(Role.choices, source="number.role")
    state = serializers.ChoiceField(NumberState.choices, source="number.state")
    words = serializers.CharField(
        source="state", help_text="The state in words: until when, and why."
    )
    quality = serializers.ChoiceField(Quality.choices, source="number.quality")
    breaker = serializers.ChoiceField(Breaker.choices, source="number.breaker")
    breaker_words = serializers.CharField(source="breaker", help_text="Empty while it is closed.")
    rate_now = serializers.FloatField(help_text="Messages per second it can send now.")
    rate_limit = serializers.IntegerField(help_text="Messages per second that Meta allows.")
    ramp = serializers.IntegerField(
        source="number.ramp",
        help_text="Per cent of its speed it may use: less than 100 while it is new, or after its "
        "quality fell. It rises by one step after each clean morning.",
    )
    ramp_words = serializers.CharField(
        source="ramp",
        help_text="Why it may use only a part, also while it returns in steps within a run. "
        "Empty: it may use its whole speed.",
    )
    sent_today = serializers.IntegerField(source="today")
    daily_limit = serializers.IntegerField(source="today_limit")
    seen_at = serializers.DateTimeField(
        source="number.seen_at",
        allow_null=True,
        help_text="When its state was last read from Meta.",
    )
    verified_at = serializers.DateTimeField(
        source="number.verified_at",
        allow_null=True,
        help_text="When Meta first confirmed the number. Null: not confirmed, so it cannot send.",
    )


@extend_schema_view(get=extend_schema(responses=NumberShown(many=True)))
class Numbers(generics.ListAPIView[PhoneNumber]):
    """List phone numbers.

    The phone pool, with state, limits and usage.
    """

    scopes = {"GET": Scope.READ}
    serializer_class = NumberShown  # type: ignore[assignment]  # of a standing, not of the row
    filterset_fields = ("state", "role")
    ordering = ("pk",)

    def get_queryset(self) -> QuerySet[PhoneNumber]:
        return PhoneNumber.objects.select_related("portfolio", "waba")

    def list(self, *_: Any, **__: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(_bodies(page or []))


class Number(APIView):
    """One number of the pool."""

    scopes = {"GET": Scope.READ}

    @extend_schema(responses=NumberShown)
    def get(self, request: Request, id: int) -> Response:  # noqa: ARG002
        """Get a phone number.

        Its state, limits and usage right now.
        """
        number = get_object_or_404(PhoneNumber.objects.select_related("portfolio", "waba"), pk=id)
        return Response(_bodies([number])[0])


def _bodies(numbers: Iterable[PhoneNumber]) -> list[Any]:
    standings = status.number_statuses(numbers, now=timezone.now())
    return [NumberShown(standing).data for standing in standings]
