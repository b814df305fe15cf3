"""What needs no token: the list of operations, the pages of problems, and the right path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from distribution.api.http import problems
from tests.api.tokens import a_program

pytestmark = pytest.mark.django_db
DOCUMENT: dict[str, Any] = yaml.load(
    (Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.yml").read_text(),
    yaml.CSafeLoader,
)


@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_the_index_lists_every_operation_to_everybody(path: str) -> None:
    answer = Client().get(path)
    told = {(one["method"], one["path"]): one for one in answer.json()["operations"]}
    operations = {
        (method.upper(), address): operation
        for address, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    assert answer.status_code == 200
    assert told.keys() == operations.keys()
    for key, operation in operations.items():
        assert told[key]["id"] == operation["operationId"]
        assert told[key]["summary"] == operation["summary"]
        assert f"Scope: `{told[key]['scope']}`" in operation["description"]
    assert answer["API-Version"] == "1"
    assert answer.json()["version"] == DOCUMENT["info"]["version"]


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/problems", "/api/problems/invalid"])
def test_what_is_only_read_is_not_written(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"


def test_every_problem_leads_to_its_page() -> None:
    client = Client()
    for code, (status, title, _) in problems.TYPES.items():
        path = problems.body(status, code)["type"]
        page = client.get(path)
        assert path == f"/api/problems/{code}"
        assert page.status_code == 200
        assert page["Content-Type"].startswith("text/html")
        assert title.replace("'", "&#x27;") in page.content.decode()
    everything = client.get("/api/problems").content.decode()
    assert all(f'href="/api/problems/{code}"' in everything for code in problems.TYPES)


@pytest.mark.parametrize("code", ["none-such", "<b>", "x" * 300])
def test_a_problem_that_is_none_has_no_page(code: str) -> None:
    answer = Client().get(f"/api/problems/{code}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("/api/distribution/status/", "/api/distribution/status"),
        ("/api/distribution/content/7/", "/api/distribution/content/7"),
        ("/api/queue/alerts/", "/api/queue/alerts"),
        ("/api/schema", "/api/schema/"),
        ("/api/problems/", "/api/problems"),
    ],
)
def test_a_wrong_slash_is_answered_with_the_right_path(asked: str, meant: str) -> None:
    for client in (Client(), a_program("read")):
        answer = client.get(asked)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.json()["detail"].endswith(f"use {meant}.")


def test_the_page_to_try_it_is_found_without_its_slash() -> None:
    assert Client().get("/api/docs")["Location"] == "/api/docs/"


def test_servers_are_relative_to_the_installation() -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]


def test_operation_ids_begin_with_a_verb_and_are_unique() -> None:
    ids = [
        operation["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    ]
    assert len(ids) == len(set(ids))
    lists = [one for one in ids if one.startswith("list_")]
    for methods in DOCUMENT["paths"].values():
        for method, operation in methods.items():
            content = operation["responses"].get("200", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            is_list = "/Paginated" in schema.get("$ref", "")
            assert (operation["operationId"] in lists) == (method == "get" and is_list)
