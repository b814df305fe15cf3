"""Every route of the API for everybody: nobody, and a token of each scope."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.permissions import BasePermission
from rest_framework.test import APIClient

from distribution.api.auth.scopes import ScopeNeeded, ScopeThrottle
from distribution.api.http.parameters import KnownParameters
from distribution.models import Scope
from tests.api.routes import SCOPES, WITHOUT_SCOPES, url_of, views
from tests.api.tokens import a_key, a_program
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REFUSED = (401, 403)


def ask(client: Any, name: str, method: str) -> Any:
    """One request, with a body that says nothing where there is one."""
    return client.generic(
        method, url_of(name), b"{}", content_type="application/json", headers=a_key()
    )


def test_every_route_has_its_rows_and_every_row_a_route() -> None:
    declared = {
        (name, method)
        for name, view in views()
        if name not in WITHOUT_SCOPES
        for method in getattr(view, "scopes", {"?": "no scopes"})
    }
    assert declared == set(SCOPES)


def test_a_view_answers_the_methods_it_has_scopes_for() -> None:
    told = {name: (set(view.scopes), _answered(view)) for name, view in views() if view}
    assert {name: both for name, both in told.items() if both[0] != both[1]} == {}


def _answered(view: Any) -> set[str]:
    return {method for method in METHODS if hasattr(view, method.lower())}


def test_every_view_asks_for_scopes_and_names_and_counts() -> None:
    for name, view in views():
        if view is not None:
            permissions: list[type[BasePermission]] = view.permission_classes
            names = (
                [] if name in {"document", "try-it"} else [KnownParameters]
            )  # the framework's views
            assert permissions == [ScopeNeeded, *names], name
            assert view.throttle_classes == [ScopeThrottle], name


@pytest.mark.parametrize(("name", "method"), sorted(SCOPES))
def test_only_the_scope_in_the_table_opens_it(name: str, method: str) -> None:
    told = {"": ask(a_program(), name, method).status_code}
    for scope in Scope.values:
        told[scope] = ask(a_program(scope), name, method).status_code
    assert told.pop("") == 401
    assert told.pop(SCOPES[name, method]) not in REFUSED
    assert set(told.values()) == {403}


def test_a_method_that_is_not_answered_is_405_for_everybody() -> None:
    for client in (a_program(), a_program("read")):
        answer = ask(client, "status", "DELETE")
        assert answer.status_code == 405
        assert answer["Allow"] == "GET, HEAD"
        assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(("role", "status"), [("Viewer", 200), ("Administrator", 200), (None, 403)])
def test_staff_who_may_see_distributions_read_by_their_session(
    role: str | None, status: int
) -> None:
    assert a_client(role).get("/api/schema/").status_code == status


def test_a_session_writes_with_its_forgery_token_only() -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = a_client("Administrator").cookies
    answer = client.post("/api/distribution/trigger", "{}", content_type="application/json")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert "CSRF" in answer.json()["detail"]


def test_a_session_without_its_second_factor_reads_nothing(settings: Any) -> None:
    settings.TWO_FACTOR = "required"
    answer = a_client("Administrator").get("/api/distribution/status")
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor")


def test_a_token_in_the_address_is_none() -> None:
    client: APIClient = a_program()
    assert client.get("/api/distribution/status?token=dbk_x&access_token=x").status_code == 401


def test_the_page_to_try_it_loads_everything_from_here() -> None:
    page = a_client("Viewer").get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "//cdn" not in text
    assert "<script>" not in text
    assert a_program("read").get("/api/docs/").status_code == 403  # people only
