"""Children of a supervisor, launchers with families, and ways to look after them."""

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
# A parent like granian or Celery's prefork, whose own children know nothing of a launcher.
FAMILY = (
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('here I am', flush=True); time.sleep(600)"
)
LAUNCHER = f"""
import sys, time
from pathlib import Path
from config.processes.child import FOUNDATION, Child
from config.processes.supervisor import Interrupted, Supervisor, interruptible

def child(name, code, stage=1):
    argv, env = [sys.executable, "-c", code], {{"FAMILY": sys.argv[1]}}
    return Child(name=name, argv=argv, env=env, cwd=Path("/"), stage=stage,
                 ready=lambda process: "here I am" in process.output())

try:
    with interruptible(), Supervisor(Path(sys.argv[1])) as children:
        print("starting", flush=True)
        started = [children.start(child("foundation", {POLITE!r}, FOUNDATION))]
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
    """Everybody alive whose environment says that they belong to the launcher of this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FAMILY") == str(folder) and lives(process):
                found.append(process)
        except psutil.Error:  # gone, dead or somebody else's
            continue
    return found


def guard_of(launcher: subprocess.Popen[str]) -> psutil.Process:
    def guards() -> list[psutil.Process]:
        children = psutil.Process(launcher.pid).children()
        return [one for one in children if lives(one) and "watch" in one.cmdline()]

    eventually(lambda: bool(guards()))  # who has just been started has no words yet for a moment
    return guards()[0]


def wait_for(launcher: subprocess.Popen[str], word: str) -> None:
    assert launcher.stdout is not None
    assert any(line.strip() == word for line in launcher.stdout), f"it never said {word!r}"
