"""The units of docs/systemd: systemd accepts them, and they run what docker-compose.yml runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

pytestmark = pytest.mark.any_database  # files only

ROOT = Path(settings.BASE_DIR)
UNITS = ROOT / "docs" / "systemd"
FILES = sorted(path for path in UNITS.iterdir() if path.is_file())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PYTHON = "/opt/daybreak/.venv/bin/python"
ALWAYS_ON = ("web", "receiver", "worker-mass", "worker-batches", "worker-support", "beat", "keeper")


def text_of(name: str) -> str:
    return (UNITS / f"daybreak-{name}.service").read_text()


def command_of(name: str) -> list[str]:
    (line,) = re.findall(r"^ExecStart=(.*)$", text_of(name), re.M)
    return shlex.split(line)


def test_every_service_of_compose_has_its_unit() -> None:
    watching = {name for name, one in COMPOSE.items() if one.get("profiles") == ["monitoring"]}
    own = COMPOSE.keys() - {"migrate", "sandbox", "postgres", "redis"} - watching
    target = (UNITS / "daybreak.target").read_text()

    assert own == set(ALWAYS_ON)
    wanted = " ".join(re.findall(r"^Wants=(.*)$", target, re.M)).split()
    assert sorted(wanted) == sorted(f"daybreak-{name}.service" for name in ALWAYS_ON)


@pytest.mark.parametrize("name", [*ALWAYS_ON, "migrate"])
def test_a_unit_runs_what_compose_runs(name: str) -> None:
    command = command_of(name)

    inside = [word.replace("0.0.0.0", "127.0.0.1") for word in COMPOSE[name]["command"]]
    assert command == [PYTHON, *inside[1:]]
    threads = re.findall(r"^Environment=(GRANIAN_\w+)=(.*)$", text_of(name), re.M)
    assert threads == [
        pair for pair in COMPOSE[name]["environment"].items() if pair[0].startswith("GRANIAN_")
    ]


@pytest.mark.parametrize("name", [*ALWAYS_ON, "migrate", "check", "backup"])
def test_no_service_has_privileges(name: str) -> None:
    common = (UNITS / "daybreak-.service.d" / "common.conf").read_text()
    own = text_of(name)

    for line in ("User=daybreak", "NoNewPrivileges=true", "CapabilityBoundingSet="):
        assert re.search(rf"^{line}$", common, re.M)
    assert not re.search(r"^(User|NoNewPrivileges|CapabilityBoundingSet|ProtectSystem)=", own, re.M)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_them(tmp_path: Path) -> None:
    shutil.copytree(UNITS, tmp_path / "units")
    for file in (tmp_path / "units").iterdir():
        if file.is_file():
            text = file.read_text().replace("/opt/daybreak/deploy", str(ROOT / "deploy"))
            file.write_text(text.replace(PYTHON, sys.executable))
    names = [file.name for file in FILES]

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        cwd=tmp_path / "units",
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path / 'units'}:/lib/systemd/system"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    ours = [line for line in done.stderr.splitlines() if "daybreak" in line]
    assert (ours, done.returncode) == ([], 0)


def test_the_guide_installs_every_unit() -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text()

    assert "docs/systemd" in guide
    for file in FILES:
        if file.suffix in (".timer", ".target"):
            assert file.name in guide
