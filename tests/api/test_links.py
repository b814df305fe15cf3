"""The document's links: what was made by its examples is found where each of them leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from distribution.content import media
from distribution.models import Scope
from tests.api.example_records import example_records, request_arguments
from tests.api.routes import NAMES, url_of
from tests.api.test_examples import operations
from tests.api.tokens import a_key, a_program

__all__ = ["example_records"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("example_records")]
FORM = "multipart/form-data"
PICTURE = {"type": "image", "id": "1289340587632190"}
BY_ID = {one["operationId"]: (where, one) for where, one in operations()}


@pytest.fixture(autouse=True)
def meta_takes_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "upload", lambda *_args, **_options: PICTURE)


def links() -> Iterator[Any]:
    for where, operation in operations():
        for status, response in operation["responses"].items():
            for name, link in response.get("links", {}).items():
                yield pytest.param(where, status, link, id=f"{where} → {name}")


def _example(operation: dict[str, Any], status: str) -> dict[str, Any]:
    """What to send for this answer, as the client takes it."""
    bodies = operation.get("requestBody", {}).get("content", {})
    kind = "application/json" if "application/json" in bodies or not bodies else FORM
    examples = bodies.get(kind, {}).get("examples", {"": {"value": {}}})
    values = [one["value"] for one in examples.values()]
    return request_arguments(
        kind, next(one for one in values if status != "202" or not one.get("dry_run"))
    )


@pytest.mark.parametrize(("where", "status", "link"), list(links()))
def test_a_link_leads_to_what_was_made(where: str, status: str, link: dict[str, Any]) -> None:
    client = a_program(*Scope.values)
    url = url_of(NAMES[where.split()[1]])
    made = client.post(url, **_example(dict(operations())[where], status), headers=a_key())
    assert made.status_code == int(status), made.content
    (place, value) = next(iter(link["parameters"].items()))
    assert value == "$response.body#/id"

    there, operation = BY_ID[link["operationId"]]
    method, path = there.split()
    url = path.replace("{id}", str(made.json()["id"]))
    if place.startswith("query."):
        url += f"?{place.removeprefix('query.')}={made.json()['id']}"
    sent = {} if method == "get" else _example(operation, "200")
    answer = getattr(client, method)(url, **sent)
    assert answer.status_code not in (400, 404), answer.content
    assert str(answer.status_code) in operation["responses"]


def test_whatever_is_made_can_be_followed() -> None:
    """Every answer that tells the id of something new says by links what can be asked of it."""
    bare = [
        where
        for where, operation in operations()
        for status in ("201", "202")
        if "Idempotency-Key" in {one["name"] for one in operation.get("parameters", [])}
        and status in operation["responses"]
        and not operation["responses"][status].get("links")
    ]
    assert bare == []
