"""Child processes for the tests of supervisor and guard, and helpers to observe them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from config.processes.child import Child

ROOT = Path(__file__).resolve().parents[2]
POLITE = "import time; print('here I am', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('here I am', flush=True); time.sleep(600)"
)
# A parent like granian, whose own children know nothing about a launcher.
FAMILY = (
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('here I am', flush=True); time.sleep(600)"
)
LAUNCHER = f"""
import sys, time
from pathlib import Path
from config.processes.child import INFRASTRUCTURE, Child
from config.processes.supervisor import Interrupted, Supervisor, interruptible

def child(name, code, stage=1):
    argv, env = [sys.executable, "-c", code], {{"FAMILY": sys.argv[1]}}
    return Child(name=name, argv=argv, env=env, cwd=Path("/"), stage=stage,
                 ready=lambda process: "here I am" in process.output())

try:
    with interruptible(), Supervisor(Path(sys.argv[1])) as children:
        print("starting", flush=True)
        started = [children.start(child("foundation", {POLITE!r}, INFRASTRUCTURE))]
        started += [children.start(child("family", {FAMILY!r}))]
        started += [children.start(child("polite", {POLITE!r}))]
        children.wait_ready(*started)
        print("ready", flush=True)
        while True:
            children.check()
            time.sleep(0.05)
except Interrupted as reason:
    print(f"stopped by {{reason}}", flush=True)
"""


def child(name: str, code: str, *, stage: int = 1, folder: Path = ROOT) -> Child:
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    return Child(
        name=name,
        argv=argv,
        env={},
        cwd=folder,
        stage=stage,
        ready=lambda process: "here I am" in process.output(),
    )


def eventually(what: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family_of(folder: Path) -> list[psutil.Process]:
    """The running processes whose environment names the launcher of this folder."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FAMILY") == str(folder) and lives(process):
                processes.append(process)
        except psutil.Error:  # it has ended, or belongs to another account
            continue
    return processes


def guard_of(launcher: subprocess.Popen[str]) -> psutil.Process:
    def guards() -> list[psutil.Process]:
        children = psutil.Process(launcher.pid).children()
        return [child for child in children if lives(child) and "watch" in child.cmdline()]

    eventually(lambda: bool(guards()))  # right after its start a process has no command line yet
    return guards()[0]


def wait_for(launcher: subprocess.Popen[str], word: str) -> None:
    assert launcher.stdout is not None
    assert any(line.strip() == word for line in launcher.stdout), f"it never printed {word!r}"
