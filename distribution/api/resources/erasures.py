"""Erase a person: messages stop at once, the details are deleted later or on request."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit
from distribution.api.auth.authentication import TokenAuthentication, actor
from distribution.api.http.fields import Body, Flag, Text, validated_body
from distribution.api.resources.subscribers import get_subscriber
from distribution.models import Scope
from subscribers.models import Erasure, Subscriber
from subscribers.people import erasure


class EraseBody(Body):
    """Why a person is erased, and whether their details are deleted at once."""

    reason = Text(max_length=150, help_text="Kept in the audit log, without what names the person.")
    delete_now = Flag(
        default=False,
        help_text="Delete name, phone, email and attributes now instead of after the waiting time.",
    )


class ErasureShown(serializers.Serializer[Any]):
    """How far the erasure of a person is."""

    id = serializers.IntegerField(help_text="The subscriber's id, which stays.")
    requested_at = serializers.DateTimeField(help_text="No message is sent after this.")
    delete_after = serializers.DateTimeField(
        help_text="The details are deleted automatically after this."
    )
    deleted_at = serializers.DateTimeField(allow_null=True, help_text="Null: not deleted yet.")
    waiting_for = serializers.CharField(
        help_text="Why `delete_now` could not delete them yet, or empty."
    )


class Erase(APIView):
    """The erasure of one person."""

    scopes = {"POST": Scope.SUBSCRIBERS}
    permissions = {"POST": "subscribers.erase_subscriber"}
    # Not by a browser's session: in the admin, erasing asks for password and code once more.
    authentication_classes = [TokenAuthentication]

    @extend_schema(request=EraseBody, responses=ErasureShown)
    def post(self, request: Request, id: int) -> Response:
        """Erase a person.

        Messages stop at once, and no import brings the person back. Their details are deleted
        after a waiting time, or at once with `delete_now`, as soon as no message is on its way
        (`waiting_for` says what it waits for). This cannot be undone. Repeating it is no error
        until the details are deleted. It needs an owner whose role can erase people.
        """
        body, now = validated_body(EraseBody, request), timezone.now()
        person = get_subscriber(id)
        told = erasure.person_of(person).scrub(body["reason"])  # the log keeps it for good
        asked = _request(request, person, told, now)
        waiting_for = _delete(request, asked, told, now) if body["delete_now"] else ""
        asked.refresh_from_db()
        return Response(ErasureShown(_body(asked, waiting_for)).data)


def _request(request: Request, person: Subscriber, reason: str, now: datetime) -> Erasure:
    """Step one, which is logged once."""
    known = Erasure.objects.filter(subscriber=person).first()
    if known is not None:
        return known
    before = person.status
    asked = erasure.request_erasure(person, reason=reason, by=actor(request), now=now)
    audit.log_action(request, person, "Erasure requested.", reason=reason, after={"was": before})
    return asked


def _delete(request: Request, asked: Erasure, reason: str, now: datetime) -> str:
    """Step two; why it was not possible, or an empty text."""
    try:
        erasure.purge(asked, now=now)
    except erasure.ErasureRefused as refusal:
        return str(refusal)
    audit.log_action(request, asked.subscriber, "Details deleted.", reason=reason, after=None)
    return ""


def _body(asked: Erasure, waiting_for: str) -> dict[str, Any]:
    return {
        "id": asked.subscriber_id,
        "requested_at": asked.asked_at,
        "delete_after": asked.asked_at + timedelta(days=settings.ERASURE_DAYS),
        "deleted_at": asked.purged_at,
        "waiting_for": waiting_for,
    }
