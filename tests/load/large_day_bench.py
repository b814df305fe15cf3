"""A day of many people on PostgreSQL with three fast numbers: is every report applied in the end?

    python tests/load/large_day_bench.py [--subscribers 200000] [--rate 1000]

Runs `manage.py demo --services` and reads what is left: webhooks not applied, deliveries without a
report although the sandbox sent one, timeouts and deadlocks in PostgreSQL's log. The exit code is
0 only if all of them are none. 200,000 people take about five minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from watched_run import TROUBLES, environment, left_over, troubles

APPLY_SECONDS = 120.0  # after the end, for the last reports


def run(subscribers: int, rate: int) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    folder.chmod(0o711)
    report = folder / "report.json"
    try:
        with environment.launch(
            folder / "var", "normal_load", seed=1, services=True, rate=rate
        ) as launcher:
            code = environment.run_day(
                launcher,
                "normal_load",
                subscribers=subscribers,
                seed=1,
                report=str(report),
                serve=False,
                rate=rate,
            )
            left = left_over(launcher.env["DATABASE_URL"], APPLY_SECONDS)
            log = (launcher.logs / "postgres.log").read_text("utf-8", "replace")
        figures: dict[str, Any] = json.loads(report.read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "exit": code,
        **figures,
        **_cpu(figures),
        **left,
        **troubles(log),
    }


def _cpu(figures: dict[str, Any]) -> dict[str, Any]:
    """Per message and process in ms; and all but the sandbox as a multiple of the sandbox, which
    does the same in each run: it shows how busy the machine was."""
    spent, accepted = figures["cpu_seconds"], max(1, figures["accepted"])
    sandbox = spent.get("sandbox", 0.0)
    ours = sum(spent.values()) - sandbox
    return {
        "cpu_ms_of": {name: round(1000 * used / accepted, 3) for name, used in spent.items()},
        "cpu_to_sandbox": round(ours / sandbox, 2) if sandbox else None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=200_000)
    parser.add_argument("--rate", type=int, default=1000)
    options = parser.parse_args()
    found = run(options.subscribers, options.rate)
    shown = ("exit", "accepted", "missed", "duplicates", "dispatch_seconds", "cpu_ms_per_message")
    shown += ("cpu_ms_of", "cpu_to_sandbox", "first_send_lateness_seconds")
    shown += ("webhooks_pending", "webhooks_dead", "without_report", "delivered_rows", *TROUBLES)
    for name in shown:
        print(f"{name:24} {found[name]}")
    bad = ("missed", "duplicates", "webhooks_pending", "webhooks_dead", "without_report")
    return int(any(found[name] for name in (*bad, *TROUBLES[1:])))


if __name__ == "__main__":
    sys.exit(main())
