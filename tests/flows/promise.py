"""What every day must have kept, by the demo's report: `python -m tests.flows.promise REPORT
SUBSCRIBERS DATABASE`, for `.ci/run`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def assert_kept_its_promise(day: dict[str, Any], subscribers: int) -> None:
    assert (day["missed"], day["duplicates"], day["strangers"]) == (0, 0, 0)
    assert (day["unknown"], day["unconfirmed"], day["skipped"]) == (0, 0, 0)
    assert day["recipients"] == subscribers
    assert day["accepted"] + day["skipped"] >= subscribers - day["failed"]
    assert sum(number["sent"] for number in day["per_number"]) == day["accepted"]
    assert day["state"] == "COMPLETED"
    assert day["sla_met"] is True


def main(report: str, subscribers: str, database: str) -> None:
    day = json.loads(Path(report).read_text())
    assert_kept_its_promise(day, int(subscribers))
    assert day["database"] == database


if __name__ == "__main__":
    main(*sys.argv[1:])
