"""Which tests the pass on PostgreSQL leaves out: none that could tell the two databases apart."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings

from config.processes import supervisor
from tests import one_database

ROOT = Path(settings.BASE_DIR)
pytestmark = pytest.mark.any_database


class Item:
    """As much of a test as the rule looks at."""

    nodeid = "tests/test_it.py::test_it"

    def __init__(self, *markers: str, uses: tuple[str, ...] = (), **imports: Any) -> None:
        self.markers, self.fixturenames = set(markers), uses
        self.module = ModuleType("test_it")
        vars(self.module).update(imports)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.markers else None

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.markers.add(mark.name)


def is_left_out(item: Any) -> bool:
    one_database.sort_out([item])
    return "any_database" in item.markers


def test_a_pure_test_is_left_out() -> None:
    assert is_left_out(Item(re=re, Path=Path))


@pytest.mark.parametrize(
    "item",
    [
        Item("django_db"),
        Item(uses=("tmp_path", "transactional_db")),
        Item(uses=("postgres_url",)),
        Item(uses=("on_sqlite",)),
        Item(subprocess=subprocess),
        Item(Supervisor=supervisor.Supervisor),
        Item("each_database"),
    ],
)
def test_whoever_may_meet_a_database_or_starts_a_process_is_not(item: Item) -> None:
    assert not is_left_out(item)


@pytest.mark.parametrize("module", sorted(one_database.STARTING))
def test_what_starts_processes_is_still_called_so(module: str) -> None:
    assert importlib.util.find_spec(module)


def test_a_module_that_starts_processes_may_say_that_they_meet_no_database_of_the_pass() -> None:
    assert is_left_out(Item("any_database", uses=("postgres_url",), subprocess=subprocess))


@pytest.mark.parametrize("other", ["each_database", "django_db"])
def test_nobody_is_for_any_database_and_for_each(other: str) -> None:
    with pytest.raises(pytest.UsageError, match="test_it is for any database and"):
        is_left_out(Item("any_database", other))


def test_only_the_pass_on_postgresql_leaves_out_and_only_these() -> None:
    commands = re.findall(r"pytest .*", (ROOT / ".ci/run").read_text())
    choosing = [command for command in commands if " -m " in command]

    assert len(choosing) == 1
    assert 'pytest -m "not any_database"' in choosing[0]
    assert choosing[0] in (ROOT / ".ci/run").read_text().partition(".ci/with_services.py")[2]


def test_this_one_is_marked_by_the_rule(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("any_database")
