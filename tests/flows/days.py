"""A whole day of real processes against the sandbox, on a database that is migrated already."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from config.demo import environment
from config.processes.launcher import Launcher


def run_day(
    folder: Path,
    database_url: str,
    subscribers: int,
    *,
    network: str = "normal_load",
    incidents: str = "normal_load",
    env: Mapping[str, str] | None = None,
    meanwhile: Callable[[Launcher], AbstractContextManager[Any]] = nullcontext,
) -> dict[str, Any]:
    """The demo's report of the day. `network`, `incidents`: the scenarios that these are of."""
    report = folder / "report.json"
    with (
        environment.launch(
            folder / "var",
            network,
            seed=1,
            services=False,
            env={"DATABASE_URL": database_url, **(env or {})},
        ) as launcher,
        meanwhile(launcher),
    ):
        code = environment.run_day(
            launcher, incidents, subscribers=subscribers, seed=1, report=str(report), serve=False
        )
    day: dict[str, Any] = json.loads(report.read_text())
    assert code == 0, day
    return day
