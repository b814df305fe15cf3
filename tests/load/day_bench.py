"""A whole day, again and again: utilisation, lateness, CPU and statements a message.

    python tests/load/day_bench.py [--runs 3] [--subscribers 2000] [--scenario …] [--services]

Prints each run and the medians. CPU is user + system of every process but the sandbox,
children included, from the trigger to the end; statements are those of web and workers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import sleep
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from config.demo import environment  # noqa: E402

FIGURES = (
    "pool_utilisation",
    "dispatch_seconds",
    "first_send_lateness_seconds",
    "cpu_ms_per_message",
    "statements_per_message",
    "peak_per_second",
    "rate_limited",
    "missed",
    "duplicates",
)


def run(options: argparse.Namespace) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    counts, var_dir = folder / "statements", folder / "var"  # a fresh house empties its own
    counts.mkdir()
    env = {"STATEMENTS_DIR": str(counts), "DJANGO_SETTINGS_MODULE": "tests.load.counting_settings"}
    report = folder / "report.json"
    try:
        with environment.launch(
            var_dir, options.scenario, seed=options.seed, services=options.services, env=env
        ) as house:
            code = environment.run_day(
                house,
                options.scenario,
                subscribers=options.subscribers,
                seed=options.seed,
                report=str(report),
                serve=False,
            )
            sleep(0.5)
            statements = counted(counts)
        found: dict[str, Any] = json.loads(report.read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["exit"] = code
    found["statements_per_message"] = round(statements / max(1, found["accepted"]), 3)
    found["peak_per_second"] = max(n["peak_per_second"] for n in found["per_number"])
    found["rate_limited"] = sum(n["rate_limited"] for n in found["per_number"])
    return found


def counted(folder: Path) -> int:
    """Statements of the web and worker processes."""
    total = 0
    for file in folder.iterdir():
        number, _, argv = file.read_text().partition(" ")
        if "granian" in argv or " worker " in f"{argv} ":
            total += int(number)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--subscribers", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", default="normal_load")
    parser.add_argument("--services", action="store_true")
    options = parser.parse_args()
    runs = []
    for number in range(options.runs):
        runs.append(run(options))
        last = runs[-1]
        print(f"run {number + 1}: " + ", ".join(f"{key} {last[key]}" for key in FIGURES))
        print(f"  cpu {last['cpu_seconds']}, exit {last['exit']}")
    print(f"median of {len(runs)}, {runs[0]['database']}, {options.scenario}:")
    for key in FIGURES:
        print(f"  {key:28} {median(one[key] for one in runs)}")
    return max(one["exit"] for one in runs)


if __name__ == "__main__":
    sys.exit(main())
