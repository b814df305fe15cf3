"""Representations of content: what is sent to submit one, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from distribution.api.http.fields import Body, Day, Flag, Id, Text
from distribution.api.resources.trigger import FindingShown
from distribution.content import approval, submission
from distribution.models import Content, ContentState, Decision, MessageTemplate
from distribution.runtime import india_time
from phonepool.cloud_api.media import KINDS

KIND_CHOICES = [(kind, kind) for kind in KINDS]
MAX_TEXT_CHARACTERS = 2000
MAX_VARIABLES = 50


class MediaBody(Body):
    """A file that Meta has already."""

    type = serializers.ChoiceField(KIND_CHOICES)
    id = Text(
        max_length=100, help_text="Meta's id of the file, uploaded by one of our phone numbers."
    )


class ContentTexts(Body):
    """The texts of a message, and the message template that carries them."""

    title = Text(max_length=120, help_text="Internal only. Subscribers do not see it.")
    message_template = Id(help_text="The template's id, from GET /api/distribution/templates.")
    body_variables = serializers.ListField(
        child=Text(max_length=MAX_TEXT_CHARACTERS),
        max_length=MAX_VARIABLES,
        default=list,
        help_text="One text per body variable, in order. `{name}` is replaced for each person.",
    )
    button_variables = serializers.DictField(
        child=Text(max_length=MAX_TEXT_CHARACTERS),
        default=dict,
        help_text="Text for a button's link, by the button's position, counted from 0.",
    )
    headline = Text(max_length=MAX_TEXT_CHARACTERS, required=False, help_text="Text of the header.")
    media = MediaBody(
        required=False,
        help_text="The file of the header, if Meta has it. To send a file, use content/upload.",
    )

    def validate_message_template(self, pk: int) -> MessageTemplate:
        template = MessageTemplate.objects.filter(pk=pk).first()
        if template is None:
            raise serializers.ValidationError("There is no such message template.", "unknown")
        return template

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "headline" in attrs and "media" in attrs:
            raise serializers.ValidationError("Send headline or media, not both.", "both_given")
        return attrs


class ContentBody(ContentTexts):
    """A message for one day, or for all days without one."""

    day = Day(required=False, help_text="The send date. Leave it out for a fallback.")
    is_fallback = Flag(default=False, help_text="Sent on days that have no content.")

    def validate_day(self, day: Any) -> Any:
        if objection := approval.objection_to_day(day, timezone.now()):
            raise serializers.ValidationError(objection, "past")
        return day

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("day")) == attrs["is_fallback"]:
            raise serializers.ValidationError(
                "Send a day, or is_fallback without a day.", "day_or_fallback"
            )
        return super().validate(attrs)


class ContentUpload(serializers.Serializer[Any]):
    """Content with the file of its header."""

    content = serializers.CharField(
        help_text="The content as JSON: the body of content/submit without headline and media."
    )
    file = serializers.FileField(help_text="The picture, video or document of the header.")


class MediaShown(serializers.Serializer[Any]):
    """The file of the header, as Meta has it."""

    type = serializers.ChoiceField(KIND_CHOICES)
    id = serializers.CharField(help_text="Meta's id of the file.")
    uploaded_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When we uploaded it. Meta keeps it for 30 days. Null if it was there before.",
    )


class DecisionShown(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(Decision.choices)
    by = serializers.CharField(source="by.username")
    reason = serializers.CharField(max_length=500, required=False)
    at = serializers.DateTimeField()


class ContentRow(serializers.Serializer[Content]):
    """Content in a list."""

    id = serializers.IntegerField(read_only=True)
    title = serializers.CharField(max_length=120)
    day = serializers.DateField(allow_null=True, required=False)
    is_fallback = serializers.BooleanField(default=False)
    state = serializers.ChoiceField(ContentState.choices)
    message_template = serializers.CharField(source="message_template.name")
    body_variables = serializers.ListField(child=serializers.CharField())
    button_variables = serializers.DictField(child=serializers.CharField())
    headline = serializers.SerializerMethodField(help_text="Text of the header, or null.")
    media = serializers.SerializerMethodField(help_text="The file of the header, or null.")
    author = serializers.CharField(source="author.username")
    submitted_at = serializers.DateTimeField(allow_null=True, required=False)
    decided_at = serializers.DateTimeField(allow_null=True, required=False)
    deadline = serializers.SerializerMethodField(help_text="Approve it by this time.")
    url = serializers.SerializerMethodField()

    def get_headline(self, content: Content) -> str | None:
        header = content.media
        return str(header.get("text", "")) if header.get("type") == "text" else None

    @extend_schema_field(MediaShown(allow_null=True))
    def get_media(self, content: Content) -> dict[str, str | None] | None:
        header = content.media
        if header.get("type", "text") == "text":
            return None
        at = header.get("uploaded_at")
        moment = india_time.local_iso(datetime.fromisoformat(at)) if at else None
        return {"type": header["type"], "id": header.get("id", ""), "uploaded_at": moment}

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_deadline(self, content: Content) -> str | None:
        return approval.deadline(content.day).isoformat() if content.day else None

    def get_url(self, content: Content) -> str:
        return reverse("api:content", args=[content.pk])


class ContentShown(ContentRow):
    """Content and the decisions about it."""

    decisions = serializers.SerializerMethodField(help_text="Oldest first.")
    findings = serializers.SerializerMethodField(
        help_text="What else to know. `same_day`: other content waits or is approved for that day."
    )

    @extend_schema_field(DecisionShown(many=True))
    def get_decisions(self, content: Content) -> Any:
        return DecisionShown(content.approvals.select_related("by"), many=True).data

    @extend_schema_field(FindingShown(many=True))
    def get_findings(self, content: Content) -> Any:
        return [
            {"rule": "same_day", "message": _rival(rival), "blocking": False}
            for rival in submission.rivals(content)
        ]


def _rival(content: Content) -> str:
    state = content.get_state_display().lower()
    return (
        f"Content {content.pk} (“{content.title}”) is {state} for the same day. "
        "Only one can be sent."
    )
