"""The whole way of an alert: a broken number, the keeper's figures, Prometheus, Alertmanager."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
import requests

from config.demo.preparation import POOL
from distribution.models import Alert
from tests.faults.conftest import FOUND
from tests.faults.monitors import MONITORING, Monitors, need_binaries, watching

pytestmark = pytest.mark.slow
PEOPLE = 2000
FIRST = POOL[0]
ALERT = "DaybreakNumberLost"
BOARDS = sorted((MONITORING / "grafana/dashboards").glob("*.json"))


@pytest.fixture(scope="module")
def house(build):
    need_binaries()
    return build(PEOPLE, without=("worker-distribution-retry",))


def queries() -> list[str]:
    panels = [panel for board in BOARDS for panel in json.loads(board.read_text())["panels"]]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def empty(monitors: Monitors) -> list[str]:
    """Queries without a single series: there is something to see for every panel."""
    return [query for query in queries() if not monitors.ask(query)]


def test_a_broken_number_is_told_within_ten_seconds_and_taken_back(
    house, tmp_path, record_property
):
    stack = house.stack
    with watching(tmp_path / "monitors", stack.web_port) as monitors:
        morning = house.open()
        morning.wait_accepted(300)
        stack.wait(lambda: bool(monitors.ask("daybreak_run_sending == 1")), "it is scraped", 20)
        assert monitors.sink.when(ALERT, "firing", "pagerduty") is None

        # Every call of one number is refused, as if Meta had a fault.
        began = time.monotonic()
        stack.cloud.faults(
            {
                "match": {"number": FIRST.meta_id},
                "do": "error",
                "code": 131016,
                "status": 503,
                "for_seconds": 60,
            }
        )
        stack.wait(lambda: bool(monitors.sink.when(ALERT, "firing", "pagerduty")), "it is told", 20)
        took = (monitors.sink.when(ALERT, "firing", "pagerduty") or 0.0) - began
        own = Alert.objects.filter(rule="number_breaker").latest("opened_at")
        assert monitors.ask('daybreak_alerts_open{rule="number_breaker"} == 1')
        assert own.closed_at is None

        stack.cloud.clear_faults()
        stack.wait(
            lambda: bool(monitors.sink.when(ALERT, "resolved", "pagerduty")), "it is taken back", 60
        )
        stack.wait(lambda: closed(own), "our own is closed, too", 20)

        stack.wait(lambda: not empty(monitors), f"no panel is empty: {empty(monitors)}", 40)
        page = requests.get(monitors.page, timeout=5).text
        series = len(monitors.ask('{__name__=~"daybreak_.*"}'))
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=page, capture_output=True, text=True
        )

    record_property(FOUND, f"told after {took:.1f} s, {series} series")
    assert took <= 10
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, "", "")
    assert series < 1000
    assert monitors.sink.when("DaybreakWatchdog", "firing", "watchdog")
    assert monitors.sink.when("DaybreakOwnAlert", "firing", "slack")
    assert not {"DaybreakDatabaseSilent", "DaybreakServerDown", "DaybreakAbsent"} & {
        alert["labels"]["alertname"]
        for _, _, message in monitors.sink.received
        for alert in message["alerts"]
    }


def closed(alert: Alert) -> bool:
    alert.refresh_from_db()
    return alert.closed_at is not None
