"""The whole way of an alert: a fault, the keeper's figures, Prometheus, Alertmanager, a sink."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

import pytest
import requests
from django.utils import timezone

from config.demo.preparation import POOL
from distribution.lifecycle import control
from distribution.metrics.keeping import SLOW_PAUSE_MAX
from distribution.models import Alert, Distribution
from tests.faults.conftest import FOUND
from tests.faults.monitors import MONITORING, Monitors, need_binaries, watching

pytestmark = pytest.mark.slow
PEOPLE = 2000
FIRST = POOL[0]
CALLS = 12  # more than there are threads
REFUSED = {401, 429}  # an unknown token, or too many of them
BOARDS = sorted((MONITORING / "grafana/dashboards").glob("*.json"))


@pytest.fixture(scope="module")
def house(build):
    need_binaries()
    return build(PEOPLE, proxied=("meta", "postgres"), without=("worker-distribution-analytics",))


@pytest.fixture(scope="module")
def monitors(house, tmp_path_factory):
    with watching(tmp_path_factory.mktemp("monitors") / "data", house.stack.web_port) as running:
        yield running


def queries() -> list[str]:
    panels = [panel for board in BOARDS for panel in json.loads(board.read_text())["panels"]]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def empty(monitors: Monitors) -> list[str]:
    """Queries without a single series: there is something to see for every panel."""
    return [query for query in queries() if not monitors.ask(query)]


def told(house, monitors: Monitors, alert: str, *, since: float, status: str = "firing") -> float:
    """Seconds from `since` until PagerDuty would have got it."""

    def when() -> float | None:
        return monitors.sink.when(alert, status, "pagerduty", since)

    house.stack.wait(lambda: bool(when()), f"{alert} is {status}", 60)
    return (when() or 0.0) - since


def own(rule: str) -> Alert | None:
    return Alert.objects.filter(rule=rule, closed_at=None).first()


def own_seconds(house, rule: str, *, since: datetime) -> float:
    """Seconds until our own alert is open; below zero: it was."""
    house.stack.wait(lambda: own(rule) is not None, f"{rule} is raised", 30)
    alert = own(rule)
    assert alert is not None
    return (alert.opened_at - since).total_seconds()


def call_api(house, pool: ThreadPoolExecutor) -> list[Future[int]]:
    """What those are answered who come at once with an unknown token, which takes a query."""
    url = f"http://127.0.0.1:{house.stack.web_port}/api/distribution/status"

    def call(_: int) -> int:
        return requests.get(url, headers={"Authorization": "Bearer dbk_x"}, timeout=90).status_code

    return [pool.submit(call, number) for number in range(CALLS)]


def begin(house, monitors: Monitors, accepted: int):
    for running in Distribution.objects.running():
        control.cancel(running.pk, reason="the next test", now=timezone.now())
    morning = house.open()
    morning.wait_accepted(accepted)
    house.stack.wait(lambda: bool(monitors.ask("daybreak_run_sending == 1")), "it is scraped", 20)
    return morning


def test_a_broken_number_is_told_within_ten_seconds_and_taken_back(
    house, monitors, record_property
):
    begin(house, monitors, 300)

    # Every call of one number is refused, as if Meta had a fault.
    fault = {"do": "error", "code": 131016, "status": 503, "for_seconds": 60}
    began, moment = time.monotonic(), timezone.now()
    house.stack.cloud.faults({"match": {"number": FIRST.meta_id}, **fault})
    took = told(house, monitors, "DaybreakNumberLost", since=began)
    ours = own_seconds(house, "number_breaker", since=moment)
    record_property(FOUND, f"a number lost: told after {took:.1f} s, our own after {ours:.1f} s")

    healed = time.monotonic()
    house.stack.cloud.clear_faults()
    told(house, monitors, "DaybreakNumberLost", since=healed, status="resolved")
    house.stack.wait(lambda: own("number_breaker") is None, "our own is closed, too", 20)
    house.stack.wait(lambda: not empty(monitors), "no panel is empty", 2 * SLOW_PAUSE_MAX)
    page = requests.get(monitors.page, timeout=5).text
    series = len(monitors.ask('{__name__=~"daybreak_.*"}'))
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True
    )

    assert took <= 10
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, "", "")
    assert series < 1000
    assert monitors.sink.when("DaybreakWatchdog", "firing", "watchdog")
    assert monitors.sink.when("DaybreakOwnAlert", "firing", "slack")
    for other in ("DaybreakDatabaseSilent", "DaybreakServerDown", "DaybreakAbsent"):
        assert monitors.sink.when(other, "firing", "pagerduty") is None


def test_a_complete_stop_is_told_by_both_while_there_is_time(house, monitors, record_property):
    begin(house, monitors, 300)

    began, moment = time.monotonic(), timezone.now()
    house.stack.proxies["meta"].refuse()
    took = told(house, monitors, "DaybreakStalled", since=began)
    ours = own_seconds(house, "sla_at_risk", since=moment)
    record_property(FOUND, f"a complete stop: told after {took:.1f} s, our own {ours:.1f} s")
    house.stack.proxies["meta"].mend()
    told(house, monitors, "DaybreakStalled", since=began, status="resolved")

    assert took <= 17  # stopped at ten seconds: by second 27


def test_a_frozen_database_is_told_and_the_page_answers_within_a_second(
    house, monitors, record_property
):
    house.stack.proxies["postgres"].freeze()
    began = time.monotonic()
    page = requests.get(monitors.page, timeout=5).text
    waited = time.monotonic() - began
    took = told(house, monitors, "DaybreakDatabaseSilent", since=began)
    house.stack.proxies["postgres"].mend()
    record_property(FOUND, f"a frozen database: page in {waited:.2f} s, told after {took:.1f} s")

    assert "daybreak_database_up 0.0" in page
    assert waited < 1.5  # one second, on a busy machine
    assert took <= 10
    told(house, monitors, "DaybreakDatabaseSilent", since=began, status="resolved")


def test_pages_that_hang_in_a_frozen_database_leave_a_thread_for_prometheus(house, monitors):
    with ThreadPoolExecutor(CALLS) as pool:
        for call in call_api(house, pool):  # each thread has its connection now
            assert call.result() in REFUSED
        house.stack.proxies["postgres"].freeze()
        calls = call_api(house, pool)
        wait(calls, 60, FIRST_COMPLETED)
        try:
            page = requests.get(monitors.page, timeout=30).text
        finally:
            house.stack.proxies["postgres"].mend()
        answers = {call.result() for call in calls}

    assert "daybreak_database_up 0.0" in page
    assert 503 in answers <= {*REFUSED, 503}
