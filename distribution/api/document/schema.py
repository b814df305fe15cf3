"""The parts of the OpenAPI document that all operations share: scope, problems, key, tags."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema_field
from rest_framework import serializers

from distribution.api.auth.idempotency import HEADER
from distribution.api.auth.scopes import required_scope
from distribution.api.document.examples.bodies import has_conflicts
from distribution.api.http import deprecation
from distribution.api.http.problems import MEDIA_TYPE


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField(
        allow_blank=True, help_text="The path of the field, counted from 0: `body_variables.1`."
    )
    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="What is wrong, for people.")


class ProblemDetails(serializers.Serializer[Any]):
    """RFC 9457: what went wrong."""

    type = serializers.SerializerMethodField(
        help_text="The kind of problem: the path of its page on this installation; ends in `code`."
    )
    title = serializers.CharField(help_text="The HTTP status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What to do, in a sentence.")
    code = serializers.CharField(help_text="Stable, for programs: `scope_missing`, `invalid` …")
    errors = FieldProblem(  # type: ignore[assignment]  # the name is RFC 9457's example's
        many=True, help_text="One entry per invalid field. Otherwise empty."
    )

    @extend_schema_field({"type": "string", "format": "uri-reference"})
    def get_type(self, _: Any) -> str:
        raise NotImplementedError  # problems.body writes it


# The descriptions of the problems that operations may return, by circumstance and status.
PROBLEMS: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("problems.json").read_text("utf-8")
)
# Operation ids by method and path, components by the class of the serializer: one pattern each,
# `list_…`, `get_…` and a verb with its object, because generated clients name their functions so.
NAMES: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("names.json").read_text("utf-8")
)
ID_PLACES = {"get_distribution_status": "query"}  # the others take the id in the path
# The tag of an operation by a segment of its path; config/settings/api.py describes the tags.
TAG_BY_PATH_SEGMENT = {
    "content": "content",
    "templates": "content",
    "template-drafts": "content",
    "subscribers": "subscribers",
    "analytics": "analytics",
    "costs": "analytics",
    "rates": "analytics",
    "schedule": "schedule",
    "daily-times": "schedule",
    "blackout-dates": "schedule",
    "health": "system",
    "numbers": "system",
    "queue": "system",
}


class ApiSchema(AutoSchema):
    """Adds to each operation its scope, the problems it may return, and the idempotency header.

    A view whose POST uses `idempotency.once` sets `creates = True`, and in `follow` the operations
    that take the new id.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        scope = required_scope(self.view, self.method)
        if operation and scope:
            description = operation.get("description", "")
            operation["description"] = f"{description}\n\nScope: `{scope}`.".strip()
        if operation and deprecation.of(self.view, self.method):
            operation["deprecated"] = True
        if operation and "requestBody" in operation:
            operation["requestBody"]["required"] = True  # an empty body is refused
        return operation

    def get_operation_id(self) -> str:
        """Of the table; drf-spectacular's own for events, which have none in the document."""
        own = f"{self.method} {self.path}"
        return NAMES["operations"].get(own) or super().get_operation_id()

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name = super().get_serializer_name(serializer, direction)
        return NAMES["components"].get(name, name)

    def get_summary(self) -> str:
        """The first line of the docstring of the method, else of the view."""
        return super().get_description().partition("\n")[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular
        """The rest of that docstring."""
        return super().get_description().partition("\n")[2].strip()

    def get_tags(self) -> list[str]:
        tags = map(TAG_BY_PATH_SEGMENT.get, self.path.split("/"))
        return [next(filter(None, tags), "distributions")]

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self._creates():
            parameters.append(
                OpenApiParameter(
                    HEADER,
                    {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"},
                    OpenApiParameter.HEADER,
                    required=True,
                    description="New for each request, the same when you repeat one.",
                )
            )
        return parameters

    def get_filter_backends(self) -> list[Any]:
        return super().get_filter_backends() if self.method == "GET" else []

    def _creates(self) -> bool:
        return self.method == "POST" and bool(getattr(self.view, "creates", False))

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "request":  # of an event: the receiver responds
            return responses
        for status, description in self._problems().items():
            if status not in responses:
                problem = OpenApiResponse(ProblemDetails, description=description)
                responses[status] = self._get_response_for_code(problem, status, [MEDIA_TYPE])  # type: ignore[no-untyped-call]
        for code, response in responses.items():
            response["description"] = response["description"] or HTTPStatus(int(code)).phrase
        for created in ("201", "202"):
            if self.method == "POST" and created in responses:
                responses[created]["links"] = self._links()
        return dict(sorted(responses.items()))

    def _links(self) -> dict[str, Any]:
        """Links to the operations that take the id of what was created."""
        return {
            operation: {
                "operationId": operation,
                "parameters": {f"{ID_PLACES.get(operation, 'path')}.id": "$response.body#/id"},
            }
            for operation in getattr(self.view, "follow", ())
        }

    def _problems(self) -> dict[str, str]:
        problems = dict(PROBLEMS["every_operation"])
        if self.method in ("POST", "PATCH", "PUT", "DELETE"):
            problems |= PROBLEMS["with_body"]
            if self._creates() or has_conflicts(str(self.get_operation_id())):
                problems |= PROBLEMS["with_conflicts"]
        return problems | (PROBLEMS["creating"] if self._creates() else {})


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the bearer tokens."""

    target_class = "distribution.api.auth.authentication.TokenAuthentication"
    name = "token"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        del auto_schema
        return {"type": "http", "scheme": "bearer", "bearerFormat": "dbk_…"}

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        scope = required_scope(auto_schema.view, auto_schema.method)
        return {self.name: [str(scope)] if scope else []}


class BodyExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A request body allows no additional fields."""

    target_class = "distribution.api.http.fields.Body"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> Any:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}


def drop_column_limits(result: Any, **_: Any) -> Any:
    """A hook of drf-spectacular: drop integer limits of response fields. They come from columns and
    differ between databases."""
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        if not name.endswith("Request"):
            for field in schema.get("properties", {}).values():
                for limit in ("minimum", "maximum", "format") if _is_integer(field) else ():
                    field.pop(limit, None)
    return result


def _is_integer(schema: Any) -> bool:
    kind = schema.get("type")
    return kind == "integer" or (isinstance(kind, list) and "integer" in kind)
