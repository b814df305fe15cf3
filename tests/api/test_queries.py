"""What stands in an address: a name that is none is told, never let pass unread."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from distribution.api.http.parameters import known_parameters
from distribution.models import Distribution
from tests.api.routes import SCOPES, path_of, url_of, views
from tests.api.test_examples import DOCUMENT
from tests.api.tokens import a_key, a_program
from tests.builders import an_approved_content

pytestmark = pytest.mark.django_db
OF_THE_DOCUMENT = ("document", "GET")  # the framework's view, and not in the document itself


def test_an_address_takes_the_names_that_the_document_says() -> None:
    paths: dict[str, Any] = DOCUMENT["paths"]
    classes = dict(views())
    for name, method in set(SCOPES) - {OF_THE_DOCUMENT}:
        asked = paths[path_of(name)][method.lower()].get("parameters", [])
        told = {one["name"] for one in asked if one["in"] == "query"}
        assert known_parameters(classes[name](), method) == told, (name, method)


@pytest.mark.parametrize(("name", "method"), sorted(set(SCOPES) - {OF_THE_DOCUMENT}))
def test_a_name_that_no_address_knows_is_told_wherever_it_stands(name: str, method: str) -> None:
    url = f"{url_of(name)}?statuss=ACTIVE"

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
@pytest.mark.parametrize("name", ["schedule", "deliveries"])
def test_a_filter_that_is_empty_or_stands_twice_is_told_too(name: str, query: str) -> None:
    answer = a_program("read", "subscribers").get(f"{url_of(name)}?{query}")
    assert answer.status_code == 400
