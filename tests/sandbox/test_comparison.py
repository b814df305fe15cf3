"""`/compare` and `template_analytics`: what Meta tells of templates, and when it refuses."""

from __future__ import annotations

import time
from typing import Any

from tests.sandbox.harness import WABA, SandboxProcess

OTHER = "400000000000777"
WEEK = 604_800


def ids(sandbox: SandboxProcess, waba: str = WABA) -> dict[str, str]:
    listed = sandbox.get(f"{waba}/message_templates").json()["data"]
    return {one["name"]: one["id"] for one in listed}


def compare(sandbox: SandboxProcess, one: str, other: str, **query: Any) -> Any:
    end = int(time.time())
    asked = {"template_ids": f"[{other}]", "start": end - WEEK, "end": end, **query}
    return sandbox.get(f"{one}/compare", **asked).json()


def details(answer: Any) -> str:
    assert answer["error"]["code"] == 100
    return str(answer["error"]["error_data"]["details"])


def test_templates_are_compared_from_a_thousand_sends_on_in_exact_windows(
    sandbox: SandboxProcess,
) -> None:
    known = ids(sandbox)
    one, two = known["daily_update"], known["offer"]
    history = {"days_ago": 3, "reason": "no_sign_up"}
    sandbox.control(
        "POST", "template_history/daily_update", {"sent": 1500, "blocked": 60, **history}
    )
    sandbox.control("POST", "template_history/offer", {"sent": 999, **history})
    sandbox.control("POST", "template_history/offer", {"sent": 1, "days_ago": 20})
    sandbox.control("POST", f"waba/{OTHER}", {"templates": ["elsewhere:en:2"]})

    end = int(time.time())
    assert "less than 1000" in details(compare(sandbox, one, two))  # 999 in seven days
    assert "exactly 7, 30" in details(compare(sandbox, one, two, start=end - WEEK + 1, end=end))
    assert "end now" in details(compare(sandbox, one, two, start=end - 2 * WEEK, end=end - WEEK))
    elsewhere = ids(sandbox, OTHER)["elsewhere"]
    assert "same WhatsApp Business Account" in details(compare(sandbox, one, elsewhere))
    assert "itself" in details(compare(sandbox, one, one))
    assert "exactly one" in details(compare(sandbox, one, two, template_ids=f"[{one},{two}]"))

    answer = compare(sandbox, two, one, start=end - 30 * 86_400, end=end)["data"]
    assert [part["metric"] for part in answer] == [
        "BLOCK_RATE",
        "MESSAGE_SENDS",
        "TOP_BLOCK_REASON",
    ]
    assert answer[0]["order_by_relative_metric"] == [two, one]
    assert {part["key"]: part["value"] for part in answer[1]["number_values"]} == {
        one: 1500,
        two: 1000,
    }
    assert {"key": one, "value": "NO_SIGN_UP"} in answer[2]["string_values"]

    sandbox.control("POST", "template/offer", {"status": "PAUSED"})
    assert "not approved" in details(compare(sandbox, one, two, start=end - 30 * 86_400, end=end))
    for _ in range(2):
        compare(sandbox, one, two)
    assert compare(sandbox, one, two)["error"]["code"] == 80007  # the eleventh in an hour


def test_the_analytics_count_by_day_once_they_are_enabled(sandbox: SandboxProcess) -> None:
    name = ids(sandbox)["daily_update"]
    sums = {"sent": 40, "delivered": 30, "read": 20}
    sandbox.control("POST", "template_history/daily_update", {**sums, "days_ago": 2})
    end = int(time.time())
    asked = {"start": end - WEEK, "end": end, "template_ids": f"[{name}]"}

    refused = sandbox.get(f"{WABA}/template_analytics", **asked)
    assert refused.json()["error"]["code"] == 200007
    sandbox.call("POST", f"{WABA}?is_enabled_for_insights=true")
    assert sandbox.send("+919812345678").status_code == 200

    local = {"use_waba_timezone": "true"}
    answer = sandbox.get(f"{WABA}/template_analytics", **asked, **local).json()
    points = answer["data"][0]["data_points"]
    assert [point["sent"] for point in points] == [40, 1]
    assert points[0]["read"] == 20
    assert (points[0]["start"] + 19_800) % 86_400 == 0  # midnight in India
    for wrong in (
        {"template_ids": "[1]"},
        {"start": end},
        {"start": 1},
        {"metric_types": "BLOCKS"},
    ):
        answer = sandbox.get(f"{WABA}/template_analytics", **{**asked, **wrong})
        assert answer.json()["error"]["code"] == 100
