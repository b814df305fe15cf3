"""Withdraws a submission, and replaces the texts of content."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from distribution.api.auth import audit
from distribution.api.auth.idempotency import Answer, kept_answer, once
from distribution.api.http.fields import validated_body
from distribution.api.http.problems import conflict_on
from distribution.api.resources.content_serializers import ContentShown, ContentTexts
from distribution.api.resources.content_submissions import (
    content_answer,
    header_of,
    refusals_by_field,
    token_of,
)
from distribution.content import approval, submission
from distribution.content.approval import ApprovalError
from distribution.models import Content, ContentState, Scope


class Withdraw(APIView):
    """A submission that its author takes back."""

    scopes = {"POST": Scope.CONTENT}

    @extend_schema(request=None, responses=ContentShown)
    def post(self, request: Request, id: int) -> Response:
        """Withdraw submitted content.

        Makes it a draft again, which is not sent. Only its author can, while nobody has decided on
        it. Repeating it is no error; what is decided gets 409 `content_refused`.
        """
        assert isinstance(request.user, User)  # ScopeNeeded requires a user
        content, now = get_object_or_404(Content, pk=id), timezone.now()
        if content.state != ContentState.DRAFT or content.author_id != request.user.pk:
            with conflict_on(ApprovalError, "content_refused"), transaction.atomic():
                submission.withdraw(content, by=request.user, now=now, token=token_of(request))
                audit.log_action(request, content, "Withdrawn.", after={"title": content.title})
        return Response(ContentShown(content).data)


class Replace(APIView):
    """Other texts for content."""

    scopes = {"POST": Scope.CONTENT}
    permissions = {"POST": "distribution.change_content"}
    creates = True
    follow = ("get_content", "withdraw_content")

    @extend_schema(request=ContentTexts, responses={201: ContentShown})
    def post(self, request: Request, id: int) -> HttpResponse:
        """Replace content.

        Submits these texts in place of its own, for the same day. Drafts, rejected content and
        one's own submissions keep their `id`. Approved content gets a new version with an `id` of
        its own and stays in force until somebody else approves that version.
        """
        body = validated_body(ContentTexts, request)
        content = get_object_or_404(Content, pk=id)
        if stored := kept_answer(request):
            return stored
        header = header_of(body)
        return once(request, lambda: _replace(request, content, {**body, "media": header}))


def _replace(request: Request, content: Content, body: dict[str, Any]) -> Answer:
    texts = {name: body[name] for name in TEXTS}
    with conflict_on(ApprovalError, "content_refused"):
        draft = _draft(request, content)
    assert isinstance(request.user, User)
    now, token = timezone.now(), token_of(request)
    with refusals_by_field(draft), transaction.atomic():
        approval.edit(draft, by=request.user, now=now, token=token, **texts)
        approval.submit(draft, by=request.user, now=now, token=token)
    after = {"title": draft.title, "replaces": content.pk}
    audit.log_action(request, draft, "Replaced.", after=after)
    return content_answer(draft)


TEXTS = ("title", "message_template", "body_variables", "button_variables", "media")


def _draft(request: Request, content: Content) -> Content:
    """What the texts go into: the content itself, or a new version of an approved one."""
    assert isinstance(request.user, User)
    now, token = timezone.now(), token_of(request)
    if content.state == ContentState.APPROVED:
        return approval.new_version(content, by=request.user, now=now, token=token)
    if content.state == ContentState.SUBMITTED:
        submission.withdraw(content, by=request.user, now=now, token=token)
    return content
