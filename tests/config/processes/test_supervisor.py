from __future__ import annotations

import dataclasses
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.processes import guard, supervisor
from config.processes.child import (
    INFRASTRUCTURE,
    Child,
    LaunchError,
    Process,
    free_port,
    port_error,
)
from config.processes.supervisor import Supervisor, restart_delay
from tests.config.families import (
    FAMILY,
    POLITE,
    ROOT,
    STUBBORN,
    child,
    eventually,
    lives,
)

pytestmark = pytest.mark.any_database  # processes without a database


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs") as it:
        yield it


# --- stopping -----------------------------------------------------------------------------------


def test_work_ends_before_what_it_leans_on(children: Supervisor, tmp_path: Path) -> None:
    note = """
        import pathlib, signal, sys, time
        def end(*_):
            time.sleep({seconds})
            with pathlib.Path("ends").open("a") as file:
                file.write("{name} ")
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("here I am", flush=True)
        time.sleep(600)
    """
    for name, stage, seconds in [("broker", INFRASTRUCTURE, 0), ("slow", 1, 0.4), ("quick", 1, 0)]:
        code = note.format(name=name, seconds=seconds)
        children.wait_ready(children.start(child(name, code, stage=stage, folder=tmp_path)))

    children.stop()

    assert (tmp_path / "ends").read_text() == "quick slow broker "


def test_who_does_not_obey_is_killed(children: Supervisor) -> None:
    process = children.start(child("stubborn", STUBBORN))
    children.wait_ready(process)
    group = guard.Group(process.pid, stage=1, signal=signal.SIGTERM)

    began = time.monotonic()
    guard.stop_groups([group], timeout=0.3, reap=process.ended)
    children.stop()

    assert 0.3 <= time.monotonic() - began < 2
    assert process.exit_description() == "was killed by SIGKILL"


def test_only_the_leader_of_a_family_is_asked_and_all_of_it_ends(
    children: Supervisor, tmp_path: Path
) -> None:
    son = (
        "import pathlib, signal, time;"
        "signal.signal(signal.SIGTERM, lambda *_: pathlib.Path('asked').touch());"
        "print('here I am', flush=True); time.sleep(600)"
    )
    code = f"""
        import subprocess, sys, time
        subprocess.Popen([sys.executable, '-c', {son!r}])
        time.sleep(600)
    """
    process = children.start(child("family", code, folder=tmp_path))
    children.wait_ready(process)
    tree = psutil.Process(process.pid).children()
    assert len(tree) == 1

    children.stop()

    eventually(lambda: not lives(tree[0]))
    assert not (tmp_path / "asked").exists()


# --- watching -----------------------------------------------------------------------------------


