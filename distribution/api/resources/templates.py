"""Read-only view of the message templates mirrored from Meta."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from distribution.api.http.parameters import Filters
from distribution.api.http.replica_lists import ReplicaList
from distribution.cached.table_cache import TableCache
from distribution.models import GroupRole, MessageTemplate, Scope, TemplateStatus

pages: TableCache[Any] = TableCache(
    "CACHE_TEMPLATES_SECONDS", "distribution_messagetemplate", "phonepool_waba"
)


class TemplateShown(serializers.Serializer[MessageTemplate]):
    """A message template, as last read from Meta."""

    id = serializers.IntegerField(read_only=True)
    meta_id = serializers.CharField(read_only=True)
    account = serializers.CharField(
        source="waba.meta_id",
        default=None,
        allow_null=True,
        help_text="Meta's id of its WhatsApp account (WABA), if known.",
    )
    name = serializers.CharField(read_only=True)
    language = serializers.CharField(read_only=True, default="en")
    category = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(
        TemplateStatus.choices, help_text="Only APPROVED templates can be sent."
    )
    quality = serializers.CharField(help_text="Meta's rating, or empty.")
    rotation_group = serializers.CharField(help_text="The name of its rotation group, or empty.")
    group_role = serializers.ChoiceField(
        GroupRole.choices,
        allow_blank=True,
        help_text="PRIMARY is sent, STANDBY goes to a share of the people. Empty: in no group.",
    )
    is_fallback = serializers.BooleanField(read_only=True)
    components = serializers.SerializerMethodField(
        help_text="The parts of the template, as Meta has them."
    )
    synced_at = serializers.DateTimeField(read_only=True, allow_null=True)

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_components(self, template: MessageTemplate) -> Any:
        return template.components


class TemplateFilter(Filters):
    status = filters.ChoiceFilter(choices=TemplateStatus.choices)
    language = filters.CharFilter(max_length=10, help_text="en, en_US, hi …")
    name = filters.CharFilter(max_length=512, help_text="The full name.")


class Templates(ReplicaList[MessageTemplate]):
    """List message templates.

    Content names a template by its `id`. `components` shows its text and variables.
    """

    scopes = {"GET": Scope.READ}
    serializer_class = TemplateShown
    filterset_class = TemplateFilter
    ordering = ("pk",)

    def get_queryset(self) -> QuerySet[MessageTemplate]:
        return MessageTemplate.objects.select_related("waba")

    def page(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Components are long, so a page is kept until a template changes."""
        data = pages.get(
            request.build_absolute_uri(),  # the body contains links to other pages
            lambda: super(Templates, self).page(request, *args, **kwargs).data,
        )
        return Response(data)


class Template(generics.RetrieveAPIView[MessageTemplate]):
    """Get a message template.

    As last read from Meta.
    """

    scopes = {"GET": Scope.READ}
    serializer_class = TemplateShown
    lookup_field = "id"
    queryset = MessageTemplate.objects.select_related("waba")
