from __future__ import annotations

import hashlib

from tests.sandbox.harness import ONE, ONE_DISPLAY, TOKEN, TWO, WABA, SandboxProcess

AUTH = {"Authorization": f"Bearer {TOKEN}"}


def test_a_number_shows_its_default_fields(sandbox: SandboxProcess) -> None:
    answer = sandbox.get(ONE)
    body = answer.json()
    assert set(body) == {
        *("verified_name", "code_verification_status", "display_phone_number", "quality_rating"),
        *("host_platform", "throughput", "webhook_configuration", "id"),
    }
    assert (body["id"], body["display_phone_number"]) == (ONE, ONE_DISPLAY)
    assert answer.headers["facebook-api-version"] == "v25.0"
    assert WABA in answer.headers["X-Business-Use-Case-Usage"]


def test_a_number_shows_the_fields_asked_for(sandbox: SandboxProcess) -> None:
    fields = "status,quality_rating,throughput,whatsapp_business_manager_messaging_limit"
    assert sandbox.get(TWO, fields=fields).json() == {
        "status": "CONNECTED",
        "quality_rating": "YELLOW",
        "throughput": {"level": "STANDARD"},
        "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
        "id": TWO,
    }
    sandbox.control("POST", "portfolio", {"limit": 2000})
    limited = sandbox.get(TWO, fields="whatsapp_business_manager_messaging_limit").json()
    assert limited["whatsapp_business_manager_messaging_limit"] == "TIER_2K"
    assert sandbox.get(ONE, fields="colour").json()["error"]["code"] == 100


def test_the_waba_lists_its_numbers_page_by_page(sandbox: SandboxProcess) -> None:
    first = sandbox.get(f"{WABA}/phone_numbers", fields="id", limit=1).json()
    assert first["data"] == [{"id": ONE}]
    second = sandbox.session.get(first["paging"]["next"], headers=AUTH, timeout=5).json()
    assert second["data"] == [{"id": TWO}]
    assert "next" not in second["paging"]
    assert len(sandbox.get(f"{WABA}/phone_numbers").json()["data"]) == 2


def test_message_templates_are_listed_filtered_and_read(sandbox: SandboxProcess) -> None:
    everything = sandbox.get(f"{WABA}/message_templates").json()["data"]
    assert [entry["name"] for entry in everything] == ["daily_update", "offer"]
    assert [entry["parameter_format"] for entry in everything] == ["POSITIONAL", "NAMED"]
    body = everything[0]["components"][0]
    assert (body["type"], body["text"].count("{{")) == ("BODY", 2)
    assert body["example"] == {"body_text": [["example", "example"]]}

    def names(**query: str) -> list[str]:
        found = sandbox.get(f"{WABA}/message_templates", **query).json()["data"]
        return [entry["name"] for entry in found]

    assert names(name="offer") == ["offer"]
    assert names(status="approved") == ["daily_update", "offer"]
    sandbox.control("POST", "template/offer", {"status": "PAUSED"})
    assert names(status="PAUSED") == ["offer"]
    assert names(category="UTILITY", language="en") == ["daily_update"]
    one = sandbox.get(everything[1]["id"], fields="status,quality_score").json()
    assert (one["id"], one["status"]) == (everything[1]["id"], "PAUSED")
    assert one["quality_score"]["score"] == "GREEN"


def test_health_is_the_worst_of_its_parts(sandbox: SandboxProcess) -> None:
    def health(name: str) -> str:
        answer = sandbox.get(name, fields="health_status").json()
        state: str = answer["health_status"]["can_send_message"]
        return state

    assert [health(ONE), health(WABA)] == ["AVAILABLE", "AVAILABLE"]
    sandbox.control("POST", f"number/{ONE}", {"status": "FLAGGED"})
    assert [health(ONE), health(TWO)] == ["BLOCKED", "AVAILABLE"]


def test_an_unknown_object_and_a_wrong_token_are_told_apart(sandbox: SandboxProcess) -> None:
    unknown = sandbox.get("123").json()["error"]
    assert (unknown["code"], unknown["error_subcode"]) == (100, 33)
    assert unknown["type"] == "GraphMethodException"
    refused = sandbox.session.get(f"{sandbox.url}/v25.0/{ONE}", timeout=5)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 190)


def test_too_many_management_calls_are_refused(sandbox: SandboxProcess) -> None:
    sandbox.settings(management_calls_per_hour=2)
    assert [sandbox.get(ONE).status_code for _ in range(3)] == [200, 200, 400]
    answer = sandbox.get(ONE)
    assert answer.json()["error"]["code"] == 80007
    assert '"call_count":100' in answer.headers["X-Business-Use-Case-Usage"]
    assert sandbox.send("+919812345678").status_code == 200  # sending is not counted here


def test_a_file_goes_up_is_read_and_deleted(sandbox: SandboxProcess) -> None:
    url = f"{sandbox.url}/v25.0/{ONE}/media"
    content = bytes(range(256)) * 8000  # 2 MB
    files = {"file": ("a.png", content, "image/png")}
    fields = {"messaging_product": "whatsapp", "type": "image/png"}
    answer = sandbox.session.post(url, files=files, data=fields, headers=AUTH, timeout=10)
    name = answer.json()["id"]
    found = sandbox.get(name).json()
    assert found["mime_type"] == "image/png"
    assert found["sha256"] == hashlib.sha256(content).hexdigest()
    assert sandbox.session.get(found["url"], headers=AUTH, timeout=5).content == content
    assert sandbox.session.get(f"{sandbox.url}/media/{name}", timeout=5).status_code == 404
    removed = sandbox.session.delete(f"{sandbox.url}/v25.0/{name}", headers=AUTH, timeout=5)
    assert removed.json() == {"success": True}
    assert sandbox.get(name).json()["error"]["error_subcode"] == 33
    empty = sandbox.session.post(url, data=fields, headers=AUTH, timeout=5)
    assert empty.json()["error"]["code"] == 100
