"""`pytest -p tests.days_ahead --days-ahead 400`: the suite as it will run on a later day.

It finds tests that compare a fixed date with the real clock: they pass until a period such as 7 or
30 days is over. Processes that a test starts keep the real clock, so tests that compare times with
them fail here: CONTRIBUTING.md names them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--days-ahead", type=float, default=400.0, help="days to be ahead of today")


def pytest_configure(config: pytest.Config) -> None:
    later = datetime.now(UTC) + timedelta(days=config.getoption("days_ahead"))
    clock = time_machine.travel(later, tick=True)
    clock.start()
    config.add_cleanup(clock.stop)
