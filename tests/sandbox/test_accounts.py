"""Several accounts and portfolios under one token, and what Meta tells about each of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.harness import ONE, WABA, Receiver, SandboxProcess, start, wait_for

RAVI = "+919812345678"
OTHER = "400000000000777"
OTHER_PORTFOLIO = "500000000000777"
THREE = "100000000000003"
NAME = "daily_update"


def entries(receiver: Receiver, field: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Id, time and value of every entry about a field."""
    found = [entry for post in list(receiver.posts) for entry in post.json["entry"]]
    return [
        (entry["id"], entry.get("time", 0), change["value"])
        for entry in found
        for change in entry["changes"]
        if change["field"] == field
    ]


def told(receiver: Receiver, field: str, many: int = 1) -> list[tuple[str, int, dict[str, Any]]]:
    """All entries about a field, once there are so many."""
    wait_for(lambda: len(entries(receiver, field)) >= many)
    return entries(receiver, field)


@pytest.fixture
def two(sandbox: SandboxProcess) -> SandboxProcess:
    """A second account in a portfolio of its own, with a template of the same name."""
    parts = {"numbers": [f"{THREE}:+919800000003:500"], "templates": [f"{NAME}:en:2"]}
    sandbox.control("POST", f"waba/{OTHER}", {"portfolio": OTHER_PORTFOLIO, **parts})
    return sandbox


def test_two_accounts_have_numbers_templates_and_portfolios_of_their_own(
    two: SandboxProcess, receiver: Receiver
) -> None:
    assert [n["id"] for n in two.get(f"{OTHER}/phone_numbers").json()["data"]] == [THREE]
    ours, theirs = (two.get(f"{w}/message_templates").json()["data"] for w in (WABA, OTHER))
    assert [t["name"] for t in theirs] == [NAME]
    assert theirs[0]["id"] not in [t["id"] for t in ours]
    owner = two.get(OTHER, fields="owner_business_info").json()["owner_business_info"]
    assert owner["id"] == OTHER_PORTFOLIO
    assert two.send(RAVI, number=THREE).status_code == 200
    name = [{"type": "text", "text": "x", "parameter_name": "name"}]
    offer = {"template": "offer", "language": "en_US", "parameters": name}
    assert two.send(RAVI, number=THREE, **offer).json()["error"]["code"] == 132001
    wait_for(receiver.statuses)
    assert {entry["id"] for post in receiver.posts for entry in post.json["entry"]} == {OTHER}


def test_accounts_can_be_given_at_start() -> None:
    other = start(
        *("--waba", f"{OTHER}:{OTHER_PORTFOLIO}"),
        *("--number", f"{THREE}:+919800000003:500:GREEN@{OTHER}"),
        *("--template", f"{NAME}:hi:1:UTILITY@{OTHER}"),
    )
    try:
        assert other.get(f"{OTHER}/phone_numbers", fields="id").json()["data"] == [{"id": THREE}]
        listed = other.get(f"{OTHER}/message_templates", fields="language").json()["data"]
        assert [template["language"] for template in listed] == ["hi"]
    finally:
        assert other.stop() == 0


def test_a_template_of_another_account_pauses_there_only(
    two: SandboxProcess, receiver: Receiver
) -> None:
    """Case A1: the same name, another entry.id and another template id."""
    (paused,) = two.control("POST", f"template/{NAME}", {"waba": OTHER, "status": "PAUSED"})[
        "changed"
    ]
    ((account, _, value),) = told(receiver, "message_template_status_update")
    assert (account, value["message_template_id"]) == (OTHER, int(paused))
    assert value["message_template_name"] == NAME
    assert two.send(RAVI).status_code == 200
    assert two.send(RAVI, number=THREE).json()["error"]["code"] == 132015


def test_a_restriction_a_limit_and_a_review_stay_in_their_account(
    two: SandboxProcess, receiver: Receiver
) -> None:
    two.control("POST", f"account/{OTHER}", {"restricted": True})
    assert told(receiver, "account_update")[0][0] == OTHER
    assert two.send(RAVI, number=THREE).json()["error"]["code"] == 368
    two.control("POST", f"account/{OTHER}", {"restricted": False})
    two.control("POST", f"portfolio/{OTHER_PORTFOLIO}", {"limit": 1})
    assert told(receiver, "business_capability_update")[0][0] == OTHER
    for person in (RAVI, "+919811111111"):
        two.send(person)
        two.send(person, number=THREE)
    outcomes = [entry["outcome"] for entry in two.journal()]
    assert outcomes == ["delivered", "delivered", "delivered", "limited"]
    two.control("POST", f"pacing/{OTHER_PORTFOLIO}", {"review": True})
    assert two.send(RAVI, number=THREE).json()["error"]["code"] == 368
    assert two.send(RAVI).status_code == 200


