"""People who block by the wording, the colours that Meta computes from that, and raised limits."""

from __future__ import annotations

from sandbox.behaviour.wording import annoyance
from tests.sandbox.harness import ONE, WABA, Receiver, SandboxProcess, wait_for
from tests.sandbox.test_accounts import told

RAVI, ASHA = "+919812345678", "+919812345679"
GOOD = "Your daily note, as you subscribed. {{1}} Nifty: {{2}}. Reply STOP to end it."
BAD = "HURRY, limited offer! Buy now, exclusive discount {{1}} {{2}} for you"


def test_a_text_that_presses_annoys_more_than_one_that_explains_itself() -> None:
    good, bad = annoyance(GOOD), annoyance(BAD)
    assert good == (0.5, "NO_REASON_GIVEN")
    assert bad[0] > 4 * good[0]
    assert bad[1] == "SPAM"


def test_who_blocked_us_gets_nothing_any_more_from_any_number(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "template/daily_update", {"block_share": 1, "block_reason": "SPAM"})
    sandbox.send(RAVI)
    wait_for(lambda: len(receiver.statuses()) >= 2)
    assert [one["status"] for one in receiver.statuses()] == ["sent", "delivered"]

    sandbox.control("POST", "template/daily_update", {"block_share": 0})
    sandbox.send(RAVI)  # blocked
    sandbox.send(ASHA)
    wait_for(lambda: len(receiver.statuses()) >= 5)
    outcomes = [line["outcome"] for line in sandbox.journal()]
    assert outcomes == ["delivered", "never", "delivered"]
    sandbox.control("POST", "recipient/919812345678", {"blocked": False})
    sandbox.send(RAVI)
    assert sandbox.journal()[-1]["outcome"] == "delivered"


def test_people_tire_of_a_template_that_they_know(sandbox: SandboxProcess) -> None:
    tiring = {"fatigue_sends": 10, "read_share": 1, "stop_word_share": 0.2}
    sandbox.control("PATCH", "settings", tiring)
    sandbox.control("POST", "template_history/daily_update", {"sent": 1000})
    for person in range(60):
        sandbox.send(f"+9198123{person:05}")
    texts = sandbox.stats()["webhooks"]["planned"]
    assert 3 <= texts["read"] <= 30  # a quarter of 60
    assert texts["inbound"] >= 1  # and some of them stop


def test_colours_follow_the_blocks_and_a_numbers_is_seen_by_a_read_only(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    past = {"sent": 149, "delivered": 149, "read": 100, "blocked": 5, "days_ago": 1, "number": ONE}
    sandbox.control("POST", "template_history/daily_update", past)
    assert sandbox.get(ONE, fields="quality_rating").json()["quality_rating"] == "GREEN"
    sandbox.control("PATCH", "settings", {"quality_window_s": 7 * 86_400})
    sandbox.send(RAVI)  # the 150th: Meta looks

    [(_, _, value)] = told(receiver, "message_template_quality_update")
    assert (value["previous_quality_score"], value["new_quality_score"]) == ("GREEN", "YELLOW")
    assert sandbox.get(ONE, fields="quality_rating").json()["quality_rating"] == "YELLOW"
    assert "phone_number_quality_update" not in str([post.json for post in receiver.posts])


def test_a_limit_is_raised_after_half_of_it_was_used(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    settings = {"portfolio_limit": 2, "limit_raise_after_s": 1, "limit_told": "tier"}
    sandbox.control("PATCH", "settings", settings)
    sandbox.send(RAVI)
    [(_, _, value)] = told(receiver, "business_capability_update")
    assert value["max_daily_conversations_per_business"] == "TIER_250"
    limit = sandbox.get(WABA, fields="whatsapp_business_manager_messaging_limit").json()
    assert limit["whatsapp_business_manager_messaging_limit"] == "TIER_250"