def test_the_dead_start_again_and_their_own_children_do_not_stay_behind(
    children: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    process = children.start(child("family", FAMILY))
    children.wait_ready(process)
    (orphan,) = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    eventually(process.ended)

    children.check()
    assert caplog.messages == [
        f"family: was killed by SIGKILL. Starting again in 1 s; see {process.log}."
    ]
    eventually(lambda: not lives(orphan))
    died = time.monotonic()

    def back() -> bool:
        children.check()
        return children.processes["family"].pid != process.pid

    eventually(back)
    assert time.monotonic() - died > 0.9
    children.wait_ready(children.processes["family"])
    assert children.processes["family"].consecutive_exits == 1


def test_what_runs_once_does_not_start_again(children: Supervisor) -> None:
    once = dataclasses.replace(child("once", "print('done')"), restarts=False)
    process = children.start(once)
    eventually(process.ended)

    children.check()

    assert children.processes["once"] is process
    assert process.restart_at is None


def test_who_is_attended_speaks_on_our_terminal_and_the_others_are_looked_after(
    children: Supervisor,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    polite = children.start(child("polite", POLITE))
    code = """
        import pathlib, sys, time
        while not pathlib.Path('enough').exists(): time.sleep(0.01)
        print('said'); sys.exit(7)
    """
    visitor = child("visitor", code, folder=tmp_path)
    visitor = dataclasses.replace(visitor, restarts=False, terminal=True)
    os.kill(polite.pid, signal.SIGKILL)
    started = children.start

    def start(other: Child) -> Process:
        if other.name == "polite":
            (tmp_path / "enough").touch()
        return started(other)

    monkeypatch.setattr(children, "start", start)
    process = children.run_until_exit(visitor)

    assert process.popen.returncode == 7
    assert capfd.readouterr().out == "said\n"
    assert children.processes["polite"].pid != polite.pid
    assert not (children.logs / "visitor.log").exists()


def test_restarts_wait_longer_and_longer_up_to_ten_seconds() -> None:
    assert [restart_delay(consecutive_exits) for consecutive_exits in range(7)] == [
        1,
        1,
        2,
        4,
        8,
        10,
        10,
    ]


def test_a_child_that_lived_long_starts_again_after_one_second(children: Supervisor) -> None:
    process = children.start(child("polite", POLITE))
    process.consecutive_exits = 5
    process.started -= supervisor.STABLE_AFTER_SECONDS
    process.popen.kill()
    eventually(process.ended)

    children.check()

    assert process.consecutive_exits == 1


# --- starting -----------------------------------------------------------------------------------


def test_a_child_that_ends_before_it_is_ready_is_quoted(children: Supervisor) -> None:
    process = children.start(
        child("web", "import sys; print('first', flush=True); sys.exit('no database')")
    )

    with pytest.raises(LaunchError) as raised:
        children.wait_ready(process)
    assert str(raised.value) == (
        f"web ended before it was ready: exit code 1. The last lines of {process.log}:\n"
        "  first\n  no database"
    )


def test_only_lines_of_this_start_are_quoted(children: Supervisor) -> None:
    for word in ("yesterday", "today"):
        process = children.start(child("web", f"import sys; sys.exit({word!r})"))
        with pytest.raises(LaunchError, match=word):
            children.wait_ready(process)

    assert process.output() == "today\n"
    assert process.log.read_text() == "yesterday\ntoday\n"


def test_a_program_that_is_not_there_is_named(children: Supervisor) -> None:
    with pytest.raises(LaunchError, match="no-such-program: No such file or directory"):
        children.run(Child(name="one-off", argv=["no-such-program"], env={}, cwd=ROOT))


def test_a_command_that_is_run_to_its_end_answers_with_its_output(children: Supervisor) -> None:
    assert children.run(child("one-off", "print('done')")) == "done\n"
    with pytest.raises(LaunchError, match="one-off failed: exit code 4"):
        children.run(child("one-off", "raise SystemExit(4)"))
    assert children.processes == {}


def test_children_lead_sessions_of_their_own_so_that_ctrl_c_passes_them_by(
    children: Supervisor,
) -> None:
    process = children.start(child("polite", POLITE))

    assert os.getsid(process.pid) == process.pid != os.getsid(0)


def test_a_childs_signals_are_not_those_python_ignores(children: Supervisor) -> None:
    """What a server finds ignored at its start it may leave so, and then never hear of it."""
    argv = ["/bin/sh", "-c", "grep SigIgn /proc/self/status"]

    answer = children.run(Child(name="one-off", argv=argv, env={}, cwd=ROOT))

    ignored = int(answer.split()[1], 16)  # a shell in the background adds its own: not ours
    assert not any(ignored >> number - 1 & 1 for number in (signal.SIGPIPE, signal.SIGXFSZ))


# --- showing ------------------------------------------------------------------------------------


def test_logs_are_copied_to_stderr_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Supervisor(tmp_path, show=True) as children:
        children.run(child("one-off", "print('first'); print('second')"))

    assert capsys.readouterr().err == (
        "                 one-off | first\n                 one-off | second\n"
    )


def test_a_grown_log_is_moved_aside_and_goes_on(
    children: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOG_LIMIT_BYTES", 20)
    code = """
        import pathlib, time
        print('here I am, and wordy', flush=True)
        while pathlib.Path('stage').read_text() == 'old': time.sleep(0.01)
        print('new', flush=True)
        time.sleep(600)
    """
    stage = children.logs / "stage"
    stage.write_text("old")
    process = children.start(child("wordy", code, folder=children.logs))
    children.wait_ready(process)

    children.check()
    stage.write_text("new")

    eventually(lambda: process.log.read_text() == "new\n")
    assert process.log.with_suffix(".log.1").read_text() == "here I am, and wordy\n"


# --- ports --------------------------------------------------------------------------------------


def test_a_port_that_is_listened_on_is_not_free() -> None:
    port = free_port()
    assert port_error(port) == ""
    with socket.create_server(("127.0.0.1", port)):
        assert port_error(port) == "Address already in use"
    assert "must be 0-65535" in port_error(70000)


def test_a_port_is_not_given_twice_though_nobody_listens_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as other:
        ports = [one.getsockname()[1], other.getsockname()[1]]
    monkeypatch.setattr(random, "sample", lambda *_: ports)

    assert [free_port(), free_port()] == ports
    with pytest.raises(LaunchError, match="No free port"):
        free_port()
