"""What fault tests share: one throwaway PostgreSQL a session, a stack a module, the seed."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from config.processes.child import LaunchError
from tests.faults.checker import REPORT
from tests.faults.database import Server, throwaway
from tests.faults.morning import House
from tests.faults.stack import CALM, Stack

TIMEOUT = 240
FOUND = "found"
HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=1, help="of the nemesis and of the sandbox")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What each test came to travels with its report: the workers end before the summary."""
    report = yield
    if report.when == "call":
        report.user_properties += [(FOUND, str(found)) for found in REPORT]
        REPORT.clear()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was tried and what it came to, for docs/reliability-faults.md."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, text in report.user_properties:
                if name == FOUND:
                    terminalreporter.write_line(f"{text}  {report.nodeid.rpartition('::')[2]}")


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed"))


@pytest.fixture
def dice(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """Chance of this test's own, the same for a seed."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture(scope="session")
def server(django_db_blocker: Any) -> Iterator[Server]:
    """PostgreSQL and the template database; Django may use it from here on."""
    with django_db_blocker.unblock(), ExitStack() as ends:
        try:
            found = ends.enter_context(throwaway())
        except LaunchError as error:
            pytest.skip(str(error))
        yield found


@pytest.fixture(scope="module")
def build(server: Server, seed: int) -> Iterator[Callable[..., House]]:
    """Makes houses that live as long as the module."""
    with ExitStack() as ends:

        def make(people: int, **options: Any) -> House:
            folder = Path(tempfile.mkdtemp(prefix="daybreak-stack-"))
            ends.callback(shutil.rmtree, folder, ignore_errors=True)
            settings = {**CALM, **options.pop("sandbox", {})}
            options.setdefault("sandbox_settings", json.dumps(settings))
            return House(ends.enter_context(Stack(folder, server, **options)), people)

        yield make
