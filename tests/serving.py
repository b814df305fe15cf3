"""The real web server over the test's own database; what test clients share."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.processes.child import free_port
from config.processes.programs import WEB_THREADS
from tests.processes import own_database

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def serving(log: Path, app: str = "config.wsgi:application", **env: str) -> Iterator[int]:
    """The web process as it runs in production; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--http", "1", "--no-ws"]
    command += ["--workers-kill-timeout", "2", app]
    ours = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": own_database()}
    ours["GRANIAN_BLOCKING_THREADS"] = str(WEB_THREADS)
    environment = {**os.environ, **ours, **env}
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            _wait_until_it_answers(port, child, log)
            yield port
        finally:
            child.terminate()
            child.wait(timeout=20)


def _wait_until_it_answers(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and child.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
                link.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                if link.recv(12) == b"HTTP/1.1 200":
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"The web server did not start:\n{log.read_text()}")


@pytest.fixture(scope="session", autouse=True)
def static_files_found_once() -> Iterator[None]:
    """Each test client loads the middleware for itself, which would look for the 230 static files
    again: more CPU than the test's own request."""
    from config.web.static_files import StaticFilesMiddleware  # wants settings

    find = StaticFilesMiddleware.add_files_from_finders
    found: dict[tuple[str, int | None], dict[str, Any]] = {}

    def add_files_from_finders(self: Any) -> None:
        kind = self.static_prefix, self.max_age
        if kind not in found:
            collected, self.files = self.files, {}
            find(self)
            found[kind], self.files = self.files, collected
        self.files.update(found[kind])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFilesMiddleware, "add_files_from_finders", add_files_from_finders)
        yield


@pytest.fixture
def serve(transactional_db, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts web servers, of an app, with an environment; they end with the test."""
    with ExitStack() as ends:
        yield lambda *app, **env: ends.enter_context(serving(tmp_path / "web.log", *app, **env))
