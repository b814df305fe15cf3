from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.harness import ONE, WABA, Receiver, SandboxProcess, message, wait_for

RAVI = "+919812345678"


def people(many: int) -> list[str]:
    return [f"+9197{place:08d}" for place in range(many)]


def send_all(sandbox: SandboxProcess, many: int, **more: Any) -> list[str]:
    """The message_status of each."""
    answers = [sandbox.send(person, **more).json() for person in people(many)]
    return [answer["messages"][0]["message_status"] for answer in answers]


def failures(receiver: Receiver) -> list[int]:
    return [s["errors"][0]["code"] for s in receiver.statuses() if s["status"] == "failed"]


def test_held_messages_are_released_or_dropped(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.control("POST", "pacing", {"hold": True})
    answer = sandbox.send(RAVI).json()
    assert answer["messages"][0]["message_status"] == "held_for_quality_assessment"
    assert sandbox.journal()[0]["outcome"] == "held"
    assert sandbox.stats()["webhooks"]["pending"] == 0
    assert sandbox.control("POST", "pacing", {"release": True}) == {"held": 0, "ended": 1}
    wait_for(lambda: len(receiver.statuses()) == 2)
    sandbox.control("POST", "pacing", {"hold": True})
    sandbox.send(RAVI)
    sandbox.control("POST", "pacing", {"drop": "template"})
    wait_for(lambda: len(receiver.statuses()) == 3)
    assert receiver.statuses()[2]["errors"][0]["code"] == 132015


def test_template_pacing_drops_with_its_code_and_pauses_the_template(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "pacing", {"hold": True})
    send_all(sandbox, 3)
    assert sandbox.control("POST", "pacing", {"drop": "template"}) == {"held": 0, "ended": 3}
    wait_for(lambda: failures(receiver) == [132015] * 3)
    (told,) = wait_for(lambda: receiver.values("message_template_status_update"))
    assert (told["event"], told["message_template_name"]) == ("PAUSED", "daily_update")
    assert told["other_info"]["title"] == "RATE_LIMITING_PAUSE"
    assert sandbox.send(RAVI).json()["error"]["code"] == 132015


@pytest.mark.parametrize("refusal", [368, 131031])
def test_portfolio_pacing_drops_with_its_code_and_blocks_the_portfolio(
    sandbox: SandboxProcess, receiver: Receiver, refusal: int
) -> None:
    """Case G8: 135000 for each, no webhook about the template, and nothing more is sent."""
    sandbox.settings(review_refusal=refusal)
    sandbox.control("POST", "pacing", {"hold": True})
    send_all(sandbox, 3)
    sandbox.control("POST", "pacing", {"drop": "portfolio"})
    wait_for(lambda: failures(receiver) == [135000] * 3)
    refused = sandbox.send(RAVI)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, refusal)
    new = sandbox.session.post(
        f"{sandbox.url}/v25.0/{WABA}/message_templates",
        headers={"Authorization": "Bearer the-access-token"},
        json={"name": "new"},
        timeout=5,
    )
    assert new.json()["error"]["code"] == refusal
    health = sandbox.get(WABA, fields="health_status").json()["health_status"]
    assert health["can_send_message"] == "BLOCKED"
    assert receiver.values("message_template_status_update") == []
    sandbox.control("POST", "pacing", {"release": True})
    assert sandbox.send(RAVI).status_code == 200


