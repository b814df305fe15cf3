"""Subscribers: search, read, add, correct details, change status."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit, idempotency
from distribution.api.auth.authentication import actor, source
from distribution.api.http.fields import validated_body
from distribution.api.http.parameters import FilterBackend, Ordering
from distribution.api.http.problems import Conflict, conflict_on
from distribution.api.http.replica_lists import ReplicaList
from distribution.api.resources.subscriber_serializers import (
    Details,
    NewSubscriber,
    OneSubscriber,
    StatusChange,
    SubscriberFilter,
    SubscriberRow,
)
from distribution.models import Scope
from subscribers.models import Status, Subscriber
from subscribers.people import corrections, registration, status_changes


def get_subscriber(pk: int) -> Subscriber:
    """The subscriber with this id, or 404."""
    return get_object_or_404(Subscriber.objects.existing(), pk=pk)


class Subscribers(ReplicaList[Subscriber]):
    """List subscribers.

    Phones are masked. To keep a copy in sync, send `updated_since` with the time of your last
    request minus a minute.
    """

    scopes = {"GET": Scope.SUBSCRIBERS}
    serializer_class = SubscriberRow
    filter_backends = [FilterBackend, Ordering]
    filterset_class = SubscriberFilter
    orderings = ("id", "-id", "updated_at", "-updated_at")

    def get_queryset(self) -> QuerySet[Subscriber]:
        return Subscriber.objects.existing().prefetch_related("identities")


class Person(generics.RetrieveAPIView[Subscriber]):
    """Get a subscriber.

    The phone is in full if the caller's role can see full numbers, which is logged; otherwise it
    is masked.
    """

    scopes = {"GET": Scope.SUBSCRIBERS, "PATCH": Scope.SUBSCRIBERS}
    permissions = {"PATCH": "subscribers.change_subscriber"}
    serializer_class = OneSubscriber

    def get_object(self) -> Subscriber:
        return get_subscriber(self.kwargs["id"])

    def retrieve(self, request: Request, *_: Any, **__: Any) -> Response:
        person = self.get_object()
        in_full = audit.reads_number(request, person)
        return Response(OneSubscriber(person, context={"in_full": in_full}).data)

    @extend_schema(request=Details, responses=SubscriberRow)
    def patch(self, request: Request, id: int) -> Response:
        """Update a subscriber's details.

        Fields that are left out stay; an attribute that is sent empty is removed. Phone and
        status cannot be changed here. A person who asked to be erased gets 409
        `subscriber_erased`.
        """
        details = dict(validated_body(Details, request))
        attributes, person = details.pop("attributes", {}), get_subscriber(id)
        with conflict_on(corrections.ErasureRequested, "subscriber_erased"):
            changed = corrections.change(person.pk, details, attributes, now=timezone.now())
        if changed:  # names only: erasing the person does not reach the log
            after = {"fields": ", ".join(changed)}
            audit.log_action(request, person, "Details changed.", after=after)
        person.refresh_from_db()
        return Response(SubscriberRow(person).data)


class AddSubscriber(APIView):
    """One more, with the proof that they agreed."""

    scopes = {"POST": Scope.SUBSCRIBERS}
    permissions = {"POST": "subscribers.add_subscriber"}
    creates = True
    follow = (
        "get_subscriber",
        "update_subscriber",
        "set_subscriber_status",
        "get_subscriber_history",
    )

    @extend_schema(request=NewSubscriber, responses={201: OneSubscriber})
    def post(self, request: Request) -> HttpResponse:
        """Add a subscriber.

        A person who sent STOP before we knew them is added as UNSUBSCRIBED. A known person gets
        409 `subscriber_exists`, an erased one 409 `subscriber_erased`.
        """
        details = validated_body(NewSubscriber, request)
        return idempotency.once(request, lambda: _add(request, dict(details)))


def _add(request: Request, details: dict[str, Any]) -> idempotency.Answer:
    phone, notice = details.pop("phone"), details.pop("consent_source")
    try:
        person = registration.register(
            phone,
            details,
            source=source(request),
            notice=notice,
            actor=actor(request),
            now=timezone.now(),
        )
    except registration.AlreadyHere as known:
        raise Conflict("subscriber_exists", str(known)) from None
    except registration.Erased as refusal:
        raise Conflict("subscriber_erased", str(refusal)) from None
    audit.log_action(request, person, "Added.", after={"consent_source": notice[:150]})
    body = OneSubscriber(person, context={"in_full": audit.may_read_numbers(request)}).data
    return idempotency.Answer(201, body, reverse("api:subscriber", args=[person.pk]))


class SubscriberStatus(APIView):
    """Whether somebody is written to."""

    scopes = {"PATCH": Scope.SUBSCRIBERS}
    permissions = {"PATCH": "subscribers.change_subscriber"}

    @extend_schema(request=StatusChange, responses=SubscriberRow)
    def patch(self, request: Request, id: int) -> Response:
        """Set a subscriber's status.

        Setting the current status changes nothing. What the consent on record does not allow
        gets 409 `status_refused`: an unsubscribed person becomes ACTIVE only with a new
        `consent_source`.
        """
        change = validated_body(StatusChange, request)
        person = get_subscriber(id)
        with conflict_on(status_changes.StatusRefused, "status_refused"), transaction.atomic():
            changed = status_changes.set_status(
                person.pk,
                Status(change["status"]),
                reason=change["reason"],
                source=source(request),
                actor=actor(request),
                now=timezone.now(),
                consent_source=change.get("consent_source", ""),
                resumes_on=change.get("resumes_on"),
            )
            if changed:
                after = {"status": change["status"]}
                if "resumes_on" in change:
                    after["resumes_on"] = change["resumes_on"].isoformat()
                audit.log_action(
                    request, person, "Status set.", reason=change["reason"], after=after
                )
        person.refresh_from_db()
        return Response(SubscriberRow(person).data)
