"""Every shape of a message template, and what Meta answers to a send that does not fit (case B34).

HTTP status, code and the beginning of `error_data.details` are those of the platform reference.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.harness import ONE, TOKEN, TWO, Receiver, SandboxProcess, message, wait_for

RAVI = "+919812345678"
BODY = {"type": "BODY", "text": "Good morning, all."}
TEXT = {"type": "text", "text": "x"}
NAMED = {**TEXT, "parameter_name": "city"}
PICTURE = {"type": "image", "image": {"link": "https://a/b"}}
PLACE = {"type": "location", "location": {"latitude": "19.1", "longitude": "72.9", "name": "BSE"}}
PAYLOAD = {"type": "payload", "payload": "STOP:1"}
COUPON = {"type": "coupon_code", "coupon_code": "SAVE25"}
CARD = {"components": [{"type": "HEADER", "format": "IMAGE"}, BODY]}
EXPIRES = {"limited_time_offer": {"text": "Soon over", "has_expiration": True}}
END = {
    "type": "limited_time_offer",
    "limited_time_offer": {"expiration_time_ms": 1_800_000_000_000},
}


def header(format_: str = "TEXT", text: str = "") -> dict[str, Any]:
    return {"type": "HEADER", "format": format_, "text": text}


def buttons(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(entries)}


def url(variable: str = "{{1}}") -> dict[str, Any]:
    return {"type": "URL", "text": "Open", "url": f"https://example.org/{variable}"}


REPLY = {"type": "QUICK_REPLY", "text": "Stop"}
PHONE = {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+919800000001"}
COPY = {"type": "COPY_CODE", "example": "SAVE25"}
OTP = {"type": "OTP", "otp_type": "COPY_CODE"}
TEMPLATES: dict[str, list[dict[str, Any]]] = {
    "plain": [BODY],
    "two": [{"type": "BODY", "text": "Good {{1}} to {{2}}, dear."}],
    "named": [header(text="News from {{city}}"), {"type": "BODY", "text": "It is {{city}} now."}],
    "headline": [header(text="News of {{1}}"), BODY],
    "fixed_headline": [header(text="News"), BODY],
    "image": [header("IMAGE"), BODY],
    "video": [header("VIDEO"), BODY],
    "document": [header("DOCUMENT"), BODY],
    "location": [header("LOCATION"), BODY],
    "link": [BODY, buttons(url())],
    "fixed_link": [BODY, buttons(url("today"))],
    "reply": [BODY, buttons(REPLY, url())],
    "phone": [BODY, buttons(PHONE)],
    "copy": [BODY, buttons(COPY)],
    "otp": [BODY, buttons(OTP)],
    "catalog": [BODY, buttons({"type": "CATALOG", "text": "Shop"})],
    "mpm": [BODY, buttons({"type": "MPM", "text": "Shop"})],
    "flow": [BODY, buttons({"type": "FLOW", "text": "Ask"})],
    "carousel": [BODY, {"type": "CAROUSEL", "cards": [CARD, CARD]}],
    "offer": [BODY, {"type": "LIMITED_TIME_OFFER", **EXPIRES}],
}


def of(kind: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": list(parameters), **more}


def button(sub_type: str, index: object, *parameters: dict[str, Any]) -> dict[str, Any]:
    return of("button", *parameters, sub_type=sub_type, index=index)


def card(*components: dict[str, Any]) -> dict[str, Any]:
    return {"card_index": 0, "components": list(components)}


ACCEPTED = [
    ("plain", []),
    ("plain", None),
    ("two", [of("body", TEXT, TEXT)]),
    ("two", [of("BODY", TEXT, TEXT)]),
    ("named", [of("header", NAMED), of("body", NAMED)]),
    ("headline", [of("header", TEXT)]),
    ("fixed_headline", []),
    ("image", [of("header", PICTURE)]),
    ("video", [of("header", {"type": "video", "video": {"link": "https://a/b"}})]),
    ("document", [of("header", {"type": "document", "document": {"link": "https://a/b"}})]),
    ("location", [of("header", PLACE)]),
    ("link", [button("url", "0", TEXT)]),
    ("link", [button("URL", 0, TEXT)]),
    ("fixed_link", []),
    ("fixed_link", [button("url", "0")]),
    ("reply", [button("url", "1", TEXT)]),
    ("reply", [button("url", "1", TEXT), button("quick_reply", "0")]),
    (
        "reply",
        [
            button("quick_reply", "0", {"type": "payload", "payload": "STOP:1"}),
            button("url", "1", TEXT),
        ],
    ),
    ("phone", []),
    ("copy", [button("copy_code", "0", COUPON)]),
    ("otp", [button("url", "0", TEXT)]),
    ("catalog", []),
    ("mpm", [button("mpm", "0", {"type": "action", "action": {"sections": []}})]),
    ("flow", [button("flow", "0", {"type": "action", "action": {"flow_token": "t"}})]),
    ("carousel", [{"type": "carousel", "cards": [card(of("header", PICTURE))] * 2}]),
    ("offer", [of("limited_time_offer", END)]),
]
PARTS = "Param template['components']"
NEEDED = "number of localizable_params"
UNFIT = "header: Format mismatch, expected"
AT_0 = "buttons: Button at index 0"
REFUSED = [
    # counts
    ("two", [], 132000, f"body: {NEEDED} (0) does not match the expected number of params (2)"),
    ("two", [of("body", TEXT)], 132000, f"body: {NEEDED} (1)"),
    ("two", [of("body", TEXT, TEXT, TEXT)], 132000, f"body: {NEEDED} (3)"),
    ("plain", [of("body", TEXT)], 132000, f"body: {NEEDED} (1)"),
    ("headline", [], 132000, f"header: {NEEDED} (0)"),
    ("fixed_headline", [of("header", TEXT)], 132000, f"header: {NEEDED} (1)"),
    # names
    ("named", [of("header", TEXT), of("body", NAMED)], 132012, "header: "),
    ("named", [of("header", NAMED), of("body", TEXT)], 132012, "body: "),
    ("headline", [of("header", NAMED)], 132012, "header: "),
    # texts
    (
        "two",
        [of("body", TEXT, PICTURE)],
        132012,
        "body: Format mismatch, expected TEXT, received",
    ),
    ("two", [of("body", TEXT, {"type": "text"})], 131008, "body: parameter 2"),
    ("two", [of("body", TEXT, {"type": "text", "text": "a\tb"})], 132018, "body: Param text"),
    ("headline", [of("header", {"type": "text", "text": "a\nb"})], 132018, "header: Param text"),
    ("headline", [of("header", {"type": "text", "text": "a" * 60})], 132005, "header: "),
    # headers
    ("plain", [of("header", TEXT)], 132018, "header: Template does not contain title component"),
    ("plain", [of("header")], 132018, "header: Template does not contain title component"),
    ("image", [], 132012, f"{UNFIT} IMAGE, received UNKNOWN"),
    ("image", [of("header", TEXT)], 132012, f"{UNFIT} IMAGE, received TEXT"),
    ("video", [of("header", PICTURE)], 132012, f"{UNFIT} VIDEO, received IMAGE"),
    ("document", [], 132012, f"{UNFIT} DOCUMENT, received UNKNOWN"),
    ("location", [], 132012, f"{UNFIT} LOCATION, received UNKNOWN"),
    ("location", [of("header", {"type": "location", "location": {}})], 131008, "header: location"),
    ("headline", [of("header", PICTURE)], 132012, f"{UNFIT} TEXT, received IMAGE"),
    ("image", [of("header", {"type": "image", "image": {}})], 132018, "header: image"),
    ("image", [of("header", {"type": "image"})], 132018, "header: image"),
    ("image", [of("header", PICTURE, PICTURE)], 132018, "header: "),
    # buttons
    ("link", [], 131008, f"{AT_0} of type Url requires a parameter"),
    ("link", [button("url", "0")], 131008, f"{AT_0} of type Url requires a parameter"),
    ("link", [button("url", "0", {"type": "text"})], 131008, f"{AT_0} of type Url requires"),
    ("link", [button("url", "0", COUPON)], 132012, f"{AT_0} of type Url: Format mismatch"),
    ("link", [button("url", "0", TEXT, TEXT)], 132018, f"{AT_0} of type Url"),
    ("link", [button("url", "0", {"type": "text", "text": "a\nb"})], 132018, f"{AT_0} of type Url"),
    ("link", [button("url", "-1", TEXT)], 131009, "buttons: Template has no button at index -1"),
    ("link", [button("url", "9" * 5000, TEXT)], 131009, "buttons: index"),
    ("link", [button("url", "0", TEXT)] * 2, 132018, f"{AT_0} is given more than once"),
    ("link", [button("quick_reply", "0", TEXT)], 132018, f"{AT_0} must be of type Url"),
    ("link", [button("url", "1", TEXT)], 131009, "buttons: Template has no button at index 1"),
    ("link", [button("url", "first", TEXT)], 131009, "buttons: index"),
    ("link", [of("button", TEXT, sub_type="url")], 131008, "buttons: index is required"),
    ("link", [of("button", TEXT, index="0")], 131008, "buttons: sub_type is required"),
    ("link", [button("phone_number", "0", TEXT)], 100, PARTS),
    ("link", [button("buy", "0", TEXT)], 100, PARTS),
    ("fixed_link", [button("url", "0", TEXT)], 132018, f"{AT_0} of type Url does not require"),
    ("reply", [button("url", "0", TEXT)], 132018, f"{AT_0} must be of type QuickReply"),
    ("reply", [], 131008, "buttons: Button at index 1 of type Url requires a parameter"),
    ("phone", [button("url", "0", TEXT)], 132018, f"{AT_0} must be of type PhoneNumber"),
    ("phone", [button("phone_number", "0")], 100, PARTS),
    ("plain", [button("url", "0", TEXT)], 132018, "buttons: Template does not contain buttons"),
    ("copy", [], 131008, f"{AT_0} of type CopyCode requires a parameter"),
    ("copy", [button("copy_code", "0", TEXT)], 132012, f"{AT_0} of type CopyCode"),
    ("otp", [], 131008, f"{AT_0} of type Otp requires a parameter"),
    ("otp", [button("copy_code", "0", COUPON)], 132018, f"{AT_0} must be of type Url"),
    ("mpm", [], 131008, f"{AT_0} of type Mpm requires a parameter"),
    # other components
    ("carousel", [], 132012, "carousel: Format mismatch"),
    ("carousel", [{"type": "carousel", "cards": [card()]}], 132000, "carousel: number of cards"),
    ("carousel", [{"type": "carousel", "cards": [card()] * 2}], 132012, f"{UNFIT} IMAGE"),
    ("plain", [{"type": "carousel", "cards": []}], 132018, "carousel: "),
    ("offer", [], 131008, "limited_time_offer: "),
    ("plain", [of("limited_time_offer", END)], 132018, "limited_time_offer: "),
    ("plain", [of("footer", TEXT)], 132018, "footer: "),
    # what is no component
    ("plain", "x", 100, PARTS),
    ("plain", {"type": "body"}, 100, PARTS),
    ("plain", ["x"], 100, PARTS),
    ("plain", [{"type": "boddy"}], 100, PARTS),
    ("plain", [{"type": ["body"]}], 100, PARTS),
    ("plain", [{"type": "body", "parameters": "x"}], 100, PARTS),
    ("plain", [{"type": "body", "parameters": ["x"]}], 100, PARTS),
]


def send(sandbox: SandboxProcess, template: str, components: Any) -> Any:
    given = {"components": TEMPLATES[template]}
    sandbox.control("POST", f"template/{template}", given)
    body = message(RAVI, template=template)
    body["template"]["components"] = components
    return sandbox.post(body)


@pytest.mark.parametrize(("template", "components"), ACCEPTED)
def test_a_send_that_fits_is_accepted(
    sandbox: SandboxProcess, template: str, components: Any
) -> None:
    answer = send(sandbox, template, components)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("template", "components", "code", "details"), REFUSED)
def test_a_send_that_does_not_fit_is_refused_as_meta_does(
    sandbox: SandboxProcess, template: str, components: Any, code: int, details: str
) -> None:
    answer = send(sandbox, template, components)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert error["error_data"]["details"].startswith(details)
    assert sandbox.journal() == []


ENVELOPES = [
    ({"type": ["template"]}, 100),
    ({"type": {"a": 1}}, 100),
    ({"type": 7}, 100),
    ({"template": "x"}, 100),
    ({"template": {"name": ["x"], "language": {"code": "en"}}}, 100),
    ({"template": {"name": "plain", "language": "en"}}, 100),
    ({"template": {"name": "plain"}}, 131008),
    ({"template": {"name": "plain", "language": {}}}, 131008),
    ({"type": "text", "text": "x"}, 100),
    ({"recipient_type": "crowd"}, 100),
    ({"category": "utility"}, 100),
    ({"ttl_seconds": 60}, 100),
    ({"messaging_account_id": "7"}, 100),
]


@pytest.mark.parametrize(("change", "code"), ENVELOPES)
def test_an_envelope_of_another_shape_is_refused(
    sandbox: SandboxProcess, change: dict[str, Any], code: int
) -> None:
    answer = sandbox.post(message(RAVI) | change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_template_of_direct_send_is_not_sent_by_name(sandbox: SandboxProcess) -> None:
    made = {"components": TEMPLATES["plain"], "source": "AUTO_GENERATED"}
    sandbox.control("POST", "template/made", made)
    body = message(RAVI, template="made", parameters=[])
    assert sandbox.post(body).json()["error"]["code"] == 132018


def test_a_template_edited_at_meta_keeps_its_id_and_takes_its_new_parameters(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    """Case A6: accepted with two parameters yesterday, needs three today."""
    before = sandbox.control("POST", "template/two", {"components": TEMPLATES["two"]})["id"]
    assert send(sandbox, "two", [of("body", TEXT, TEXT)]).status_code == 200
    three = [{"type": "BODY", "text": "Good {{1}} to {{2}} and {{3}}, dear."}]
    assert sandbox.control("POST", "template/two", {"components": three})["id"] == before
    edited = wait_for(lambda: receiver.values("message_template_components_update"))
    assert edited[-1]["message_template_id"] == int(before)
    body = message(RAVI, template="two")
    assert sandbox.post(body).json()["error"]["code"] == 132000


def uploaded(sandbox: SandboxProcess, number: str) -> str:
    answer = sandbox.session.post(
        f"{sandbox.url}/v25.0/{number}/media",
        files={"file": ("a.png", b"pixels", "image/png")},
        data={"messaging_product": "whatsapp", "type": "image/png"},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    )
    return str(answer.json()["id"])


def test_a_file_can_be_sent_by_its_number_for_thirty_days(sandbox: SandboxProcess) -> None:
    """Case B34: unknown, of another number, too old."""
    name = uploaded(sandbox, ONE)
    sandbox.control("POST", "template/image", {"components": TEMPLATES["image"]})

    def answer(file: str, number: str = ONE) -> Any:
        body = message(RAVI, template="image")
        picture = {"type": "image", "image": {"id": file}}
        body["template"]["components"] = [of("header", picture)]
        return sandbox.post(body, number=number)

    assert answer(name).status_code == 200
    sandbox.control("POST", f"media/{name}", {"age_days": 29.9})
    assert answer(name).status_code == 200
    wrong = [answer("1"), answer(name, TWO)]
    sandbox.control("POST", f"media/{name}", {"age_days": 30})
    wrong.append(answer(name))
    for refused in wrong:
        error = refused.json()["error"]
        fault = "Param image.id is not a valid whatsapp business account media attachment ID"
        assert (refused.status_code, error["code"]) == (400, 100)
        assert error["error_data"]["details"] == fault
    assert sandbox.get(name).json()["error"]["error_subcode"] == 33


def test_a_file_is_read_and_deleted_by_its_own_number(sandbox: SandboxProcess) -> None:
    name = uploaded(sandbox, ONE)
    assert sandbox.get(name, phone_number_id=TWO).json()["error"]["error_subcode"] == 33
    assert sandbox.get(name, phone_number_id=ONE).json()["id"] == name
    url_of = f"{sandbox.url}/v25.0/{name}?phone_number_id="
    headers = {"Authorization": f"Bearer {TOKEN}"}
    refused = sandbox.session.delete(url_of + TWO, headers=headers, timeout=5)
    assert refused.json()["error"]["error_subcode"] == 33
    assert sandbox.session.delete(url_of + ONE, headers=headers, timeout=5).status_code == 200
    assert sandbox.get(name).status_code == 400


def test_a_picture_outside_a_template_needs_a_known_file_too(sandbox: SandboxProcess) -> None:
    body = {"messaging_product": "whatsapp", "to": RAVI, "type": "image", "image": {"id": "1"}}
    assert sandbox.post(body).json()["error"]["code"] == 100
