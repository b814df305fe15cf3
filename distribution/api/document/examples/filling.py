"""Puts the examples in: each body where it belongs, and to every field what it is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distribution.api.document.examples import refusals, requests
from distribution.api.document.examples.fields import Fields
from distribution.api.document.examples.files import files
from distribution.api.document.headers import wants_key
from distribution.api.http.problems import MEDIA_TYPE

JSON, CSV = "application/json", "text/csv"
HOUSE = "https://daybreak.example"
CURSORS = (
    "W2ZhbHNlLCIyODQwMDMiXQ%3A1vNKqm%3AqbF0n2kXH0oTjV1aRkT8mZ3cYw5uLx7eJd9sPgIhBvE",
    "W3RydWUsIjI4NDAwMSJd%3A1vNKqm%3AhT4yWc8LrZ0iGf2nBvK6sUe9QaXo3jMd1kPxYwCt7uI",
)


@dataclass(frozen=True)
class Morning:
    """What is answered: by component, the first for one and all for a page, or by operation."""

    answers: Mapping[str, Sequence[Mapping[str, Any]]]
    by_operation: Mapping[tuple[str, str], Any]
    events: Mapping[str, Any]  # by type
    at_other_times: Mapping[str, Any]  # by component: of fields that are empty this morning


def fill(document: dict[str, Any], morning: Morning) -> dict[str, Any]:
    """The document with an example of everything that is sent and answered."""
    fields = Fields(document["components"]["schemas"])
    common = refusals.common()
    for path, operation in _operations(document):
        _parameters(path, operation)
        _requests(operation, fields)
        for status, response in operation["responses"].items():
            for media_type, media in response.get("content", {}).items():
                if media_type == MEDIA_TYPE:
                    media["examples"] = _problems(operation, int(status), common)
                    for one in media["examples"].values():
                        fields.note(media["schema"], one.get("value", {}))
                else:
                    found = _Answers(path, operation["operationId"], status, morning, fields)
                    media["example"] = found.whole(media_type, media["schema"])
                    fields.note(media["schema"], media["example"])
    for kind, methods in document["webhooks"].items():
        media = methods["post"]["requestBody"]["content"][JSON]
        media["example"] = morning.events[kind]
        fields.note(media["schema"], media["example"])
    for component, values in morning.at_other_times.items():
        fields.note({"$ref": f"#/components/schemas/{component}"}, values)
    document["components"]["examples"] = {
        name: {"summary": problem["title"], "value": problem}
        for name, problem in sorted(common.items())
    }
    fields.put()
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _parameters(path: str, operation: Mapping[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            parameter["example"] = _id(path)
        elif parameter["name"] in requests.PARAMETERS:
            parameter["example"] = requests.PARAMETERS[parameter["name"]]


def _id(path: str) -> int:
    """The id of what the address is about; for an address without one it does not matter."""
    return next((pk for begins, pk in requests.IDS.items() if path.startswith(begins)), 1)


def _requests(operation: Mapping[str, Any], fields: Fields) -> None:
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        component = media["schema"].get("$ref", "").rpartition("/")[2]
        bodies = requests.BODIES_OF.get(operation["operationId"]) or requests.BODIES.get(component)
        named = bodies or requests.FILES[media_type]
        media["examples"] = {
            _name(summary): {"summary": summary, "value": value} for summary, value in named.items()
        }
        for value in named.values():
            fields.note(media["schema"], value)


def _name(summary: str) -> str:
    first, *others = summary.replace("'", "").lower().split()
    return first + "".join(map(str.capitalize, others))


def _problems(
    operation: Mapping[str, Any], status: int, common: Mapping[str, Any]
) -> dict[str, Any]:
    """Its own in full, those of many by name."""
    own = refusals.own(operation["operationId"], status) | _page_size(operation, status)
    names = [*refusals.COMMON.get(status, {})]
    if status == 400:
        names = _unreadable(operation) or ([] if own else ["bad_request"])
    if status == 403:
        names = [f"scope_missing_{operation['security'][0]['token'][0]}"]
    if status == 409 and not wants_key(operation):
        names = []
    told = {name: {"$ref": f"#/components/examples/{name}"} for name in names if name in common}
    return {name: {"value": problem} for name, problem in own.items()} | told


def _page_size(operation: Mapping[str, Any], status: int) -> dict[str, Any]:
    pages = any(one["name"] == "page_size" for one in operation.get("parameters", []))
    return refusals.wrong(refusals.PAGE_SIZE) if pages and status == 400 else {}


def _unreadable(operation: Mapping[str, Any]) -> list[str]:
    body = operation.get("requestBody", {}).get("content", {})
    key = ["idempotency_key_required"] if wants_key(operation) else []
    return (["parse_error"] if JSON in body else []) + key


@dataclass(frozen=True)
class _Answers:
    """Finds what one operation answers with one status."""

    path: str
    operation: str
    status: str
    morning: Morning
    fields: Fields

    def whole(self, media_type: str, schema: Mapping[str, Any]) -> Any:
        if media_type == CSV:
            return files()[self.operation]
        component = schema["$ref"].rpartition("/")[2]
        properties = self.fields.schemas[component]["properties"]
        links = dict(zip(("next", "previous"), self._links(), strict=True))
        if "results" in properties:
            row = properties["results"]["items"]["$ref"].rpartition("/")[2]
            return {**links, "results": list(self._told(row))}
        told = self._told(component)
        one = told if isinstance(told, Mapping) else told[0]
        return {**one, **links} if "next" in properties else one

    def _told(self, component: str) -> Any:
        told = self.morning.by_operation.get((self.operation, self.status))
        return told or self.morning.answers[component]

    def _links(self) -> Iterator[str]:
        path = self.path.replace("{id}", str(_id(self.path)))
        for cursor in CURSORS:
            yield f"{HOUSE}{path}?cursor={cursor}&page_size=2"
