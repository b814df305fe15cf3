from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.__main__ import command_line, main, options_from
from tests.sandbox.harness import ROOT, start, wait_for

pytestmark = pytest.mark.any_database  # the sandbox has no database


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_even_with_calls_under_way(number: signal.Signals) -> None:
    sandbox = start(settings={"latency_p50_ms": 60_000, "latency_max_ms": 60_000})
    with pytest.raises(Exception, match="timed out"):
        sandbox.send("+919812345678", timeout=0.2)
    sandbox.process.send_signal(number)
    assert sandbox.process.wait(30) == 0
    assert sandbox.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    parent = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'sandbox', '--port', '0',"
        " '--die-with-parent'], stdout=subprocess.PIPE, text=True)\n"
        "child.stdout.readline()\n"
        f"pathlib.Path({str(told)!r}).write_text(str(child.pid) + ' ')\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT)
    wait_for(lambda: told.exists() and told.read_text().endswith(" "))
    child = int(told.read_text())
    process.kill()
    process.wait(30)

    def gone() -> bool:
        stat = Path(f"/proc/{child}/stat")
        return not stat.exists() or stat.read_text().split()[2] == "Z"

    try:
        wait_for(gone)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--number", "1:2"], "is not ID:DISPLAY:RATE"),
        (["--number", "1:91980000:0"], "rate"),
        (["--number", "1:91980000:80:HIGH"], "quality"),
        (["--template", "daily"], "is not NAME:LANGUAGE:BODYPARAMS"),
        (["--template", "daily:en:2:NEWS"], "category"),
        (["--settings", '{"latency": 1}'], "no setting called latency"),
        (["--settings", "[]"], "No such file"),
        (["--profile", "slow"], "invalid choice"),
    ],
)
def test_nonsense_is_refused_at_start(
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["sandbox", "--port", "0", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert complaint in said.err
    assert said.out == ""


def test_settings_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"read_share": 0.125}')
    options = options_from(command_line().parse_args(["--settings", str(file)]))
    assert options.overrides == {"read_share": 0.125}
    assert options.profile == "fast"


def test_it_needs_no_django() -> None:
    check = "import sys, sandbox.__main__; assert 'django' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True, timeout=60)


def test_the_management_command_becomes_the_sandbox(tmp_path: Path) -> None:
    """The same process number, from any folder, arguments untouched."""
    command = [sys.executable, str(ROOT / "manage.py"), "sandbox", "--port", "0", "--seed", "7"]
    env = {**os.environ, "DAYBREAK_VAR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox listening on http://127.0.0.1:")
    commandline = Path(f"/proc/{process.pid}/cmdline")
    if commandline.exists():
        assert commandline.read_bytes().split(b"\0")[1:4] == [b"-m", b"sandbox", b"--port"]
    process.terminate()
    process.stdout.close()
    assert process.wait(30) == 0
