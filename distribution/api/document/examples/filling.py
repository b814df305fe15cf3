"""Inserts the examples into the OpenAPI document: a hook of drf-spectacular."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from distribution.api.document.examples.bodies import by_subject, load
from distribution.api.document.examples.fields import FieldExamples, component_of
from distribution.api.document.headers import requires_key
from distribution.api.http.problems import MEDIA_TYPE

JSON, CSV = "application/json", "text/csv"
Operation = Mapping[str, Any]


def fill(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every parameter, body, event and field of the document its examples."""
    fields = FieldExamples(result["components"]["schemas"])
    for path, methods in result["paths"].items():
        for operation in methods.values():
            _parameters(path, operation)
            _requests(operation, fields)
            _responses(path, operation, fields)
    for kind, methods in result["webhooks"].items():
        media = methods["post"]["requestBody"]["content"][JSON]
        media["example"] = load("events")[kind]
        fields.collect(media["schema"], media["example"])
    for component, values in by_subject()["other_values"].items():
        fields.collect({"$ref": component}, values)
    result["components"]["examples"] = {
        name: {"summary": problem["title"], "value": problem}
        for name, problem in sorted(load("shared")["problems"].items())
    }
    fields.insert()
    return result


def _parameters(path: str, operation: Operation) -> None:
    examples = load("shared")["parameters"]
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            parameter["example"] = _id(path)
        elif parameter["name"] in examples:
            parameter["example"] = examples[parameter["name"]]


def _id(path: str) -> int:
    """The id in a path; 1 for a path without one, where it is not used."""
    ids = load("shared")["ids"]  # the more specific prefixes come first
    return next((pk for prefix, pk in ids.items() if path.startswith(prefix)), 1)


def _requests(operation: Operation, fields: FieldExamples) -> None:
    requests = by_subject()["requests"]
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        keys = (operation["operationId"], component_of(media["schema"]), media_type)
        bodies = next(requests[key] for key in keys if key in requests)
        media["examples"] = {
            _camel_case(summary): {"summary": summary, "value": body}
            for summary, body in bodies.items()
        }
        for body in bodies.values():
            fields.collect(media["schema"], body)


def _camel_case(summary: str) -> str:
    first, *others = summary.replace("'", "").lower().split()
    return first + "".join(map(str.capitalize, others))


def _responses(path: str, operation: Operation, fields: FieldExamples) -> None:
    for status, response in operation["responses"].items():
        for media_type, media in response.get("content", {}).items():
            if media_type == MEDIA_TYPE:
                media["examples"] = _problems(operation, status)
                for example in media["examples"].values():
                    fields.collect(media["schema"], example.get("value", {}))
            elif media["schema"].get("format") != "binary":  # a file has no example
                key = CSV if media_type == CSV else status
                special = by_subject()["operation_answers"].get(operation["operationId"], {})
                component = component_of(media["schema"])
                properties = fields.schemas.get(component, {}).get("properties", {})
                media["example"] = _answer(path, component, properties, special.get(key))
                fields.collect(media["schema"], media["example"])


def _answer(path: str, component: str, properties: Mapping[str, Any], special: Any) -> Any:
    """One body, or a page of them; `special` replaces the usual bodies of the component."""
    answers = by_subject()["answers"]
    if "results" in properties:
        row = component_of(properties["results"]["items"])
        return {**_links(path), "results": special or answers[row]}
    body = special or answers[component][0]
    return {**body, **_links(path)} if "next" in properties else body


def _links(path: str) -> dict[str, str]:
    shared = load("shared")
    address = shared["server"] + path.replace("{id}", str(_id(path)))
    return {
        name: f"{address}?cursor={cursor}&page_size=2" for name, cursor in shared["cursors"].items()
    }


def _problems(operation: Operation, status: str) -> dict[str, Any]:
    """The operation's own problems in full, the shared ones by reference."""
    own = dict(by_subject()["problems"].get(operation["operationId"], {}).get(status, {}))
    if status == "400" and _has_parameter(operation, "page_size"):
        own["invalid"] = load("shared")["page_size_problem"]
    references = {
        code: {"$ref": f"#/components/examples/{code}"}
        for code in _shared_problems(operation, status, has_own=bool(own))
    }
    return {code: {"value": problem} for code, problem in own.items()} | references


def _shared_problems(operation: Operation, status: str, *, has_own: bool) -> Iterator[str]:
    creates = requires_key(operation)
    if status == "400":
        reads_json = JSON in operation.get("requestBody", {}).get("content", {})
        if reads_json:
            yield "parse_error"
        if creates:
            yield "idempotency_key_required"
        if not (reads_json or creates or has_own):
            yield "bad_request"
    elif status == "403":
        yield f"scope_missing_{operation['security'][0]['token'][0]}"
    elif status != "409" or creates:
        problems = load("shared")["problems"]
        yield from (code for code, body in problems.items() if body["status"] == int(status))


def _has_parameter(operation: Operation, name: str) -> bool:
    return any(parameter["name"] == name for parameter in operation.get("parameters", []))
