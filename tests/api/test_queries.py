"""What stands in an address: a name that is none is told, never let pass unread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import reverse
from django.utils import timezone

from distribution.api.queries import known
from distribution.models import Distribution
from tests.api.routes import EXAMPLES, SCOPES, views
from tests.api.tokens import a_key, a_program
from tests.builders import an_approved_content

pytestmark = pytest.mark.django_db
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yml"


def test_an_address_takes_the_names_that_the_document_says() -> None:
    paths: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())["paths"]
    classes = dict(views())
    for name, method in SCOPES:
        args = [7] if name in EXAMPLES else []
        operations = paths.get(reverse(f"api:{name}", args=args).replace("/7", "/{id}"))
        if operations is not None:
            asked = operations[method.lower()].get("parameters", [])
            told = {one["name"] for one in asked if one["in"] == "query"}
            assert known(classes[name](), method) == told, (name, method)


@pytest.mark.parametrize(("name", "method"), sorted(set(SCOPES) - {("document", "GET")}))
def test_a_name_that_no_address_knows_is_told_wherever_it_stands(name: str, method: str) -> None:
    args = [EXAMPLES[name]()] if name in EXAMPLES else []
    url = f"{reverse(f'api:{name}', args=args)}?statuss=ACTIVE"

    def ask(*scopes: str) -> Any:
        client = a_program(*scopes)
        return client.generic(method, url, b"{}", "application/json", headers=a_key())

    other = "read" if SCOPES[name, method] != "read" else "admin"
    assert (ask().status_code, ask(other).status_code) == (401, 403)
    answer = ask(SCOPES[name, method])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("statuss", "unknown")


def test_a_dry_run_in_the_wrong_place_begins_nothing() -> None:
    an_approved_content(day=timezone.localdate())
    answer = a_program("distribute").post(
        "/api/distribution/trigger?dry_run=true", {}, headers=a_key()
    )
    assert answer.status_code == 400
    assert not Distribution.objects.exists()


@pytest.mark.parametrize("query", ["state=", "state=SENDING&state=PAUSED"])
@pytest.mark.parametrize("path", ["/api/distribution/schedule", "deliveries"])
def test_a_filter_that_is_empty_or_stands_twice_is_told_too(path: str, query: str) -> None:
    if path == "deliveries":
        path = f"/api/distribution/{EXAMPLES['deliveries']()}/deliveries"
    answer = a_program("read", "subscribers").get(f"{path}?{query}")
    assert answer.status_code == 400
