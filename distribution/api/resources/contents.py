"""Lists content, and shows what was decided about one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from distribution.api.http.parameters import Filters
from distribution.api.resources.content_serializers import ContentRow, ContentShown
from distribution.cached.table_cache import TableCache
from distribution.models import Content, ContentState, Scope

bodies: TableCache[Any] = TableCache(
    "CACHE_CONTENT_SECONDS",
    "distribution_content",
    "distribution_approval",
    "distribution_messagetemplate",
    "auth_user",  # authors and approvers are named
)


def _day(lookup: str, help_text: str) -> filters.DateFilter:
    return filters.DateFilter("day", lookup, input_formats=["%Y-%m-%d"], help_text=help_text)


class ContentFilter(Filters):
    state = filters.ChoiceFilter(choices=ContentState.choices)
    is_fallback = extend_schema_field(
        {"type": "boolean", "description": "Only fallbacks, or only content with a send date."}
    )(
        filters.TypedChoiceFilter(
            choices=[("true", "true"), ("false", "false")],
            coerce=lambda word: word == "true",
        )
    )
    since = _day("gte", "Send date on or after this day. Leaves fallbacks out.")
    until = _day("lte", "Send date on or before this day. Leaves fallbacks out.")


class Contents(ListAPIView[Content]):
    """List content.

    The newest first, in every state: drafts, submissions, approved, rejected and replaced content.
    """

    scopes = {"GET": Scope.CONTENT}
    serializer_class = ContentRow
    filterset_class = ContentFilter
    ordering = ("-pk",)

    def get_queryset(self) -> QuerySet[Content]:
        return Content.objects.select_related("message_template", "author")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page is kept until a content, a decision or a message template changes."""
        return Response(
            bodies.get(
                request.build_absolute_uri(),
                lambda: super(Contents, self).list(request, *args, **kwargs).data,
            )
        )


class OneContent(RetrieveAPIView[Content]):
    """Get content and its decisions.

    Every decision about it, the oldest first.
    """

    scopes = {"GET": Scope.CONTENT}
    serializer_class = ContentShown
    lookup_field = "id"
    queryset = Content.objects.select_related("message_template", "author")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(
            bodies.get(
                kwargs["id"],
                lambda: super(OneContent, self).retrieve(request, *args, **kwargs).data,
            )
        )
