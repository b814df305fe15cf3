"""A whole day in each scenario; the sandbox's journal is the oracle. `test_demo_serves` has the
normal morning, `.ci/run` the one on PostgreSQL and Redis."""

from __future__ import annotations

import pytest

from tests.flows.days import run_day
from tests.flows.promise import assert_kept_its_promise

pytestmark = [pytest.mark.any_database, pytest.mark.slow]  # on SQLite


def test_a_primary_flagged_in_mid_run(tmp_path, migrated_url):
    day = run_day(tmp_path, migrated_url, 900, incidents="phone_failure")

    assert_kept_its_promise(day, 900)
    flagged, backup = day["per_number"][1], day["per_number"][2]
    assert flagged["quality"] == "FLAGGED"
    assert flagged["sent"] < 450
    assert backup["sent"] > 0
    assert set(day["failures"]) <= {"INVALID_NUMBER"}


def test_throughput_storms_on_a_slow_network(tmp_path, migrated_url):
    day = run_day(
        tmp_path, migrated_url, 900, network="network_latency", incidents="api_rate_limit"
    )

    assert_kept_its_promise(day, 900)
    assert sum(number["rate_limited"] for number in day["per_number"]) > 20
    assert set(day["failures"]) <= {"INVALID_NUMBER"}
