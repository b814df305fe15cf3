"""What is only read: message templates, phone numbers; and alerts, which somebody looks after."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert
from tests.api.tokens import a_program
from tests.builders import a_number, a_template, a_user
from tests.distribution.staff import a_member

pytestmark = pytest.mark.django_db
TEMPLATES = "/api/distribution/templates"
NUMBERS = "/api/distribution/numbers"
ALERTS = "/api/queue/alerts"


def read(address: str) -> Any:
    answer = a_program("read").get(address)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def an_alert(rule: str) -> Alert:
    now = timezone.now()
    incidents.raise_alert(AlertRule(rule), message=f"{rule}!", now=now)
    return Alert.objects.get(rule=rule, closed_at=None)


def rules(query: str = "") -> list[str]:
    return [row["rule"] for row in read(f"{ALERTS}?{query}")["results"]]


def test_message_templates_are_found_by_name_and_status() -> None:
    paused = a_template(name="morning", status="PAUSED", components=[{"type": "BODY"}])
    a_template(name="morning", language="hi")
    a_template(name="evening")

    assert len(read(TEMPLATES)["results"]) == 3
    (row,) = read(f"{TEMPLATES}?name=morning&status=PAUSED")["results"]
    assert (row["id"], row["components"]) == (paused.pk, [{"type": "BODY"}])
    assert read(f"{TEMPLATES}/{paused.pk}") == row
    assert a_program("read").get(f"{TEMPLATES}/999999").status_code == 404


def test_a_phone_number_tells_what_it_may_do_and_what_holds_it_back() -> None:
    until = timezone.now() + timedelta(minutes=1)
    resting = a_number(
        label="west", state="RESTING", state_reason="130429", rest_until=until, rate_per_second=80
    )
    a_number(label="east", quality="MEDIUM", day=timezone.localdate(), day_count=7)

    first, second = read(NUMBERS)["results"]
    assert (first["label"], first["state"], first["rate_limit"]) == ("west", "RESTING", 80)
    assert "130429" in first["words"]
    assert (second["rate_now"], second["sent_today"], second["daily_limit"]) == (50.0, 7, 10_000)
    assert read(f"{NUMBERS}?state=ACTIVE")["results"] == [second]
    assert read(f"{NUMBERS}/{resting.pk}")["label"] == "west"


def test_alerts_are_the_active_ones_unless_told() -> None:
    for rule in ("keeper_silent", "tick_silent", "clock_set_back"):
        an_alert(rule)
    incidents.close_alert(AlertRule.KEEPER_SILENT, now=timezone.now())
    incidents.acknowledge([an_alert("tick_silent").pk], by=a_user().pk, now=timezone.now())

    assert rules() == ["clock_set_back", "tick_silent"]
    assert rules("state=open") == ["clock_set_back"]
    assert rules("state=acknowledged") == ["tick_silent"]
    assert rules("state=closed") == ["keeper_silent"]
    assert a_program("read").get(f"{ALERTS}?state=lost").status_code == 400


def test_an_alert_is_acknowledged_once_and_the_log_knows_by_whom() -> None:
    alert, user = an_alert("keeper_silent"), a_member("Operator", "asha")
    program = a_program("admin", user=user)

    for _ in range(2):
        answer = program.post(f"{ALERTS}/{alert.pk}/acknowledge")
        assert answer.status_code == 200
        assert (answer.json()["state"], answer.json()["acknowledged_by"]) == (
            "acknowledged",
            "asha",
        )
    assert LogEntry.objects.filter(user=user, object_id=str(alert.pk)).count() == 1

    incidents.close_alert(AlertRule.KEEPER_SILENT, now=timezone.now())
    assert program.post(f"{ALERTS}/{alert.pk}/acknowledge").status_code == 200
    over = an_alert("tick_silent")
    incidents.close_alert(AlertRule.TICK_SILENT, now=timezone.now())
    assert program.post(f"{ALERTS}/{over.pk}/acknowledge").json()["code"] == "alert_closed"


def test_several_alerts_are_acknowledged_by_one_post() -> None:
    ids = [an_alert(rule).pk for rule in ("keeper_silent", "tick_silent")]
    program = a_program("admin")

    assert program.post(ALERTS, {"ids": [*ids, 999_999]}).json() == {"acknowledged": 2}
    assert program.post(ALERTS, {"ids": ids}).json() == {"acknowledged": 0}
    assert program.post(ALERTS, {"ids": ["1"]}).json()["errors"][0]["field"] == "ids.0"
