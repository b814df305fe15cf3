"""An operation that will be removed says so, in its responses and in the document."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from distribution.api.http.deprecation import Deprecation
from distribution.api.resources.templates import Templates
from tests.api.tokens import a_program

LIST = "/api/distribution/templates"
LEAVES = Deprecation(since=date(2027, 1, 1), sunset=date(2027, 7, 1))


@pytest.fixture
def deprecated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Templates, "deprecations", {"GET": LEAVES}, raising=False)


@pytest.mark.django_db
def test_its_responses_name_both_dates(deprecated: None) -> None:
    for answer in (a_program("read").get(LIST), a_program("read").head(LIST)):
        assert answer.status_code == 200
        assert answer["Deprecation"] == "@1798761600"
        assert answer["Sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
    assert a_program("content").get(LIST).has_header("Sunset")  # a refusal, too


@pytest.mark.django_db
def test_other_operations_name_none(deprecated: None) -> None:
    answer = a_program("read").get("/api/distribution/numbers")
    assert not answer.has_header("Deprecation")
    assert not answer.has_header("Sunset")


def test_the_document_marks_it_and_its_headers(deprecated: None) -> None:
    paths: Any = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    marked = [path for path, one in paths.items() for op in one.values() if "deprecated" in op]
    assert marked == [LIST]
    assert paths[LIST]["get"]["responses"]["200"]["headers"].keys() >= {"Deprecation", "Sunset"}


def test_six_months_are_the_least() -> None:
    with pytest.raises(ValueError, match="less than 180 days"):
        Deprecation(since=date(2027, 1, 1), sunset=date(2027, 6, 1))
