"""How WhatsApp names people: its own spelling of phone numbers, and business-scoped user ids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.harness import TWO, Receiver, SandboxProcess, message, wait_for

RAVI = "+919812345678"
RAVI_ID = "919812345678"


def written(receiver: Receiver, many: int = 1) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each message of a person with the value around it, once there are so many."""

    def found() -> list[tuple[dict[str, Any], dict[str, Any]]]:
        values = receiver.values("messages")
        return [(item, value) for value in values for item in value.get("messages", [])]

    wait_for(lambda: len(found()) >= many)
    return found()


def user_id(sandbox: SandboxProcess, person: str = RAVI) -> str:
    known = sandbox.control("GET", f"recipient/{person}")
    return str(known["user_ids"]["500000000000001"])


SPELLINGS = [
    ("+5511987654321", "551187654321"),
    ("+525512345678", "5215512345678"),
    ("+541123456789", "5491123456789"),
    ("+919812345678", "919812345678"),
]


@pytest.mark.parametrize(("given", "wa_id"), SPELLINGS)
def test_whatsapp_spells_some_countries_its_own_way(
    sandbox: SandboxProcess, receiver: Receiver, given: str, wa_id: str
) -> None:
    """Case A13: the answer tells the pair, everything else has WhatsApp's spelling."""
    answer = sandbox.send(given).json()
    assert answer["contacts"] == [{"input": given, "wa_id": wa_id}]
    assert sandbox.journal()[0]["to"] == given.lstrip("+")
    assert wait_for(receiver.statuses)[0]["recipient_id"] == wa_id
    sandbox.control("POST", "inbound", {"from": given, "text": "STOP"})
    ((item, value),) = written(receiver)
    assert (item["from"], value["contacts"][0]["wa_id"]) == (wa_id, wa_id)
    sandbox.control("POST", "user_preferences", {"wa_id": given})
    (stop,) = wait_for(lambda: receiver.values("user_preferences"))
    assert stop["user_preferences"][0]["wa_id"] == wa_id


def test_a_forced_outcome_finds_the_person_in_either_spelling(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", "recipient/+5511987654321", {"outcome": "never"})
    sandbox.send("+5511987654321")
    sandbox.send("+551187654321")
    assert [entry["outcome"] for entry in sandbox.journal()] == ["never", "never"]


def test_statuses_and_if_set_answers_carry_the_user_id(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(answer_user_id=True)
    ours = user_id(sandbox)
    assert ours.startswith("IN.")
    (contact,) = sandbox.send(RAVI).json()["contacts"]
    assert contact == {"input": RAVI, "wa_id": RAVI_ID, "user_id": ours}
    assert wait_for(receiver.statuses)[0]["recipient_user_id"] == ours


def test_each_portfolio_sees_a_user_id_of_its_own(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", "waba/400000000000777", {"portfolio": "500000000000777"})
    ids = sandbox.control("GET", f"recipient/{RAVI}")["user_ids"]
    assert len(set(ids.values())) == 2


def test_a_person_with_a_username_may_write_and_stop_by_user_id_only(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    """Case A14."""
    sandbox.control("POST", f"recipient/{RAVI}", {"username": True, "hides_phone": True})
    ours = user_id(sandbox)
    sandbox.control("POST", "inbound", {"from": RAVI, "text": "STOP"})
    ((item, value),) = written(receiver)
    assert "from" not in item
    assert item["from_user_id"] == ours
    (contact,) = value["contacts"]
    assert (contact["user_id"], "wa_id" in contact) == (ours, False)
    assert contact["profile"]["username"].startswith("@")
    sandbox.control("POST", "user_preferences", {"wa_id": RAVI})
    (stop,) = wait_for(lambda: receiver.values("user_preferences"))
    for entry in (stop["user_preferences"][0], stop["contacts"][0]):
        assert (entry["user_id"], "wa_id" in entry) == (ours, False)


def test_a_share_of_the_usernames_hides_the_phone(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(username_share=1, hidden_phone_share=0.5)
    people = [f"+9197{place:08d}" for place in range(40)]
    for person in people:
        sandbox.control("POST", "inbound", {"from": person, "text": "hello"})
    hidden = ["from" not in item for item, _ in written(receiver, 40)]
    assert 8 < sum(hidden) < 32


def test_a_new_number_brings_a_new_user_id(sandbox: SandboxProcess, receiver: Receiver) -> None:
    """Case A21."""
    before = user_id(sandbox)
    moved = {"from": RAVI, "to": "+919800000077", "number": TWO}
    ids = sandbox.control("POST", "changed_number", moved)
    ((item, value),) = written(receiver)
    assert "contacts" not in value
    assert (item["from"], item["type"]) == (RAVI_ID, "system")
    system = item["system"]
    assert (system["type"], system["wa_id"]) == ("user_changed_number", "919800000077")
    assert ids == {"user_id": user_id(sandbox, "+919800000077"), "previous_user_id": before}
    assert system["previous_user_id"] == before


def test_a_new_user_id_is_told_by_the_ids_only(sandbox: SandboxProcess, receiver: Receiver) -> None:
    before = user_id(sandbox)
    sandbox.control("POST", "changed_user_id", {"from": RAVI})
    ((item, value),) = written(receiver)
    after = user_id(sandbox)
    assert before != after
    assert "contacts" not in value
    assert "from" not in item
    ids = {"user_id": after, "previous_user_id": before}
    assert item["system"] == {"type": "user_changed_user_id", **ids}
    sandbox.send(RAVI)
    assert wait_for(receiver.statuses)[0]["recipient_user_id"] == after


def test_a_message_is_edited(sandbox: SandboxProcess, receiver: Receiver) -> None:
    """Case A15."""
    first = sandbox.control("POST", "inbound", {"from": RAVI, "text": "hello"})["wamid"]
    sandbox.control("POST", "inbound", {"from": RAVI, "edit": "STOP", "original": first})
    item = written(receiver, 2)[1][0]
    changed = {"type": "text", "text": {"body": "STOP"}}
    assert item["type"] == "edit"
    assert item["edit"] == {"original_message_id": first, "message": changed}


def test_an_authentication_template_goes_to_no_user_id(sandbox: SandboxProcess) -> None:
    code = [{"type": "BODY", "text": "Your code is {{1}}, friend."}]
    template = {"components": code, "category": "AUTHENTICATION"}
    sandbox.control("POST", "template/code", template)
    body = message("", template="code", parameters=[{"type": "text", "text": "1"}])
    body["recipient"] = "IN.13491208655302741918"
    assert sandbox.post(body).json()["error"]["code"] == 131062
