"""Submits content for approval, as JSON or with its file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.views import APIView

from distribution.api.auth import audit
from distribution.api.auth.idempotency import Answer, kept_answer, once
from distribution.api.http.few import UploadView
from distribution.api.http.fields import validated, validated_body
from distribution.api.http.parsing import loads
from distribution.api.resources.content_serializers import ContentBody, ContentShown, ContentUpload
from distribution.content import approval, media, template_schema, validation
from distribution.models import ApiToken, Content, Scope
from phonepool.cloud_api import client
from phonepool.cloud_api.media import KINDS, MEGABYTE, MediaRefusedError

MAX_FILE_BYTES = max(kind.limit for kind in KINDS.values())


class Submit(APIView):
    """Content for approval."""

    scopes = {"POST": Scope.CONTENT}
    creates = True
    follow = ("get_content",)

    @extend_schema(request=ContentBody, responses={201: ContentShown})
    def post(self, request: Request) -> HttpResponse:
        """Submit content for approval.

        Somebody other than the token's owner and its creator approves it in the admin. Follow it
        at its `url`. To send a picture, a video or a document with it, use content/upload.
        """
        body = validated_body(ContentBody, request)
        if stored := kept_answer(request):
            return stored
        header = header_of(body)
        return once(request, lambda: _submit(request, body, header))


class SubmitWithFile(UploadView):
    """Content for approval, with the file of its header."""

    scopes = {"POST": Scope.CONTENT}
    creates = True
    follow = ("get_content",)
    parser_classes = [MultiPartParser]
    body_bytes = MAX_FILE_BYTES + MEGABYTE

    @extend_schema(request={"multipart/form-data": ContentUpload}, responses={201: ContentShown})
    def post(self, request: Request) -> HttpResponse:
        """Submit content with a file.

        As content/submit, with the picture, video or document of the message template's header.
        The file is uploaded to Meta for each of our phone numbers.
        """
        upload = validated(ContentUpload, request.data)
        body = validated(ContentBody, loads(upload["content"].encode()))
        if "media" in body or "headline" in body:
            raise ValidationError({"content": "With a file, leave out media and headline."})
        if stored := kept_answer(request):
            return stored
        header = _uploaded(body, upload["file"])
        return once(request, lambda: _submit(request, body, header))


def _uploaded(body: dict[str, Any], file: UploadedFile[Any]) -> dict[str, Any]:
    """The header with this file, uploaded to Meta before any transaction."""
    form = template_schema.parse(body["message_template"].components)
    kind = form.header.lower() if form.needs_media else ""
    if not kind:
        raise ValidationError({"file": "This message template has no file in its header."})
    try:
        return media.upload(
            kind, file.name or "", file.read(), api=client.client(), now=timezone.now()
        )
    except MediaRefusedError as error:
        raise ValidationError({"file": str(error)}) from None


def header_of(body: dict[str, Any]) -> dict[str, Any]:
    """The header that a body names: a text, or a file that Meta has."""
    return _headline(body) if "headline" in body else _named_media(body)


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
    now, token = timezone.now(), token_of(request)
    values: dict[str, Any] = {name: body.get(name) for name in approval.EDITABLE}
    assert isinstance(request.user, User)  # ScopeNeeded requires a user
    values |= {"media": header}
    with transaction.atomic():
        content = approval.write(by=request.user, now=now, token=token, **values)
        with refusals_by_field(content):
            approval.submit(content, by=request.user, now=now, token=token)
    audit.log_action(request, content, "Submitted.", after={"title": content.title})
    return content_answer(content)


def token_of(request: Request) -> ApiToken | None:
    return request.auth if isinstance(request.auth, ApiToken) else None


def content_answer(content: Content) -> Answer:
    body = ContentShown(content).data
    return Answer(201, body, body["url"])


@contextmanager
def refusals_by_field(content: Content) -> Iterator[None]:
    """Answer what the rules refuse with 400 and the path of each field."""
    try:
        yield
    except approval.ApprovalError as error:
        problems: dict[str, list[str]] = defaultdict(list)
        for problem in validation.find_problems(content):
            problems[problem.field].append(problem.message)
        raise ValidationError(dict(problems) or {"non_field_errors": [str(error)]}) from None
