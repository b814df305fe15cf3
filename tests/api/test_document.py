"""docs/openapi.yml is what the API serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from tests.api.routes import WITHOUT_SCOPES, path_of, views
from tests.api.tokens import a_program

KEPT = Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.yml"
AGAIN = "manage.py spectacular --validate --fail-on-warn --file docs/openapi.yml"


def test_the_kept_document_is_the_one_that_is_made(tmp_path: Path) -> None:
    made = tmp_path / "openapi.yml"
    call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
    assert made.read_text() == KEPT.read_text(), f"The API changed: {AGAIN}"


def test_every_operation_says_its_scope_its_errors_and_what_it_is() -> None:
    document: dict[str, Any] = yaml.safe_load(KEPT.read_text())
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            assert "Scope: `" in operation["description"], where
            assert {"401", "403", "404", "429", "500"} <= set(operation["responses"]), where
            refused = operation["responses"]["403"]["content"]
            assert list(refused) == ["application/problem+json"], where


def test_every_route_but_the_documents_own_is_in_it() -> None:
    document: dict[str, Any] = yaml.safe_load(KEPT.read_text())
    told = set(document["paths"])
    for name, _ in views():
        if name not in {*WITHOUT_SCOPES, "document"}:
            assert path_of(name) in told, name


@pytest.mark.django_db
def test_what_is_served_is_the_same() -> None:
    served = a_program("read").get("/api/schema/")
    assert yaml.safe_load(served.content) == yaml.safe_load(KEPT.read_text())
