"""docs/security.md: what it says of the list S01–S32 can be followed to tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

pytestmark = pytest.mark.any_database  # files only

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in line.strip("| ").split(" | "))
    for line in PAGE.splitlines()
    if re.match(r"\| S\d\d ", line)
]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_all_thirty_two_items_are_there_once_and_in_order() -> None:
    assert [row[0][:3] for row in ROWS] == [f"S{n:02}" for n in range(1, 33)]
    assert {len(row) for row in ROWS} == {3}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:3])
def test_an_item_holds_by_a_test_or_says_what_stands_in_for_it(row: tuple[str, str, str]) -> None:
    _, standing, text = row

    if standing == "holds":
        assert NAMED.search(text)
    else:
        assert standing == "not met"
        assert "Not met: " in text
        assert "Instead: " in text


def test_most_of_them_hold() -> None:
    assert sum(standing == "holds" for _, standing, _ in ROWS) >= 28


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    assert (ROOT / file).exists(), file
    assert name in functions_of(file)


def test_no_test_is_named_in_another_form() -> None:
    assert PAGE.count("tests/") == len(NAMED.findall(PAGE)) + PAGE.count(
        "`tests/admin/routes.py`"
    ) + (PAGE.count("`tests/api/routes.py`"))


def test_the_attackers_are_all_thought_of() -> None:
    for attacker in (
        *("operator", "administrator", "thief of the database dump", "thief of one API token"),
        *("forger of webhooks", "application role", "Somebody outside", "dependency"),
    ):
        assert re.search(rf"\*\*[^*]*{attacker}[^*]*\*\*", PAGE), attacker


def test_the_data_map_names_tables_that_exist() -> None:
    tables = {model._meta.db_table for model in apps.get_models()}
    rows = PAGE.partition("## Data map")[2].partition("\n## ")[0]
    named = set(re.findall(r"`((?:subscribers|distribution|webhooks|auth|django)_\w+)`", rows))

    assert named - tables == set()
    assert len(named) > 8
