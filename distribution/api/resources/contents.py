"""Submits content for approval, and shows what was decided."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from distribution.api.auth import audit
from distribution.api.auth.idempotency import Answer, kept_answer, once
from distribution.api.http.few import UploadView
from distribution.api.http.fields import Body, Day, Flag, Id, Text, validated
from distribution.api.http.parsing import LimitedJsonParser, loads
from distribution.content import approval, media, template_schema, validation
from distribution.models import ApiToken, Content, ContentState, Decision, MessageTemplate, Scope
from distribution.runtime import india_time
from phonepool.cloud_api import client
from phonepool.cloud_api.media import KINDS, MEGABYTE, MediaRefusedError

KIND_CHOICES = [(kind, kind) for kind in KINDS]
MAX_FILE_BYTES = max(kind.limit for kind in KINDS.values())
MAX_TEXT_CHARACTERS = 2000
MAX_VARIABLES = 50


class MediaBody(Body):
    """A file that is with Meta already."""

    type = serializers.ChoiceField(KIND_CHOICES)
    id = Text(
        max_length=100, help_text="Meta's id of the file, uploaded by one of the pool's numbers."
    )


class HeadlineText(Body):
    text = Text(max_length=MAX_TEXT_CHARACTERS)


class ContentBody(Body):
    """What is to be said, on which day, by which message template."""

    title = Text(max_length=120, help_text="For staff; subscribers do not see it.")
    day = Day(required=False, help_text="The morning it is for; none for a fallback.")
    is_fallback = Flag(default=False, help_text="Said on days without content of their own.")
    message_template = Id(help_text="Its id, from GET /api/distribution/templates.")
    body_variables = serializers.ListField(
        child=Text(max_length=MAX_TEXT_CHARACTERS),
        max_length=MAX_VARIABLES,
        default=list,
        help_text="One text for each variable of the body, in order; `{name}` is filled in.",
    )
    button_variables = serializers.DictField(
        child=Text(max_length=MAX_TEXT_CHARACTERS),
        default=dict,
        help_text="Text of a button's address by the button's place, from 0.",
    )
    headline = Text(
        max_length=MAX_TEXT_CHARACTERS, required=False, help_text="Text that stands above."
    )
    media = MediaBody(required=False, help_text="What stands above; or send the file itself.")

    def validate_day(self, day: Any) -> Any:
        if objection := approval.objection_to_day(day, timezone.now()):
            raise serializers.ValidationError(objection, "past")
        return day

    def validate_message_template(self, pk: int) -> MessageTemplate:
        template = MessageTemplate.objects.filter(pk=pk).first()
        if template is None:
            raise serializers.ValidationError("There is no such message template.", "unknown")
        return template

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("day")) == attrs["is_fallback"]:
            raise serializers.ValidationError(
                "Give a day, or make it a fallback without one.", "day_or_fallback"
            )
        if "headline" in attrs and "media" in attrs:
            raise serializers.ValidationError("Give headline or media, not both.", "both_given")
        return attrs


class ContentUpload(serializers.Serializer[Any]):
    """The same with its file: `content` is the JSON, `file` what stands above the text."""

    content = serializers.CharField()
    file = serializers.FileField()


class MediaShown(serializers.Serializer[Any]):
    """What stands above the text, as it is with Meta."""

    type = serializers.ChoiceField(KIND_CHOICES)
    id = serializers.CharField(help_text="Meta's.")
    uploaded_at = serializers.DateTimeField(
        allow_null=True, help_text="By us; Meta keeps it for 30 days. Null: it was there before."
    )


class DecisionShown(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(Decision.choices)
    by = serializers.CharField(source="by.username")
    reason = serializers.CharField(max_length=500, required=False)
    at = serializers.DateTimeField()


class ContentShown(serializers.Serializer[Content]):
    """A content and what was decided about it."""

    id = serializers.IntegerField(read_only=True)
    title = serializers.CharField(max_length=120)
    day = serializers.DateField(allow_null=True, required=False)
    is_fallback = serializers.BooleanField(default=False)
    state = serializers.ChoiceField(ContentState.choices)
    message_template = serializers.CharField(source="message_template.name")
    body_variables = serializers.ListField(child=serializers.CharField())
    button_variables = serializers.DictField(child=serializers.CharField())
    headline = serializers.SerializerMethodField(help_text="Text above; null when there is none.")
    media = serializers.SerializerMethodField(help_text="A file above; null when there is none.")
    author = serializers.CharField(source="author.username")
    submitted_at = serializers.DateTimeField(allow_null=True, required=False)
    decided_at = serializers.DateTimeField(allow_null=True, required=False)
    deadline = serializers.SerializerMethodField(help_text="Until when it should be approved.")
    decisions = serializers.SerializerMethodField(help_text="Oldest first.")
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

    @extend_schema_field(DecisionShown(many=True))
    def get_decisions(self, content: Content) -> Any:
        return DecisionShown(content.approvals.select_related("by"), many=True).data

    def get_url(self, content: Content) -> str:
        return reverse("api:content", args=[content.pk])


class Submit(UploadView):
    """Content for approval."""

    scopes = {"POST": Scope.CONTENT}
    creates = True
    follow = ("distribution_content_retrieve",)
    parser_classes = [LimitedJsonParser, MultiPartParser]
    body_bytes = MAX_FILE_BYTES + MEGABYTE

    @extend_schema(
        request={"application/json": ContentBody, "multipart/form-data": ContentUpload},
        responses={201: ContentShown},
    )
    def post(self, request: Request) -> HttpResponse:
        """Submit content for approval.

        A person other than the token's must approve it. Follow it at its `url`.
        """
        body, file = _read(request)
        if stored := kept_answer(request):
            return stored
        header = _header_media(body, file)
        return once(request, lambda: _submit(request, body, header))


def _read(request: Request) -> tuple[dict[str, Any], UploadedFile[Any] | None]:
    data = request.data
    if not hasattr(data, "lists"):
        return validated(ContentBody, data), None
    upload = validated(ContentUpload, data)
    body = validated(ContentBody, loads(upload["content"].encode()))
    if "media" in body or "headline" in body:
        raise ValidationError({"content": "With a file neither media nor headline is given."})
    return body, upload["file"]


def _header_media(body: dict[str, Any], file: UploadedFile[Any] | None) -> dict[str, Any]:
    """The header of the message. A file is uploaded to Meta here, before any transaction."""
    if file is not None:
        form = template_schema.parse(body["message_template"].components)
        kind = form.header.lower() if form.needs_media else ""
        if not kind:
            raise ValidationError({"file": "This message template has no picture or file above."})
        try:
            return media.upload(
                kind, file.name or "", file.read(), api=client.client(), now=timezone.now()
            )
        except MediaRefusedError as error:
            raise ValidationError({"file": str(error)}) from None
    if "headline" in body:
        return _headline(body)
    return _named_media(body)


def _named_media(body: dict[str, Any]) -> dict[str, Any]:
    """A file that is with Meta already. One without a place is refused by the rules, unasked."""
    named = dict(body.get("media", {}))
    form = template_schema.parse(body["message_template"].components)
    if not named or not form.needs_media or form.header.lower() != named["type"]:
        return named
    try:
        return media.named(named["type"], named["id"], api=client.client())
    except MediaRefusedError as error:
        raise ValidationError({"media": {"id": [str(error)]}}) from None


def _headline(body: dict[str, Any]) -> dict[str, Any]:
    slots = template_schema.parse(body["message_template"].components).of(template_schema.HEADER)
    name = {} if not slots or slots[0].name.isdigit() else {"name": slots[0].name}
    return {"type": "text", "text": body["headline"].strip(), **name}


def _submit(request: Request, body: dict[str, Any], header: dict[str, Any]) -> Answer:
    now = timezone.now()
    values: dict[str, Any] = {name: body.get(name) for name in approval.EDITABLE}
    assert isinstance(request.user, User)  # ScopeNeeded requires a user
    token = request.auth if isinstance(request.auth, ApiToken) else None
    try:
        with transaction.atomic():
            values |= {"media": header}
            content = approval.write(by=request.user, now=now, token=token, **values)
            approval.submit(content, by=request.user, now=now, token=token)
    except approval.ApprovalError as error:
        raise ValidationError(_by_field(content) or {"non_field_errors": [str(error)]}) from None
    audit.log_action(request, content, "Submitted.", after={"title": content.title})
    answer = ContentShown(content).data
    return Answer(201, answer, answer["url"])


def _by_field(content: Content) -> dict[str, list[str]]:
    """What is wrong with a content, by the path of the field."""
    problems: dict[str, list[str]] = defaultdict(list)
    for problem in validation.find_problems(content):
        problems[problem.field].append(problem.message)
    return problems


class OneContent(RetrieveAPIView[Content]):
    """See what was decided about a content.

    A content that was submitted.
    """

    scopes = {"GET": Scope.CONTENT}
    serializer_class = ContentShown
    lookup_field = "id"
    queryset = Content.objects.select_related("message_template", "author")