def test_one_portfolio_is_dropped_while_another_stays_held(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    """Case G1: two portfolios in one installation."""
    other, three = "500000000000777", "100000000000003"
    parts = {"numbers": [f"{three}:+919800000003:500"], "templates": ["daily_update:en:2"]}
    sandbox.control("POST", "waba/400000000000777", {"portfolio": other, **parts})
    for path in ("pacing", f"pacing/{other}"):
        sandbox.control("POST", path, {"hold": True})
    for number in (ONE, three, ONE):
        sandbox.send(RAVI, number=number)
    dropped = sandbox.control("POST", f"pacing/{other}", {"drop": "portfolio"})
    assert dropped == {"held": 2, "ended": 1}
    wait_for(lambda: failures(receiver) == [135000])
    assert sandbox.send(RAVI, number=three).json()["error"]["code"] == 368
    assert send_all(sandbox, 1) == ["held_for_quality_assessment"]
    assert sandbox.control("POST", "pacing", {"release": True}) == {"held": 0, "ended": 3}


def test_the_older_page_names_one_code_for_both(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(portfolio_drop_code=132015)
    sandbox.control("POST", "pacing", {"hold": True})
    sandbox.send(RAVI)
    sandbox.control("POST", "pacing", {"drop": "portfolio"})
    assert wait_for(lambda: failures(receiver)) == [132015]
    assert sandbox.send(RAVI).json()["error"]["code"] == 368


def test_a_burst_of_a_small_portfolio_is_held_and_released_in_batches(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(
        portfolio_pacing_after=3, pacing_release_after_s=40, pacing_batch=2, pacing_batch_every_s=1
    )  # times a time_scale of 0.02
    assert send_all(sandbox, 8) == ["accepted"] * 3 + ["held_for_quality_assessment"] * 5
    outcomes = [entry["outcome"] for entry in sandbox.journal()]
    assert outcomes == ["delivered"] * 3 + ["held"] * 5
    assert sandbox.stats()["held"] == 5
    wait_for(lambda: sandbox.stats()["held"] == 0)
    delivered = wait_for(
        lambda: len(found := {s["id"] for s in receiver.statuses()}) == 8 and found
    )
    assert delivered == {entry["wamid"] for entry in sandbox.journal()}
    assert failures(receiver) == []


def test_portfolio_pacing_ends_at_half_a_million_a_year(sandbox: SandboxProcess) -> None:
    sandbox.settings(portfolio_pacing_after=1)
    sandbox.control("POST", "portfolio", {"sent_365d": 499_998})
    held = "held_for_quality_assessment"
    assert send_all(sandbox, 4) == ["accepted", held, "accepted", "accepted"]
    assert sandbox.control("POST", "portfolio", {})["sent_365d"] == 500_002


def test_only_a_template_that_meta_watches_is_paced(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(template_pacing_after=2, pacing_release_after_s=100)
    name = [{"type": "text", "text": "Ravi", "parameter_name": "name"}]
    offer = {"template": "offer", "language": "en_US", "parameters": name}
    assert send_all(sandbox, 4, **offer) == ["accepted"] * 4
    sandbox.control("POST", "template/offer", {"quality": "UNKNOWN"})
    held = "held_for_quality_assessment"
    assert send_all(sandbox, 4, **offer) == ["accepted"] * 2 + [held] * 2
    sandbox.control("POST", "pacing", {"release": True})
    scores = wait_for(
        lambda: len(found := receiver.values("message_template_quality_update")) == 2 and found
    )
    assert scores[1]["new_quality_score"] == "GREEN"
    assert send_all(sandbox, 4, **offer) == ["accepted"] * 4


def test_a_utility_template_is_paced_only_after_one_was_paused(sandbox: SandboxProcess) -> None:
    sandbox.settings(template_pacing_after=1, pacing_release_after_s=100)
    sandbox.control("POST", "template/daily_update", {"quality": "YELLOW"})
    assert send_all(sandbox, 3) == ["accepted"] * 3
    sandbox.control("POST", "template/daily_update", {"status": "PAUSED"})
    assert sandbox.post(message(RAVI)).json()["error"]["code"] == 132015
    sandbox.control("POST", "template/daily_update", {"status": "APPROVED", "quality": "GREEN"})
    held = "held_for_quality_assessment"
    assert send_all(sandbox, 3) == ["accepted", held, held]


def test_another_word_for_the_end_is_refused(sandbox: SandboxProcess) -> None:
    assert sandbox.ask("POST", "pacing", {"drop": "all"}).status_code == 400
