"""The document's examples: everything has one, each is valid, and what it shows is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

from config.web import long_requests
from distribution.api.document.examples.bodies import by_subject
from distribution.api.http import problems
from distribution.records.bundle import MEDIA_TYPE as ZIP
from distribution.reporting import delivery_export
from masking.phones import mask_phone

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PROBLEM = "application/problem+json"
INDIA = "+05:30"

formats = FormatChecker(["date"])
DOCUMENT: dict[str, Any] = yaml.load((DOCS / "openapi.yml").read_text(), yaml.CSafeLoader)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
CLOSED = {
    name: {"additionalProperties": False, **schema} if "properties" in schema else schema
    for name, schema in SCHEMAS.items()
}


@formats.checks("date-time", raises=ValueError)
def _has_a_zone(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each with its address: `get /api/…`."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def media() -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that is sent or answered, with where."""
    for where, operation in operations():
        for kind, told in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{where} sends {kind}", told
        for status, response in operation["responses"].items():
            for kind, told in response.get("content", {}).items():
                yield f"{where} answers {status} {kind}", told
    for kind, methods in DOCUMENT["webhooks"].items():
        yield kind, methods["post"]["requestBody"]["content"]["application/json"]


def examples_of(told: dict[str, Any]) -> list[Any]:
    """The values, those that are kept elsewhere too."""
    named = [_found(one)["value"] for one in told.get("examples", {}).values()]
    return [*named, told["example"]] if "example" in told else named


def _found(one: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in one:
        return one
    kept: dict[str, Any] = DOCUMENT["components"]["examples"][one["$ref"].rpartition("/")[2]]
    return kept


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in SCHEMAS.items():
        for field, told in schema.get("properties", {}).items():
            yield f"{name}.{field}", told


def is_spelt_out(schema: dict[str, Any]) -> bool:
    """Whether its schema says already what may stand there: words, yes or no, another schema."""
    words = {"$ref", "allOf", "oneOf", "enum", "const"}
    return schema.get("type") == "boolean" or bool(
        words & (schema.keys() | schema.get("items", {}).keys())
    )


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Stricter than the document: a field that no schema knows is an error."""
    whole = {**schema, "components": {"schemas": CLOSED}}
    return Draft202012Validator(whole, format_checker=formats)


def test_every_field_has_examples() -> None:
    bare = [
        where for where, told in fields() if not is_spelt_out(told) and not told.get("examples")
    ]
    assert bare == []


def test_every_body_and_answer_has_an_example() -> None:
    bare = [where for where, told in media() if not examples_of(told)]
    assert bare == [f"get /api/distribution/records/{{id}} answers 200 {ZIP}"]  # a file


def test_every_parameter_that_is_required_has_an_example() -> None:
    bare = [
        f"{where} {one['name']}"
        for where, operation in operations()
        for one in operation.get("parameters", [])
        if one.get("required") and "example" not in one
    ]
    assert bare == []


def test_every_example_is_valid() -> None:
    for where, told in fields():
        check = validator(told)
        for value in told.get("examples", []):
            assert [error.message for error in check.iter_errors(value)] == [], where
    for where, told in media():
        check = validator(told["schema"])
        for value in examples_of(told):
            assert [error.message for error in check.iter_errors(value)] == [], where
    for where, operation in operations():
        for one in operation.get("parameters", []):
            if "example" in one:
                assert validator(one["schema"]).is_valid(one["example"]), where


def test_moments_are_those_of_india_and_the_sums_add_up() -> None:
    moments = [
        (where, value)
        for where, told in fields()
        if told.get("format") == "date-time"
        for value in told.get("examples", [])
        if value
    ]
    for where, value in moments:
        of_events = re.match(r"(Event\w+|\w+Event)\.", where)
        assert value.endswith(("Z", "+00:00") if of_events else INDIA), where
    status = _answer("get /api/distribution/status")
    assert sum(status["counts"]["states"].values()) == status["counts"]["recipients"]
    for part in ("accepted", "delivered"):
        assert sum(one[part] for one in status["numbers"]) == status["counts"][part]
    figures = _answer("get /api/distribution/analytics")
    for name, total in figures["total"].items():
        if isinstance(total, int):
            assert sum(row[name] for row in figures["rows"]) == total, name


def _answer(where: str, status: str = "200") -> Any:
    operation = dict(operations())[where]
    return operation["responses"][status]["content"]["application/json"]["example"]


def test_phones_are_masked_wherever_the_api_masks_them() -> None:
    shown = dict(fields())
    (full,) = shown["SubscriberDetail.phone"]["examples"]
    assert mask_phone(full) in shown["Subscriber.phone"]["examples"]
    for name in ("Subscriber.phone", "Delivery.phone"):
        assert all(re.fullmatch(r"\+91\*{6}\d{4}", one) for one in shown[name]["examples"])
    for where, told in media():
        if "/subscribers" not in where:
            assert full not in str(examples_of(told)), where


def test_every_problem_fits_its_status_and_its_code_is_listed() -> None:
    listed = {
        code
        for line in (DOCS / "api.md").read_text().splitlines()
        if re.match(r"\| [45]\d\d", line)
        for code in re.findall(r"`(\w+)`", line)
    }
    for where, operation in operations():
        for status, response in operation["responses"].items():
            for problem in examples_of(response.get("content", {}).get(PROBLEM, {})):
                assert problem["status"] == int(status), where
                assert problem["title"] == HTTPStatus(int(status)).phrase, where
                assert problem["type"].endswith(f"/{problem['code']}"), where
                assert problem["code"] in listed, where


def test_every_example_that_is_kept_is_used() -> None:
    kept = by_subject()
    ids = {operation["operationId"] for _, operation in operations()}
    kinds = {where.rpartition(" ")[2] for where, _ in media()}
    assert kept["requests"].keys() <= {*SCHEMAS, *ids, *kinds}
    assert {*kept["answers"], *kept["other_values"]} <= SCHEMAS.keys()
    assert {*kept["operation_answers"], *kept["problems"]} <= ids


LONG = {
    "url_too_long": long_requests.LONG_ADDRESS,
    "header_too_long": long_requests.LONG_HEADER,
}


def test_problems_of_many_operations_have_the_sentences_of_their_codes() -> None:
    for name, kept in DOCUMENT["components"]["examples"].items():
        problem = kept["value"]
        if problem["code"] in problems.ADVICE:
            code, own = ("too_large", LONG[name]) if name in LONG else (name, "")
            assert problem == problems.body(problem["status"], code, own)


def test_files_have_the_columns_that_are_written() -> None:
    columns = {
        where: answer["example"].partition("\r\n")[0].split(",")
        for where, answer in media()
        if where.startswith("get") and where.endswith("text/csv")
    }
    assert columns == {
        "get /api/distribution/costs answers 200 text/csv": [
            "category",
            "messages",
            "charged",
            "free",
            "unpriced",
            "no_rate",
            "currency",
            "amount",
            "amount_with_gst",
        ],
        "get /api/distribution/analytics answers 200 text/csv": [
            "tier",
            "label",
            "recipients",
            "accepted",
            "delivered",
            "read",
            "failed",
            "skipped",
            "unconfirmed",
            "waiting",
            "failures",
            "skips",
        ],
        "get /api/distribution/{id}/deliveries answers 200 text/csv": list(delivery_export.HEADER),
    }
