from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from tests.sandbox.harness import (
    ONE,
    ONE_DISPLAY,
    SECRET,
    TOKEN,
    TWO,
    WABA,
    Receiver,
    SandboxProcess,
    wait_for,
)

RAVI = "+919812345678"


def told(receiver: Receiver, field: str) -> list[dict[str, Any]]:
    """The values of a field, once there are some."""
    values: list[dict[str, Any]] = wait_for(lambda: receiver.values(field))
    return values


def inbound(receiver: Receiver) -> list[dict[str, Any]]:
    """What people wrote; a status of an earlier test may still come in beside it."""
    return [
        message for value in receiver.values("messages") for message in value.get("messages", [])
    ]


def test_a_flagged_number_refuses_and_meta_says_so(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", f"number/{ONE}", {"status": "FLAGGED", "quality": "RED"})
    assert sandbox.send(RAVI).json()["error"]["code"] == 131045
    (value,) = told(receiver, "phone_number_quality_update")  # before another report joins its post
    assert (value["display_phone_number"], value["event"]) == (ONE_DISPLAY, "FLAGGED")
    assert sandbox.send(RAVI, number=TWO).status_code == 200
    (post,) = [p for p in receiver.posts if p.values("phone_number_quality_update")]
    (entry,) = post.json["entry"]
    assert (entry["id"], type(entry["time"])) == (WABA, int)
    assert sandbox.get(ONE, fields="status,quality_rating").json() == {
        "status": "FLAGGED",
        "quality_rating": "RED",
        "id": ONE,
    }
    sandbox.control("POST", f"number/{ONE}", {"status": "CONNECTED"})
    wait_for(lambda: len(receiver.values("phone_number_quality_update")) == 2)
    assert receiver.values("phone_number_quality_update")[1]["event"] == "UNFLAGGED"
    assert sandbox.send(RAVI).status_code == 200


@pytest.mark.parametrize(
    ("status", "code"), [("RESTRICTED", 131031), ("DISCONNECTED", 133010), ("BANNED", 131031)]
)
def test_each_state_has_its_code(sandbox: SandboxProcess, status: str, code: int) -> None:
    sandbox.control("POST", f"number/{ONE}", {"status": status})
    assert sandbox.send(RAVI).json()["error"]["code"] == code
    sandbox.control("POST", f"number/{ONE}", {"status": status, "code": 131005})
    assert sandbox.send(RAVI).json()["error"]["code"] == 131005


def test_an_upgrade_rests_the_number_and_then_raises_its_rate(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(upgrade_s=0.3)
    sandbox.control("POST", f"number/{ONE}", {"throughput": "HIGH"})
    assert sandbox.send(RAVI).json()["error"]["code"] == 131057
    assert told(receiver, "phone_number_quality_update")[0]["event"] == "THROUGHPUT_UPGRADE"
    assert sandbox.send(RAVI).status_code == 200
    assert sandbox.stats()["numbers"][ONE]["rate"] == 1000
    assert sandbox.get(ONE).json()["throughput"] == {"level": "HIGH"}


def test_a_paused_template_and_a_new_category_are_announced(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "template/offer", {"status": "PAUSED"})
    (status,) = told(receiver, "message_template_status_update")
    assert type(status.pop("message_template_id")) is int
    assert status == {
        "event": "PAUSED",
        "message_template_name": "offer",
        "message_template_language": "en-US",
        "reason": "NONE",
        "message_template_category": "MARKETING",
        "other_info": {"title": "FIRST_PAUSE", "description": "Low quality"},
    }
    sandbox.control("POST", "template/daily_update", {"correct_category": "MARKETING"})
    notice = told(receiver, "template_category_update")[0]
    assert (notice["new_category"], notice["correct_category"]) == ("UTILITY", "MARKETING")
    sandbox.control("POST", "template/daily_update", {"category": "MARKETING", "quality": "RED"})
    wait_for(lambda: len(receiver.values("template_category_update")) == 2)
    moved = receiver.values("template_category_update")[1]
    assert (moved["previous_category"], moved["new_category"]) == ("UTILITY", "MARKETING")
    quality = told(receiver, "message_template_quality_update")[0]
    assert (quality["previous_quality_score"], quality["new_quality_score"]) == ("GREEN", "RED")
    sandbox.send(RAVI)
    assert sandbox.journal()[0]["category"] == "MARKETING"


def test_people_write_press_buttons_and_stop(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.control(
        "POST", "inbound", {"from": RAVI, "text": "STOP", "name": "Ravi", "number": TWO}
    )
    button = {"payload": "STOP:1", "text": "Stop"}
    sandbox.control("POST", "inbound", {"from": RAVI, "button": button, "number": TWO})
    wait_for(lambda: len(inbound(receiver)) == 2)
    value = next(v for v in receiver.values("messages") if "messages" in v)
    assert value["metadata"]["phone_number_id"] == TWO
    assert value["contacts"][0]["profile"] == {"name": "Ravi"}
    first, second = inbound(receiver)
    assert (first["from"], first["type"], first["text"]) == (
        *("919812345678", "text", {"body": "STOP"}),
    )
    assert first["id"].startswith("wamid.")
    assert second["button"] == button


def test_a_native_stop_ends_marketing_to_that_person(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "user_preferences", {"wa_id": RAVI, "value": "stop"})
    (value,) = told(receiver, "user_preferences")
    (preference,) = value["user_preferences"]
    assert (preference["wa_id"], preference["value"]) == ("919812345678", "stop")
    assert type(preference["timestamp"]) is int
    name = {"type": "text", "text": "Ravi", "parameter_name": "name"}
    sandbox.send(RAVI, template="offer", language="en_US", parameters=[name])
    sandbox.send(RAVI)
    assert [entry["outcome"] for entry in sandbox.journal()] == ["opted_out", "delivered"]


def test_the_account_loses_its_payment_its_token_its_freedom(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "account", {"payment_ok": False})
    sandbox.send(RAVI)
    assert wait_for(receiver.statuses)[0]["errors"][0]["code"] == 131042
    health = sandbox.get(ONE, fields="health_status").json()["health_status"]
    assert health["can_send_message"] == "BLOCKED"
    assert health["entities"][1]["errors"][0]["error_code"] == 141006
    sandbox.control("POST", "account", {"token_ok": False})
    assert sandbox.send(RAVI).status_code == 401
    sandbox.control("POST", "account", {"token_ok": True, "access_token": "new"})
    assert sandbox.send(RAVI).status_code == 401
    assert sandbox.send(RAVI, token="new").status_code == 200
    sandbox.control("POST", "account", {"restricted": True})
    assert told(receiver, "account_update")[0]["event"] == "ACCOUNT_RESTRICTION"
    assert sandbox.send(RAVI, token="new").json()["error"]["code"] == 368


def test_settings_are_read_changed_and_guarded(sandbox: SandboxProcess) -> None:
    assert sandbox.control("PATCH", "settings", {"read_share": 0.25})["read_share"] == 0.25
    for wrong in ({"read_shar": 1}, {"read_share": 2}, {"read_share": "1"}, {"rate_burst": -1}):
        answer = sandbox.ask("PATCH", "settings", {"latency_p50_ms": 5, **wrong})
        assert answer.status_code == 400
        assert next(iter(wrong)) in answer.json()["error"]
    assert sandbox.control("GET", "settings")["latency_p50_ms"] == 1


def test_clear_brings_the_start_back(sandbox: SandboxProcess) -> None:
    sandbox.settings(latency_p50_ms=5)
    sandbox.control("POST", f"number/{ONE}", {"status": "FLAGGED"})
    sandbox.control("POST", "faults", [{"do": "error"}])
    sandbox.send(RAVI, number=TWO)
    sandbox.control("POST", "clear")
    assert sandbox.control("GET", "settings")["latency_p50_ms"] == 1
    stats = sandbox.stats()
    assert (stats["accepted"], stats["faults"]["active"]) == (0, 0)
    assert stats["numbers"][ONE]["status"] == "CONNECTED"
    assert sandbox.journal() == []


def test_the_handshake_reports_what_the_receiver_said(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    assert receiver.url
    assert sandbox.control("POST", "handshake")["ok"] is True
    sandbox.control("POST", "webhooks", {"verify_token": "other"})
    answer = sandbox.control("POST", "handshake")
    assert (answer["ok"], answer["status"]) == (False, 403)
    sandbox.control("POST", "webhooks", {"url": "http://127.0.0.1:9/"})
    assert sandbox.control("POST", "handshake")["ok"] is False


@pytest.mark.parametrize("kind", ["good", "none", "bad", "upper", "sha1"])
def test_a_body_of_the_callers_own_is_signed_as_ordered(
    sandbox: SandboxProcess, receiver: Receiver, kind: str
) -> None:
    sandbox.control("POST", "webhook", {"body": '{"entry":[]}', "signature": kind})
    wait_for(lambda: receiver.posts)
    headers = receiver.posts[0].headers
    right = hmac.new(SECRET.encode(), b'{"entry":[]}', hashlib.sha256).hexdigest()
    given = headers.get("X-Hub-Signature-256")
    assert (given == f"sha256={right}") is (kind == "good")
    assert (given is None) is (kind in ("none", "sha1"))
    assert receiver.posts[0].body == b'{"entry":[]}'


def test_an_unknown_field_can_be_posted(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.control("POST", "webhook", {"field": "from_the_future", "value": {"a": [1]}})
    assert told(receiver, "from_the_future") == [{"a": [1]}]


@pytest.mark.parametrize(
    ("method", "command", "body", "http"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "number/7", {"status": "FLAGGED"}, 400),
        ("POST", f"number/{ONE}", {"status": "SLEEPY"}, 400),
        ("POST", f"number/{ONE}", {"quality": "HIGH"}, 400),
        ("POST", f"number/{ONE}", {"rates": 1}, 400),
        ("POST", f"number/{ONE}", {"rate": "fast"}, 400),
        ("POST", "template/unknown", {"status": "PAUSED"}, 400),
        ("POST", "template/new", {"components": [{"type": "FOOTER"}]}, 400),
        ("POST", "recipient/919812345678", {"outcome": "happy"}, 400),
        ("POST", "recipient/", {"outcome": "read"}, 400),
        ("POST", "inbound", {"text": "hello"}, 400),
        ("POST", "user_preferences", {"wa_id": RAVI, "value": "perhaps"}, 400),
        ("POST", "account", {"locked": "yes"}, 400),
        ("POST", "webhooks", {"delay_s": "long"}, 400),
        ("POST", "outage", {"seconds": -1}, 400),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    sandbox: SandboxProcess, method: str, command: str, body: Any, http: int
) -> None:
    answer = sandbox.ask(method, command, body)
    assert (answer.status_code, "error" in answer.json()) == (http, True)


def test_no_answer_of_the_control_api_shows_a_secret(sandbox: SandboxProcess) -> None:
    sandbox.send(RAVI, token="wrong")
    for command in ("stats", "settings", "journal", "refusals", "faults"):
        text = sandbox.ask("GET", command).text
        assert TOKEN not in text
        assert SECRET not in text