def test_any_event_of_any_account_can_be_posted(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    value = {"event": "PARTNER_REMOVED", "waba_info": {"waba_id": "999", "owner_business_id": "7"}}
    event = {"field": "account_update", "value": value, "entry_id": "888", "time": 1_700_000_000}
    sandbox.control("POST", "webhook", event)
    assert told(receiver, "account_update") == [("888", 1_700_000_000, value)]


def test_an_older_notice_comes_after_a_newer_one_and_changes_nothing(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    """Case A17: only entry.time tells them apart."""
    sandbox.control("POST", f"template/{NAME}", {"quality": "RED"})
    sandbox.control("POST", f"template/{NAME}", {"quality": "GREEN", "age_s": 3600})
    first, second = told(receiver, "message_template_quality_update", 2)
    assert (first[2]["new_quality_score"], second[2]["new_quality_score"]) == ("RED", "GREEN")
    assert 3595 < first[1] - second[1] <= 3605
    (template,) = sandbox.get(
        f"{WABA}/message_templates", name=NAME, fields="quality_score"
    ).json()["data"]
    assert template["quality_score"]["score"] == "RED"
    sandbox.control("POST", "portfolio", {"limit": 100_000})
    sandbox.control("POST", "portfolio", {"limit": 2000, "age_s": 172_800})
    newer, older = told(receiver, "business_capability_update", 2)
    assert newer[1] - older[1] > 172_000
    shown = sandbox.get(ONE, fields="whatsapp_business_manager_messaging_limit").json()
    assert shown["whatsapp_business_manager_messaging_limit"] == "TIER_100K"


@pytest.mark.parametrize("limit", [2000, -1, "TIER_2K", "UNLIMITED", "UNTIERED"])
def test_a_limit_is_told_in_every_form(
    sandbox: SandboxProcess, receiver: Receiver, limit: Any
) -> None:
    sandbox.control("POST", "portfolio", {"told": limit, "shown": str(limit)})
    ((_, _, value),) = told(receiver, "business_capability_update")
    assert value["max_daily_conversations_per_business"] == limit
    shown = sandbox.get(ONE, fields="whatsapp_business_manager_messaging_limit").json()
    assert shown["whatsapp_business_manager_messaging_limit"] == str(limit)


def test_a_restriction_ends_by_itself_and_an_unban_lifts_one(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    """Case A20: the event of the lifting has the same name as that of the restriction."""
    sandbox.control("POST", "account", {"restricted": True, "expires_in_s": 0.5})
    assert sandbox.send(RAVI).json()["error"]["code"] == 368
    ((_, time, value),) = told(receiver, "account_update")
    (restriction,) = value["restriction_info"]
    assert restriction["restriction_type"] == "RESTRICTED_BIZ_INITIATED_MESSAGING"
    assert time <= restriction["expiration"] <= time + 1
    wait_for(lambda: sandbox.send(RAVI).status_code == 200)
    lifted = {"restricted": False, "violation": "UTILITY_TEMPLATE_ABUSE_UNBAN"}
    sandbox.control("POST", "account", lifted)
    value = told(receiver, "account_update", 2)[1][2]
    assert value == {
        "event": "ACCOUNT_RESTRICTION",
        "violation_info": {"violation_type": "UTILITY_TEMPLATE_ABUSE_UNBAN"},
    }


def test_misclassification_climbs_its_ladder(sandbox: SandboxProcess, receiver: Receiver) -> None:
    def step(name: str, **more: Any) -> None:
        sandbox.control("POST", "misclassification", {"step": name, **more})

    step("warning")
    step("rate_limit", limit=1)
    assert sandbox.send(RAVI).status_code == 200
    assert sandbox.send(RAVI).json()["error"]["code"] == 131064
    step("recovery")
    assert sandbox.send(RAVI).status_code == 200
    step("recategorise")
    sandbox.send(RAVI)
    assert sandbox.journal()[-1]["category"] == "MARKETING"
    step("unban")
    values = [value for _, _, value in told(receiver, "account_update", 5)]
    abuse = "UTILITY_TEMPLATE_ABUSE"
    assert [(v["event"], v["violation_info"]["violation_type"]) for v in values] == [
        ("ACCOUNT_VIOLATION", abuse),
        ("ACCOUNT_RESTRICTION", f"{abuse}_RATE_LIMIT"),
        ("ACCOUNT_RESTRICTION", f"{abuse}_RATE_LIMIT_RECOVERY"),
        ("ACCOUNT_RESTRICTION", abuse),
        ("ACCOUNT_RESTRICTION", f"{abuse}_UNBAN"),
    ]
    kinds = [v["restriction_info"][0]["restriction_type"] for v in (values[1], values[3])]
    assert kinds == ["RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING", "RESTRICTED_UTILITY_TEMPLATES"]
    assert values[1]["restriction_info"][0]["expiration"] > 6 * 86_400
    assert told(receiver, "template_category_update")[0][2]["new_category"] == "MARKETING"


def test_the_tier_event_comes_twice(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.control("POST", "pricing_tier", {"tier": "25000001:50000000"})
    infos = [value["volume_tier_info"] for _, _, value in told(receiver, "account_update", 2)]
    assert infos[0]["tier_update_time"] < infos[1]["tier_update_time"]
    assert infos[0] | {"tier_update_time": 0} == infos[1] | {"tier_update_time": 0}


def test_the_same_error_of_a_number_comes_twice(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    """Case A19: no id, no time: byte for byte the same."""
    error = {"code": 131031, "details": "Locked.", "times": 2, "every_s": 0.2}
    sandbox.control("POST", "system_error", error)
    first, second = wait_for(lambda: len(receiver.posts) == 2 and receiver.posts)
    assert first.body == second.body
    (value,) = first.values("messages")
    assert value["metadata"]["phone_number_id"] == ONE
    assert value["errors"][0]["code"] == 131031
    assert value["errors"][0]["error_data"] == {"details": "Locked."}


def test_a_cursor_goes_stale_once(sandbox: SandboxProcess) -> None:
    """Case G9: the list begins again without one."""
    path, page = f"{WABA}/message_templates", {"limit": 1}
    after = sandbox.get(path, **page).json()["paging"]["cursors"]["after"]
    sandbox.control("POST", "template_list", {"stale_cursors": 1})
    stale = sandbox.get(path, after=after, **page)
    assert (stale.status_code, stale.json()["error"]["code"]) == (400, 131059)
    assert len(sandbox.get(path, **page).json()["data"]) == 1
    assert sandbox.get(path, after=after, **page).status_code == 200
    assert sandbox.get(path, after="nonsense").json()["error"]["code"] == 131059


def test_calls_are_counted_by_account(two: SandboxProcess) -> None:
    two.settings(management_calls_per_hour=1)
    assert [two.get(ONE).status_code for _ in range(2)] == [200, 400]
    usage = two.get(WABA).headers["X-Business-Use-Case-Usage"]
    assert json.loads(usage)[WABA][0]["estimated_time_to_regain_access"] == 60  # minutes
    assert two.get(THREE).status_code == 200


def test_without_a_payment_method_an_account_has_no_funding(sandbox: SandboxProcess) -> None:
    assert "primary_funding_id" in sandbox.get(WABA, fields="primary_funding_id").json()
    sandbox.control("POST", "account", {"payment_ok": False})
    assert sandbox.get(WABA, fields="primary_funding_id").json() == {"id": WABA}


def test_a_template_deleted_at_meta_is_listed_no_more(sandbox: SandboxProcess) -> None:
    sandbox.control("DELETE", f"template/{NAME}", {})
    listed = sandbox.get(f"{WABA}/message_templates").json()["data"]
    assert [template["name"] for template in listed] == ["offer"]
    assert sandbox.send(RAVI).json()["error"]["code"] == 132001


def test_a_numbers_colour_changes_without_a_webhook(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", f"number/{ONE}", {"quality": "RED"})
    sandbox.control("POST", f"number/{ONE}", {"status": "FLAGGED", "silent": True})
    sandbox.control("POST", f"template/{NAME}", {"status": "PAUSED", "silent": True})
    assert sandbox.get(ONE, fields="quality_rating").json()["quality_rating"] == "RED"
    assert sandbox.stats()["webhooks"]["planned"] == {}
    assert receiver.posts == []


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("template/daily_update", {"waba": "7", "status": "PAUSED"}),
        ("account/7", {"locked": True}),
        ("portfolio/7", {"limit": 1}),
        ("waba/seven", {}),
        ("waba/7", {"numbers": ["x"]}),
        ("misclassification", {"step": "off"}),
        ("media/7", {}),
    ],
)
def test_what_names_nothing_is_refused(
    sandbox: SandboxProcess, command: str, body: dict[str, Any]
) -> None:
    assert sandbox.ask("POST", command, body).status_code == 400
