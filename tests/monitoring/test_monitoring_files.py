"""The files for Prometheus, Alertmanager and Grafana agree with each other and with the product."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.monitoring.endpoints import COLLECTOR
from distribution.alerts.catalogue import AlertRule
from tests.config.test_compose import SERVICES

pytestmark = pytest.mark.any_database  # files only
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "monitoring"
GRAFANA = FOLDER / "grafana"
RULES = yaml.safe_load((FOLDER / "prometheus/daybreak.rules.yml").read_text())["groups"]
ALL_RULES: list[dict[str, Any]] = [rule for group in RULES for rule in group["rules"]]
ROUTES = yaml.safe_load((FOLDER / "alertmanager/alertmanager.yml").read_text())
BOARDS = {file.stem: json.loads(file.read_text()) for file in GRAFANA.glob("dashboards/*.json")}
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
NOT_OURS = {"database", "server_down", "watchdog"}  # rules that only Prometheus can have
NAME = re.compile(r"daybreak_\w+")


def known() -> set[str]:
    found = {"daybreak_webhook_posts_total"}
    for one in COLLECTOR.types:
        endings = ("_bucket", "_sum", "_count") if one.type == "histogram" else ("",)
        found |= {one.name + ending for ending in endings}
    return found


def anchors() -> set[str]:
    titles = re.findall(r"^#+ (.+)$", RUNBOOK, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_boards_are_as_their_script_writes_them(tmp_path: Path) -> None:
    written = runpy.run_path(str(GRAFANA / "build.py"))
    written["main"](tmp_path)

    fresh = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    assert fresh == BOARDS  # else: python monitoring/grafana/build.py
    assert sorted(fresh) == [
        "daybreak-morning",
        "daybreak-people",
        "daybreak-pool",
        "daybreak-system",
    ]


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_in_indias_time_and_each_panel_has_a_unit_and_its_own_id(name: str) -> None:
    board = BOARDS[name]
    panels = board["panels"]

    assert (board["uid"], board["timezone"]) == (name, "Asia/Kolkata")
    assert [one["type"] for one in board["templating"]["list"]] == ["datasource"]
    assert len({one["id"] for one in panels}) == len(panels)
    assert len({one["title"] for one in panels}) == len(panels)
    corners = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels]
    assert len(set(corners)) == len(panels)
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${source}"
            assert set(NAME.findall(target["expr"])) <= known(), target["expr"]


def test_every_metric_is_on_a_board_or_in_a_rule() -> None:
    asked = [
        target["expr"]
        for board in BOARDS.values()
        for one in board["panels"]
        for target in one["targets"]
    ]
    asked += [rule["expr"] for rule in ALL_RULES]
    used = {name for expr in asked for name in NAME.findall(expr)}

    unused = {name for name in known() if name.removesuffix("_sum").removesuffix("_count") == name}
    assert unused - used == {
        "daybreak_run_planned_timestamp_seconds",
        "daybreak_run_completed_timestamp_seconds",
        "daybreak_sla_target_ratio",
    }


def test_every_rule_asks_for_what_there_is_and_has_its_place_in_the_runbook() -> None:
    rules = {str(rule) for rule in AlertRule}
    for rule in ALL_RULES:
        labels, told = rule["labels"], rule["annotations"]
        assert set(NAME.findall(rule["expr"])) <= known(), rule["alert"]
        assert labels["severity"] in ("critical", "warning", "none", "told")
        assert labels["scope"]
        assert told["summary"]
        page, _, anchor = told["runbook"].partition("#")
        assert page == "docs/runbook.md"
        if "{{" not in anchor:
            assert anchor in anchors(), rule["alert"]
            assert labels["rule"] in rules | NOT_OURS
    assert [group["interval"] for group in RULES] == ["1s", "30s"]
    tested = "".join(file.read_text() for file in (FOLDER / "prometheus").glob("*.test.yml"))
    assert [
        rule["alert"] for rule in ALL_RULES if f"alertname: {rule['alert']}" not in tested
    ] == []


def test_the_runbook_has_an_entry_for_each_alert_rule_and_for_no_other() -> None:
    entries = re.findall(r"^### `(\w+)`\n(.*?)(?=^#|\Z)", RUNBOOK, re.M | re.S)

    assert sorted(name for name, _ in entries) == sorted(str(rule) for rule in AlertRule)
    for name, text in entries:
        rule = AlertRule(name)
        parts = re.findall(r"^- \*\*(.+?)\*\*", text, re.M)
        assert parts == ["Meaning", "Look at", "Do", "Who"], name
        assert ("page" in text.split("**Who**")[1]) == ("CRITICAL" in rule.severities), name


def test_alerts_are_grouped_by_what_they_are_about_and_each_has_a_receiver() -> None:
    route = ROUTES["route"]
    receivers = {one["name"] for one in ROUTES["receivers"]}

    assert route["group_by"] == ["alertname", "scope"]
    assert {one["receiver"] for one in route["routes"]} | {route["receiver"]} == receivers
    assert receivers == {"pagerduty", "slack", "mail", "webhook", "watchdog"}
    secrets = re.findall(r"_(?:key|url|password)(?:_file)?: (\S+)", yaml.safe_dump(ROUTES))
    assert all(one.startswith("/etc/alertmanager/secrets/") for one in secrets)


def test_the_containers_run_the_programs_with_these_files() -> None:
    prometheus = SERVICES["prometheus"]
    scraped = yaml.safe_load((FOLDER / "prometheus/prometheus.yml").read_text())["scrape_configs"]

    assert "--rules.alert.resend-delay=5s" in prometheus["command"]
    hosts = [one["targets"][0].split(":")[0] for one in scraped[0]["static_configs"]]
    assert set(hosts) <= set(SERVICES)
    assert {SERVICES[one]["profiles"][0] for one in ("prometheus", "alertmanager", "grafana")} == {
        "monitoring"
    }
    for name in ("prometheus", "alertmanager", "grafana"):
        for volume in SERVICES[name]["volumes"]:
            if volume.startswith("."):
                assert (ROOT / volume.split(":")[0]).exists(), volume
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_MIN_REFRESH_INTERVAL"] == "1s"


def test_promtool_and_amtool_accept_the_files() -> None:
    missing = [name for name in ("promtool", "amtool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    rules = FOLDER / "prometheus"
    for command in (
        ["promtool", "check", "config", "prometheus.yml"],
        ["promtool", "test", "rules", "fast.test.yml", "slow.test.yml"],
        ["amtool", "check-config", "../alertmanager/alertmanager.yml"],
    ):
        done = subprocess.run(command, cwd=rules, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
