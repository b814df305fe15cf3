"""Read-only view of better versions of message templates. A person approves them, on a page."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import generics, serializers

from distribution.api.http.parameters import Filters
from distribution.api.http.replica_lists import ReplicaList
from distribution.drafting import texts
from distribution.models import DraftState, Scope, TemplateDraft


class ChangeShown(serializers.Serializer[Any]):
    """One change to the template, with its reason."""

    rule = serializers.CharField(help_text="The rule, or by_hand.")
    part = serializers.CharField(help_text="header, body, footer, or button-0 and so on.")
    before = serializers.CharField()
    after = serializers.CharField()
    reason = serializers.CharField()


class TemplateDraftShown(serializers.Serializer[TemplateDraft]):
    """A better version of a message template."""

    id = serializers.IntegerField(read_only=True)
    improves = serializers.IntegerField(
        source="source_id", help_text="The message template in use until now."
    )
    name = serializers.CharField(read_only=True, help_text="Its name at Meta.")
    language = serializers.CharField(source="source.language", read_only=True)
    category = serializers.CharField(
        read_only=True, help_text="The category it is to have. In another one it is never sent."
    )
    state = serializers.ChoiceField(DraftState.choices)
    by_rule = serializers.BooleanField(help_text="Drafted by itself, because people block it.")
    evidence = serializers.CharField(help_text="The figures it rests on, or empty.")
    changes = serializers.SerializerMethodField(help_text="Each change with one reason.")
    texts = serializers.SerializerMethodField(help_text="The new text of each part.")
    template = serializers.IntegerField(
        source="template_id",
        allow_null=True,
        help_text="The message template that it became. Null before it is created at Meta.",
    )
    answer = serializers.CharField(help_text="What Meta answered, in plain words, or empty.")
    created_at = serializers.DateTimeField(read_only=True)
    submitted_at = serializers.DateTimeField(read_only=True, allow_null=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)

    @extend_schema_field(ChangeShown(many=True))
    def get_changes(self, draft: TemplateDraft) -> Any:
        return draft.changes

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_texts(self, draft: TemplateDraft) -> dict[str, str]:
        return {part: text for part, text in texts.of(draft.components).parts() if text}


class TemplateDraftFilter(Filters):
    state = filters.ChoiceFilter(choices=DraftState.choices)
    improves = filters.NumberFilter(
        field_name="source_id", help_text="The message template that is improved."
    )


class TemplateDrafts(ReplicaList[TemplateDraft]):
    """List better versions of message templates.

    Drafted by rules, approved by a person, reviewed by Meta. The latest first.
    """

    scopes = {"GET": Scope.READ}
    serializer_class = TemplateDraftShown
    filterset_class = TemplateDraftFilter
    ordering = ("-pk",)

    def get_queryset(self) -> QuerySet[TemplateDraft]:
        return TemplateDraft.objects.select_related("source")


class OneTemplateDraft(generics.RetrieveAPIView[TemplateDraft]):
    """Get a better version of a message template.

    With its changes and where it stands in Meta's review.
    """

    scopes = {"GET": Scope.READ}
    serializer_class = TemplateDraftShown
    lookup_field = "id"
    queryset = TemplateDraft.objects.select_related("source")
