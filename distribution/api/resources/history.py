"""A subscriber's history: consent events, and the outcome of every delivery."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit
from distribution.api.http.paging import CursorPages
from distribution.api.http.parameters import PAGE_PARAMETERS
from distribution.api.resources.deliveries import ProgressField
from distribution.api.resources.subscriber_serializers import ConsentRow
from distribution.api.resources.subscribers import get_subscriber
from distribution.models import Delivery, Scope, State
from distribution.reporting import subscriber_history
from distribution.runtime import india_time
from subscribers import shown_part
from subscribers.models import ConsentEvent, Subscriber
from subscribers.shown_part import Part
from subscribers.whole_numbers import whole_number

MAX_EVENTS = 200
CONSENT_FROM = "consent_from"
PAGES = [
    OpenApiParameter(
        CONSENT_FROM,
        {"type": "integer", "minimum": 0, "maximum": shown_part.MAX_START},
        description=f"How many of the latest consent events come before the {MAX_EVENTS} answered.",
    ),
    OpenApiParameter("cursor", str, description=CursorPages.cursor_query_description),
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": CursorPages.max_page_size},
        description=CursorPages.page_size_query_description,
    ),
]


class DeliveryRow(serializers.Serializer[Any]):
    """One message and its result."""

    id = serializers.IntegerField(read_only=True)
    distribution = serializers.IntegerField(source="distribution_id", read_only=True)
    date = serializers.DateField(source="distribution.local_date")
    state = serializers.ChoiceField(State.choices, read_only=True)
    reason = serializers.CharField(read_only=True)
    progress = ProgressField(read_only=True, help_text="The latest status from WhatsApp.")
    told = serializers.SerializerMethodField(help_text="The result as a sentence.")
    advice = serializers.SerializerMethodField(help_text="What to do about it, or empty.")
    number = serializers.SerializerMethodField(
        help_text="The label of the phone number that sent it."
    )
    tier = serializers.CharField(read_only=True)
    attempt_no = serializers.IntegerField(read_only=True)
    accepted_at = serializers.DateTimeField(read_only=True, allow_null=True)
    sent_at = serializers.DateTimeField(read_only=True, allow_null=True)
    delivered_at = serializers.DateTimeField(read_only=True, allow_null=True)
    read_at = serializers.DateTimeField(read_only=True, allow_null=True)
    failed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    failed_code = serializers.IntegerField(read_only=True, allow_null=True)

    def get_told(self, delivery: Delivery) -> str:
        return self._entry(delivery).text

    def get_advice(self, delivery: Delivery) -> str:
        return self._entry(delivery).advice

    def get_number(self, delivery: Delivery) -> str:
        return delivery.number.label if delivery.number else ""

    def _entry(self, delivery: Delivery) -> subscriber_history.HistoryEntry:
        return subscriber_history.entry(delivery, today=self.context["today"])


class History(serializers.Serializer[Any]):
    """Consent from the beginning, deliveries in pages, the latest first."""

    subscriber = serializers.IntegerField()
    consent = ConsentRow(
        many=True,
        help_text=f"{MAX_EVENTS} at most, the latest unless `consent_from` is set; the oldest "
        "of them first.",
    )
    consent_total = serializers.IntegerField(help_text="How many there are in total.")
    deliveries = DeliveryRow(many=True)
    next = serializers.CharField(allow_null=True, help_text="The URL of the next deliveries.")
    previous = serializers.CharField(allow_null=True)


class SubscriberHistory(APIView):
    """What a person agreed to, and every message to them."""

    scopes = {"GET": Scope.SUBSCRIBERS}
    query_parameters = {"GET": (*PAGE_PARAMETERS, CONSENT_FROM)}
    ordering = ("-pk",)

    @extend_schema(parameters=PAGES, responses=History)
    def get(self, request: Request, id: int) -> Response:
        """Get a subscriber's history.

        Each delivery comes with a sentence that can be read out on the phone.
        """
        subscriber, pages = get_subscriber(id), CursorPages()
        rows = pages.paginate_queryset(_deliveries(subscriber.pk), request, self)
        consent = _events(subscriber.pk, _consent_start(request))
        today = india_time.local_date(timezone.now())
        return Response(
            {
                "subscriber": subscriber.pk,
                "consent": _consent(request, subscriber, [*consent.rows][::-1]),
                "consent_total": consent.total,
                "deliveries": DeliveryRow(rows, many=True, context={"today": today}).data,
                "next": pages.get_next_link(),
                "previous": pages.get_previous_link(),
            }
        )


def _consent(request: Request, person: Subscriber, events: list[ConsentEvent]) -> Any:
    """What they decided; in full, and logged, where it holds numbers and the caller may read."""
    masked = ConsentRow(events, many=True).data
    told = ConsentRow(events, many=True, context={"in_full": True}).data
    if told == masked or not audit.reads_number(request, person):
        return masked
    return told


def _deliveries(subscriber_id: int) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(subscriber_id=subscriber_id)
    return rows.select_related("distribution", "number")


def _consent_start(request: Request) -> int:
    asked = request.query_params.get(CONSENT_FROM)
    start = 0 if asked is None else whole_number(asked, most=shown_part.MAX_START)
    if start is None:
        raise ValidationError({CONSENT_FROM: "Send a whole number, 0 or more."})
    return start


def _events(subscriber_id: int, start: int) -> Part:
    events = ConsentEvent.objects.filter(subscriber_id=subscriber_id)
    return shown_part.of(events.order_by("-at", "-pk"), MAX_EVENTS, start=start)
