"""A whole day in each scenario; the sandbox's journal is the oracle. `test_demo_serves` has the
normal morning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.any_database  # each says which database it is on

ROOT = Path(__file__).resolve().parents[2]


def run_day(tmp_path: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    report = tmp_path / "report.json"
    command = [sys.executable, "manage.py", "demo", "--report", str(report), *arguments]
    env = {
        **{k: v for k, v in os.environ.items() if not k.endswith(("DATABASE_URL", "REDIS_URL"))},
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DAYBREAK_VAR": str(tmp_path / "var"),
        **environment,
    }
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    found: dict[str, Any] = json.loads(report.read_text())
    return {**found, "stdout": done.stdout, "stderr": done.stderr}


def assert_kept_its_promise(day: dict[str, Any], subscribers: int) -> None:
    assert (day["missed"], day["duplicates"], day["strangers"]) == (0, 0, 0)
    assert (day["unknown"], day["unconfirmed"], day["skipped"]) == (0, 0, 0)
    assert day["recipients"] == subscribers
    assert day["accepted"] + day["skipped"] >= subscribers - day["failed"]
    assert sum(number["sent"] for number in day["per_number"]) == day["accepted"]
    assert day["state"] == "COMPLETED"
    assert day["sla_met"] is True


@pytest.mark.slow
def test_a_primary_flagged_in_mid_run(tmp_path):
    day = run_day(tmp_path, "--subscribers", "900", "--scenario", "phone_failure")

    assert_kept_its_promise(day, 900)
    flagged, backup = day["per_number"][1], day["per_number"][2]
    assert flagged["quality"] == "FLAGGED"
    assert flagged["sent"] < 450
    assert backup["sent"] > 0
    assert set(day["failures"]) <= {"INVALID_NUMBER"}


@pytest.mark.slow
def test_throughput_storms(tmp_path):
    day = run_day(tmp_path, "--subscribers", "900", "--scenario", "api_rate_limit")

    assert_kept_its_promise(day, 900)
    assert sum(number["rate_limited"] for number in day["per_number"]) > 20
    assert set(day["failures"]) <= {"INVALID_NUMBER"}


@pytest.mark.slow
def test_a_slow_network(tmp_path):
    day = run_day(tmp_path, "--subscribers", "900", "--scenario", "network_latency")

    assert_kept_its_promise(day, 900)


@pytest.mark.slow
@pytest.mark.services
def test_a_normal_morning_on_postgresql(tmp_path, postgres_url):
    day = run_day(tmp_path, "--subscribers", "300", "--services")

    assert_kept_its_promise(day, 300)
    assert day["database"] == "postgresql"
