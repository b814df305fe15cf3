from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.harness import ONE, ONE_DISPLAY, TOKEN, TWO, WABA, SandboxProcess, message

RAVI = "+919812345678"
TEXT = {"type": "text", "text": "x"}


def error(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


def without(key: str) -> dict[str, Any]:
    body = message(RAVI)
    del body[key]
    return body


def with_parameters(*parameters: dict[str, Any]) -> dict[str, Any]:
    return message(RAVI, parameters=list(parameters))


REFUSED = [
    ("no_json", b"{", 400, 100),
    ("a_list", [], 400, 100),
    ("product_missing", without("messaging_product"), 400, 100),
    ("to_missing", without("to"), 400, 100),
    ("to_is_a_word", message("Ravi"), 400, 131009),
    ("to_is_too_short", message("+123"), 400, 131009),
    ("to_is_too_long", message("+1234567890123456"), 400, 131009),
    ("to_is_a_number", message(RAVI) | {"to": 919812345678}, 400, 100),
    ("to_is_the_sender", message("+" + ONE_DISPLAY), 400, 131021),
    ("unknown_type", message(RAVI) | {"type": "poll"}, 400, 131051),
    ("template_missing", without("template"), 400, 131008),
    ("opaque_too_long", message(RAVI, opaque="x" * 513), 400, 131009),
    ("template_unknown", message(RAVI, template="other"), 404, 132001),
    ("language_unknown", message(RAVI, language="en_US"), 404, 132001),
    ("one_parameter_short", with_parameters(TEXT), 400, 132000),
    ("parameter_of_wrong_kind", with_parameters(TEXT, {"type": "image"}), 400, 132012),
    ("parameter_named", with_parameters(TEXT, TEXT | {"parameter_name": "b"}), 400, 132012),
    ("parameter_empty", with_parameters(TEXT, {"type": "text", "text": ""}), 400, 131008),
    ("line_break", with_parameters(TEXT, {"type": "text", "text": "a\nb"}), 400, 132018),
    ("five_spaces", with_parameters(TEXT, {"type": "text", "text": "a     b"}), 400, 132018),
    ("too_long", with_parameters(TEXT, {"type": "text", "text": "a" * 1100}), 400, 132005),
]


@pytest.mark.parametrize(
    ("body", "http", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_wrong_message_is_refused_with_its_code_and_never_journaled(
    sandbox: SandboxProcess, body: Any, http: int, code: int
) -> None:
    assert error(sandbox.post(body)) == (http, code)
    assert sandbox.journal() == []
    assert sandbox.stats()["numbers"][ONE]["refused"] == {str(code): 1}


def test_the_first_rule_that_fails_speaks(sandbox: SandboxProcess) -> None:
    """Everything is wrong at first; each step mends what was complained about."""
    sandbox.settings(rate_burst=0, pair_burst=1)
    sandbox.control("POST", f"number/{ONE}", {"status": "DISCONNECTED", "rate": 1})
    sandbox.control("POST", "account", {"locked": True})
    body: Any = message("Ravi", template="paused", parameters=[])
    del body["messaging_product"]

    assert error(sandbox.post(body, number="7", token="wrong")) == (401, 190)
    assert error(sandbox.post(body, number="7")) == (400, 100)
    assert sandbox.post(body, number="7").json()["error"]["error_subcode"] == 33
    assert "messaging_product" in sandbox.post(body).json()["error"]["error_data"]["details"]
    body["messaging_product"] = "whatsapp"
    assert error(sandbox.post(body)) == (400, 131009)
    body["to"] = RAVI
    assert error(sandbox.post(body)) == (400, 133010)
    sandbox.control("POST", f"number/{ONE}", {"status": "CONNECTED"})
    assert error(sandbox.post(body)) == (403, 131031)
    sandbox.control("POST", "account", {"locked": False, "restricted": True})
    assert error(sandbox.post(body)) == (403, 368)
    sandbox.control("POST", "account", {"restricted": False})
    assert error(sandbox.post(body)) == (404, 132001)
    assert error(sandbox.post(body)) == (400, 130429)
    sandbox.control("POST", f"number/{ONE}", {"rate": 500})
    assert error(sandbox.post(body)) == (400, 131056)
    sandbox.settings(pair_burst=45)
    components = [{"type": "BODY", "text": "Good morning {{1}}, hello."}]
    sandbox.control("POST", "template/paused", {"components": components})
    sandbox.control("POST", "template/paused", {"status": "PAUSED"})
    assert error(sandbox.post(body)) == (400, 132015)
    sandbox.control("POST", "template/paused", {"status": "DISABLED"})
    assert error(sandbox.post(body)) == (400, 132016)
    sandbox.control("POST", "template/paused", {"status": "APPROVED"})
    assert error(sandbox.post(body)) == (400, 132000)
    assert sandbox.journal() == []


def test_an_accepted_message_is_answered_and_journaled(sandbox: SandboxProcess) -> None:
    answer = sandbox.send("+91 (98123) 45-678", opaque="run:1/attempt:2")
    assert answer.status_code == 200
    assert answer.headers["facebook-api-version"] == "v25.0"
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert len(answer.headers["x-fb-trace-id"]) == 23
    body = answer.json()
    wamid = body["messages"][0]["id"]
    assert wamid.startswith("wamid.HBgM")
    assert body == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+91 (98123) 45-678", "wa_id": "919812345678"}],
        "messages": [{"id": wamid, "message_status": "accepted"}],
    }
    (entry,) = sandbox.journal()
    arrived, accepted = entry.pop("arrived_at"), entry.pop("accepted_at")
    assert arrived <= accepted < arrived + 1
    assert entry == {
        "seq": entry["seq"],
        "phone_number_id": ONE,
        "to": "919812345678",
        "biz_opaque_callback_data": "run:1/attempt:2",
        "wamid": wamid,
        "template": "daily_update",
        "language": "en",
        "category": "UTILITY",
        "parameters": ["Ravi", "नमस्ते a/b"],
        "outcome": "delivered",
    }


def test_a_recipient_without_plus_gets_the_senders_country_code(sandbox: SandboxProcess) -> None:
    """The documented rule: whoever forgets the plus writes to somebody else."""
    answer = sandbox.send("9812345678")
    assert answer.json()["contacts"] == [{"input": "9812345678", "wa_id": "919812345678"}]
    sandbox.settings(prepend_country_code=False)
    assert sandbox.send("919812345678").json()["contacts"][0]["wa_id"] == "919812345678"


def test_a_missing_token_is_answered_as_set(sandbox: SandboxProcess) -> None:
    assert error(sandbox.send(RAVI, token=None)) == (401, 190)
    sandbox.settings(missing_token_code=104)
    assert error(sandbox.send(RAVI, token=None)) == (400, 104)


def test_the_error_body_has_metas_form(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", f"number/{ONE}", {"rate": 0})
    sandbox.settings(rate_burst=0)
    answer = sandbox.send(RAVI)
    body = answer.json()["error"]
    assert answer.headers["x-fb-trace-id"] == body.pop("fbtrace_id")
    assert body == {
        "message": "(#130429) Rate limit hit",
        "type": "OAuthException",
        "code": 130429,
        "error_data": {
            "messaging_product": "whatsapp",
            "details": "Cloud API message throughput has been reached.",
        },
    }
    unknown = sandbox.send(RAVI, number="7").json()["error"]
    assert (unknown["type"], unknown["code"], unknown["error_subcode"]) == (
        *("GraphMethodException", 100, 33),
    )


def test_a_named_parameter_may_come_in_any_order(sandbox: SandboxProcess) -> None:
    name = {"type": "text", "text": "Ravi", "parameter_name": "name"}
    good = {"template": "offer", "language": "en_US"}
    assert sandbox.send(RAVI, parameters=[name], **good).status_code == 200
    assert sandbox.journal()[0]["category"] == "MARKETING"
    wrong = sandbox.send(RAVI, parameters=[name | {"parameter_name": "other"}], **good)
    assert error(wrong) == (400, 132012)


def test_a_header_and_a_button_are_checked(sandbox: SandboxProcess) -> None:
    button = {"type": "URL", "text": "Open", "url": "https://example.org/{{1}}"}
    components = [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Good morning, all."},
        {"type": "BUTTONS", "buttons": [button]},
    ]
    sandbox.control("POST", "template/picture", {"components": components})
    image = {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://a/b"}}]}
    video = {"type": "header", "parameters": [{"type": "video", "video": {"link": "https://a/b"}}]}
    link = {"type": "button", "sub_type": "url", "index": "0", "parameters": [TEXT]}

    def send(*parts: dict[str, Any]) -> Any:
        body = message(RAVI, template="picture")
        body["template"]["components"] = list(parts)
        return sandbox.post(body)

    assert error(send(link)) == (400, 132012)
    assert error(send(video, link)) == (400, 132012)
    assert error(send(image)) == (400, 131008)
    lost = {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]}
    assert error(send(lost, link)) == (400, 100)
    assert send(image, link).status_code == 200


def test_free_text_outside_an_open_conversation_fails_by_webhook(sandbox: SandboxProcess) -> None:
    text = {"messaging_product": "whatsapp", "to": RAVI, "type": "text", "text": {"body": "hi"}}
    assert "message_status" not in sandbox.post(text).json()["messages"][0]
    sandbox.control("POST", "inbound", {"from": RAVI, "text": "hello"})
    sandbox.post(text)
    assert [entry["outcome"] for entry in sandbox.journal()] == ["window_closed", "delivered"]


def test_a_user_id_may_stand_for_the_phone_number(sandbox: SandboxProcess) -> None:
    body = message("")
    body["recipient"] = "IN.13491208655302741918"
    answer = sandbox.post(body).json()
    assert answer["contacts"] == [{"input": body["recipient"], "user_id": body["recipient"]}]
    body["recipient"] = 'IN.1"},{"'
    assert error(sandbox.post(body)) == (400, 131009)


def test_marking_as_read_succeeds(sandbox: SandboxProcess) -> None:
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}
    assert sandbox.post(body).json() == {"success": True}
    assert sandbox.journal() == []


def test_every_answer_names_the_version_that_was_asked(sandbox: SandboxProcess) -> None:
    url = f"{sandbox.url}/v19.0/{TWO}/messages"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = sandbox.session.post(url, data=json.dumps(message(RAVI)), headers=headers, timeout=5)
    assert (answer.status_code, answer.headers["facebook-api-version"]) == (200, "v19.0")
    assert error(sandbox.get(f"{WABA}/nothing")) == (400, 100)
