"""The capacity plan's completion time against the actual one, with a number lost before the start.

    python tests/load/plan_bench.py [--runs 10] [--subscribers 2000] [--scenario number_lost]

Each run is a whole demo with a seed of its own. Fails if a run differs by more than the larger of
10 % and 2 s.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from config.demo import environment  # noqa: E402

SHARE, SECONDS = 0.1, 2.0  # allowed


def run(options: argparse.Namespace, seed: int) -> tuple[float, float]:
    """Planned and actual seconds from the start to the last acceptance."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-plan-"))
    report = folder / "report.json"
    try:
        with environment.launch(
            folder / "var", options.scenario, seed=seed, services=options.services
        ) as house:
            environment.run_day(
                house,
                options.scenario,
                subscribers=options.subscribers,
                seed=seed,
                report=str(report),
                serve=False,
            )
        found = json.loads(report.read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found["planned_seconds"], found["completion_seconds"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--subscribers", type=int, default=2000)
    parser.add_argument("--scenario", default="number_lost")
    parser.add_argument("--services", action="store_true")
    options = parser.parse_args()
    errors, beyond = [], 0
    for seed in range(1, options.runs + 1):
        planned, actual = run(options, seed)
        errors.append(planned - actual)
        within = abs(planned - actual) <= max(SHARE * actual, SECONDS)
        beyond += not within
        print(
            f"run {seed}: planned {planned:.2f} s, actual {actual:.2f} s, "
            f"difference {planned - actual:+.2f} s{'' if within else ', TOO FAR'}",
            flush=True,
        )
    print(f"median difference {median(errors):+.2f} s, largest {max(errors, key=abs):+.2f} s")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
