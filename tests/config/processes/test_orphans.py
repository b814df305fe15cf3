from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.processes.supervisor import Supervisor
from tests.config.families import (
    LAUNCHER,
    ROOT,
    eventually,
    family_of,
    guard_of,
    lives,
    wait_for,
)

pytestmark = pytest.mark.any_database  # processes without a database


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs") as it:
        yield it


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A launcher of three children, one of them with a child of its own."""
    script = tmp_path / "launcher.py"
    script.write_text(LAUNCHER)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        yield process
        process.kill()


# --- no orphan ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_no_orphan_is_left_however_the_launcher_ends(
    launcher: subprocess.Popen[str], tmp_path: Path, name: str
) -> None:
    wait_for(launcher, "ready")
    keeper = guard_of(launcher)
    assert len(family_of(tmp_path)) == 4  # three children, one grandchild

    launcher.send_signal(signal.Signals[name])
    output, _ = launcher.communicate(timeout=60)

    eventually(lambda: not lives(keeper))
    assert family_of(tmp_path) == []
    if name == "SIGKILL":
        assert launcher.returncode == -signal.SIGKILL
    else:
        assert (launcher.returncode, output) == (0, f"stopped by {name}\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
@pytest.mark.parametrize("seed", range(4))
def test_no_orphan_is_left_by_a_launcher_that_ends_while_it_starts(
    launcher: subprocess.Popen[str], tmp_path: Path, name: str, seed: int
) -> None:
    wait_for(launcher, "starting")
    keeper = guard_of(launcher)
    time.sleep(random.Random(seed).uniform(0, 0.1))  # somewhere among the three starts

    launcher.send_signal(signal.Signals[name])
    launcher.communicate(timeout=60)

    eventually(lambda: not lives(keeper))
    assert family_of(tmp_path) == []


def test_a_killed_guard_is_replaced_and_the_new_one_knows_everybody(
    launcher: subprocess.Popen[str], tmp_path: Path
) -> None:
    wait_for(launcher, "ready")
    first = guard_of(launcher)
    first.kill()
    wait_for(launcher, "The guard of the child processes ended; another one took over.")
    second = guard_of(launcher)

    launcher.kill()

    eventually(lambda: not lives(second))
    assert family_of(tmp_path) == []


def test_a_second_request_to_end_does_not_disturb_the_first(
    launcher: subprocess.Popen[str], tmp_path: Path
) -> None:
    wait_for(launcher, "ready")

    launcher.send_signal(signal.SIGINT)
    launcher.send_signal(signal.SIGTERM)

    assert launcher.communicate(timeout=60)[0] == "stopped by SIGINT\n"
    assert launcher.returncode == 0
    assert family_of(tmp_path) == []
