"""Message templates are created and reviewed as at Meta."""

from __future__ import annotations

from typing import Any

from tests.sandbox.harness import TOKEN, WABA, Receiver, SandboxProcess, wait_for

BODY = "Good morning {{1}}. Today: {{2}}. That is all for now."


def create(sandbox: SandboxProcess, name: str, body: str = BODY, **fields: Any) -> dict[str, Any]:
    component = {"type": "BODY", "text": body, "example": {"body_text": [["Asha", "flat"]]}}
    known = {"language": "en", "category": "UTILITY", "components": [component]}
    answer = sandbox.session.post(
        f"{sandbox.url}/v25.0/{WABA}/message_templates",
        headers={"Authorization": f"Bearer {TOKEN}"},
        json={"name": name, **known, **fields},
        timeout=5,
    )
    return dict(answer.json())


def error(answer: dict[str, Any]) -> tuple[int, int | None]:
    return answer["error"]["code"], answer["error"].get("error_subcode")


def test_a_template_waits_and_is_decided_on(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.settings(template_review_s=0.3)
    created = create(sandbox, "note_v2")
    assert (created["status"], created["category"]) == ("PENDING", "UTILITY")
    sandbox.control("POST", "template_review/note_v3", {"status": "REJECTED", "reason": "SCAM"})
    create(sandbox, "note_v3")
    create(sandbox, "note_v4", f"Special offer. {BODY}")

    wait_for(lambda: len(receiver.values("message_template_status_update")) == 3)

    told = {
        one["message_template_name"]: (
            one["event"],
            one["reason"],
            one["message_template_category"],
        )
        for one in receiver.values("message_template_status_update")
    }
    assert told == {
        "note_v2": ("APPROVED", "NONE", "UTILITY"),
        "note_v3": ("REJECTED", "SCAM", "UTILITY"),
        "note_v4": ("APPROVED", "NONE", "MARKETING"),
    }
    fields = "status,rejected_reason,category,quality_score"
    seen = sandbox.get(f"{WABA}/message_templates", name="note_v3", fields=fields).json()["data"]
    assert (seen[0]["status"], seen[0]["rejected_reason"]) == ("REJECTED", "SCAM")


def test_what_meta_refuses_is_refused_with_its_code(sandbox: SandboxProcess) -> None:
    sandbox.settings(template_review_s=60)
    create(sandbox, "note_v2")
    assert error(create(sandbox, "note_v2")) == (100, 2388024)
    assert error(create(sandbox, "a", "{{1}} is new, and {{2}} is it.")) == (100, 2388299)
    assert error(create(sandbox, "a", "This is new for you: {{1}} {{2}}.")) == (100, 2388299)
    assert error(create(sandbox, "a", "For {{1}}: {{2}}, bye.")) == (100, 2388293)
    bare = [{"type": "BODY", "text": BODY}]
    assert error(create(sandbox, "a", components=bare)) == (100, 2388043)
    assert error(create(sandbox, "A b")) == (100, None)
    assert error(create(sandbox, "a", category="NEWS")) == (100, None)
    assert error(create(sandbox, "a", components=5)) == (100, None)
    assert error(create(sandbox, "a", "x" * 1025)) == (100, 2388040)
    assert "error" not in create(sandbox, "note_v2", language="hi")
    sandbox.settings(templates_per_hour=3)
    create(sandbox, "note_v3")
    assert error(create(sandbox, "note_v4")) == (80008, None)
    sandbox.settings(template_limit=5)
    assert error(create(sandbox, "note_v5")) == (100, 2388019)
