"""What holds for every test: no word beyond this machine, and nothing missing in silence."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as options

from config.processes import child
from subscribers import slots
from tests.emptying import emptying_between_tests
from tests.garbage import FewerLooks
from tests.ids import django_db_setup
from tests.migrated import django_db_modify_db_settings, drop_postgres_copy
from tests.one_database import sort_out
from tests.partitioned import partitioned, partitioned_if_asked, plain_table
from tests.pooled import created_past_the_pooler, own_session
from tests.services import (
    broker_url,
    given_postgres,
    insist,
    migrated_sqlite,
    migrated_url,
    on_postgres,
    on_sqlite,
    postgres_server,
    postgres_url,
)
from tests.serving import static_files_found_once

__all__ = [
    "broker_url",
    "created_past_the_pooler",
    "django_db_modify_db_settings",
    "django_db_setup",
    "emptying_between_tests",
    "migrated_sqlite",
    "migrated_url",
    "on_postgres",
    "on_sqlite",
    "own_session",
    "partitioned",
    "partitioned_if_asked",
    "plain_table",
    "postgres_server",
    "postgres_url",
    "static_files_found_once",
]


class BeyondThisMachineError(RuntimeError):
    """Not an OSError: the code under test would take that for a network that is down."""


def is_local(family: int, address: Any) -> bool:
    """Whether a socket's address is on this machine: loopback, or no internet address at all."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Lets sockets reach loopback addresses only, and names be resolved only if local."""
    resolve = socket.getaddrinfo

    def guarded(name: str) -> Any:
        reach = getattr(socket.socket, name)

        def method(self: socket.socket, address: Any) -> Any:
            if not is_local(self.family, address):
                raise BeyondThisMachineError(f"A test wanted to reach {address!r}.")
            return reach(self, address)

        return method

    def resolve_locally(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and not _is_numeric(name) and name != "localhost":
            raise socket.gaierror(socket.EAI_NONAME, "Tests resolve no names of other machines.")
        return resolve(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(name))
        patch.setattr(socket, "getaddrinfo", resolve_locally)
        yield


@pytest.fixture(autouse=True)
def no_download_of_an_earlier_test() -> None:
    """An answer that a test does not read to its end keeps its place until it is collected."""
    slots.downloads.clear()
    slots.uploads.clear()


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


BY_PATH_ONLY = tuple(Path(__file__).parent / name for name in ("faults", "browser"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Faults and browsers take minutes and programs of their own: only who names one of their
    folders gets it."""
    if collection_path not in BY_PATH_ONLY:
        return None
    asked = [Path(word.partition("::")[0]).resolve() for word in config.args]
    wanted = any(collection_path in (place, *place.parents) for place in asked)
    return None if wanted else True


PORTS_EACH = 1000  # of a worker


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: much of the time is spent waiting for processes."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(tryfirst=True)  # before -m leaves out what is marked here
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sort_out(items)


class SlowFirst:
    """A file of slow tests that begins last keeps one worker busy while the others have ended."""

    @pytest.hookimpl(trylast=True)  # pytest-django has an order of its own
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


# How long an example takes says how busy the machine is, not whether the code is right.
options.register_profile(
    "busy machine",
    parent=options.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
options.load_profile("busy machine")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SlowFirst(), "slow first")
    config.pluginmanager.register(FewerLooks(), "fewer looks for garbage")
    hear_interruptions()
    take_ports(os.environ.get("PYTEST_XDIST_WORKER", ""))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The workers have ended when the process that started them comes here."""
    if given_postgres() and not hasattr(session.config, "workerinput"):
        drop_postgres_copy(given_postgres())


def take_ports(worker: str) -> None:
    """Workers look for free ports in different places: two that look at once find the same."""
    if worker:
        first = child.PORTS.start + PORTS_EACH * int(worker.removeprefix("gw"))
        child.PORTS = range(first, first + PORTS_EACH)


def hear_interruptions() -> None:
    """A shell starts what it runs in the background deaf to Ctrl-C, and that is inherited by
    whatever the tests start and then interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # so does nohup to its end
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return insist((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return insist((yield))
