"""The API's document: what every operation has in common is written down here once."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from distribution.api.auth.idempotency import HEADER
from distribution.api.auth.scopes import needed
from distribution.api.document.examples.bodies import has_conflicts
from distribution.api.http.problems import MEDIA_TYPE

JSON_MEDIA = [MEDIA_TYPE]


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField(allow_blank=True, help_text="Path to it: `recipients.3.phone`.")
    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="What is wrong with it, for people.")


class ProblemDetails(serializers.Serializer[Any]):
    """RFC 9457: what went wrong, for programs and for people."""

    type = serializers.URLField(help_text="A name of the kind of problem; ends in `code`.")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What to do, in a sentence.")
    code = serializers.CharField(help_text="Stable, for programs: `scope_missing`, `invalid` …")
    errors = FieldProblem(  # type: ignore[assignment]  # the name is RFC 9457's example's
        many=True, help_text="One for each field that is wrong; else empty."
    )


ALWAYS = {
    400: "The request or a field of it is wrong.",
    401: "No token, or one that is not in force.",
    403: "The token lacks the scope.",
    404: "No such address or record.",
    405: "This address does not answer that method.",
    406: "This answer does not come in the format asked for.",
    413: "The body is too large.",
    429: "Too many requests: wait as long as Retry-After says.",
    500: "Something is wrong on this side.",
    503: "The database does not answer at the moment.",
}
WITH_BODY = {
    411: "The body came in chunks, and the server does not take those.",
    415: "The body is not in a format that is read here.",
}
OF_STEPS = {409: "Not possible from where things stand; the code says why."}
OF_CREATING = {422: "The Idempotency-Key was used for another request."}


# The document's chapters (config/settings/api.py describes them), by what stands in an address.
CHAPTERS = {
    "content": "content",
    "templates": "content",
    "subscribers": "subscribers",
    "analytics": "analytics",
    "health": "house",
    "numbers": "house",
    "queue": "house",
}


class ApiSchema(AutoSchema):
    """Adds to each operation its scope, the problems it may answer, and the idempotency header.

    A view whose POST is answered by `idempotency.once` says `creates = True`, and by `follow`
    which operations take the new id, and as what.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        scope = needed(self.view, self.method)
        if operation and scope:
            told = operation.get("description", "")
            operation["description"] = f"{told}\n\nScope: `{scope}`.".strip()
        return operation

    def get_tags(self) -> list[str]:
        words = self.path.strip("/").split("/")
        return [next((CHAPTERS[word] for word in words if word in CHAPTERS), "distributions")]

    def get_override_parameters(self) -> list[Any]:
        given = list(super().get_override_parameters())
        if self._creates():
            given.append(
                OpenApiParameter(
                    HEADER,
                    {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"},
                    OpenApiParameter.HEADER,
                    required=True,
                    description="Yours, new for each request and the same when it is sent again.",
                )
            )
        return given

    def get_filter_backends(self) -> list[Any]:
        return super().get_filter_backends() if self.method == "GET" else []

    def _creates(self) -> bool:
        return self.method == "POST" and bool(getattr(self.view, "creates", False))

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "request":  # of a webhook: it is the receiver that answers
            return responses
        for status, told in self._problems().items():
            if str(status) not in responses:
                responses[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    OpenApiResponse(ProblemDetails, description=told), str(status), JSON_MEDIA
                )
        for code, answer in responses.items():
            answer["description"] = answer["description"] or HTTPStatus(int(code)).phrase
        for made in ("201", "202"):
            if self.method == "POST" and made in responses:
                responses[made]["links"] = self._links()
        return dict(sorted(responses.items()))

    def _links(self) -> dict[str, Any]:
        """What to ask next about what was created, by its id."""
        follow: dict[str, str] = getattr(self.view, "follow", {})
        return {
            operation.partition("_")[2]: {
                "operationId": operation,
                "parameters": {parameter: "$response.body#/id"},
            }
            for operation, parameter in follow.items()
        }

    def _problems(self) -> dict[int, str]:
        found = dict(ALWAYS)
        if self.method in ("POST", "PATCH", "PUT", "DELETE"):
            found |= WITH_BODY
            if self._creates() or has_conflicts(str(self.get_operation_id())):
                found |= OF_STEPS
        return found | (OF_CREATING if self._creates() else {})


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document speaks of the tokens."""

    target_class = "distribution.api.auth.authentication.TokenAuthentication"
    name = "token"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        del auto_schema
        return {"type": "http", "scheme": "bearer", "bearerFormat": "dbk_…"}

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        scope = needed(auto_schema.view, auto_schema.method)
        return {self.name: [str(scope)] if scope else []}


class BodyExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A body takes the fields that it names, and no others."""

    target_class = "distribution.api.http.fields.Body"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> Any:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}


def same_on_each_database(result: Any, **_: Any) -> Any:
    """What is answered has no limits of its own: a column's, which differ by database, go."""
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        if not name.endswith("Request"):
            for told in schema.get("properties", {}).values():
                for limit in ("minimum", "maximum", "format") if _is_whole(told) else ():
                    told.pop(limit, None)
    return result


def _is_whole(told: Any) -> bool:
    kind = told.get("type")
    return kind == "integer" or (isinstance(kind, list) and "integer" in kind)
