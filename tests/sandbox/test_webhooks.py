from __future__ import annotations

import hashlib
import hmac
import threading
from collections import Counter
from typing import Any

from tests.sandbox.harness import (
    ONE,
    ONE_DISPLAY,
    SECRET,
    TWO,
    WABA,
    Receiver,
    SandboxProcess,
    message,
    wait_for,
)

RAVI = "+919812345678"


def settled(sandbox: SandboxProcess) -> dict[str, Any]:
    """The webhook counters once nothing is pending."""
    return wait_for(lambda: (found := sandbox.stats()["webhooks"])["pending"] == 0 and found)


def force(sandbox: SandboxProcess, outcome: str, person: str = RAVI) -> None:
    sandbox.control("POST", f"recipient/{person}", {"outcome": outcome})


def pile_up(sandbox: SandboxProcess, people: str) -> None:
    """Thirty updates that fall due while nothing may leave, then all at once."""
    sandbox.control("POST", "webhooks", {"paused": True})
    for place in range(15):
        assert sandbox.send(f"{people}{place:04d}").status_code == 200
    wait_for(lambda: sandbox.stats()["webhooks"]["due"] == 30)
    sandbox.control("POST", "webhooks", {"paused": False})
    settled(sandbox)


def test_the_signature_is_over_the_exact_bytes(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.send(RAVI, opaque="run:1/é")
    settled(sandbox)
    assert len(receiver.statuses()) == 2
    for post in receiver.posts:
        key = hmac.new(SECRET.encode(), post.body, hashlib.sha256).hexdigest()
        assert post.headers["X-Hub-Signature-256"] == f"sha256={key}"
        assert post.headers["Content-Type"] == "application/json"
        assert post.headers["User-Agent"] == "facebookexternalua"
        assert post.body.isascii()
        assert rb'"biz_opaque_callback_data":"run:1\/\u00e9"' in post.body
        assert b": " not in post.body


def test_a_read_message_is_sent_delivered_and_read(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    force(sandbox, "read")
    wamid = sandbox.send(RAVI, opaque="a1").json()["messages"][0]["id"]
    settled(sandbox)
    statuses = receiver.statuses()
    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    user = statuses[0]["recipient_user_id"]
    assert user.startswith("IN.")
    assert len(user) == 23
    priced = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    assert statuses[0] == {
        "id": wamid,
        "status": "sent",
        "timestamp": statuses[0]["timestamp"],
        "recipient_id": "919812345678",
        "recipient_user_id": user,
        "biz_opaque_callback_data": "a1",
        "pricing": priced,
    }
    assert ["pricing" in status for status in statuses] == [True, True, False]
    body = receiver.posts[0].json
    assert body["object"] == "whatsapp_business_account"
    assert [entry["id"] for entry in body["entry"]] == [WABA]
    (value,) = receiver.posts[0].values("messages")
    assert value["messaging_product"] == "whatsapp"
    assert value["metadata"] == {
        "display_phone_number": ONE_DISPLAY,
        "phone_number_id": ONE,
    }
    assert value["contacts"] == [
        {"profile": {"name": "Person 5678"}, "user_id": user, "wa_id": "919812345678"}
    ]


def test_a_failed_status_names_its_error_and_no_contact(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    force(sandbox, "invalid")
    sandbox.send(RAVI)
    settled(sandbox)
    (value,) = receiver.values("messages")
    assert "contacts" not in value
    (status,) = value["statuses"]
    assert status["status"] == "failed"
    assert "pricing" not in status
    assert "recipient_user_id" not in status
    (error,) = status["errors"]
    assert sorted(error) == ["code", "error_data", "href", "message", "title"]
    assert error["code"] == 131026


def test_each_outcome_tells_its_own_story(sandbox: SandboxProcess, receiver: Receiver) -> None:
    stories = {
        "delivered": ["sent", "delivered"],
        "read_only": ["sent", "read"],
        "never": ["sent"],
        "silent": [],
        "failed_after_delivered": ["sent", "delivered", "failed"],
        "delivered_after_failed": ["failed", "delivered"],
    }
    for place, outcome in enumerate(stories):
        person = f"+9198100000{place:02d}"
        force(sandbox, outcome, person)
        sandbox.send(person, opaque=outcome)
    settled(sandbox)
    told: dict[str, list[str]] = {outcome: [] for outcome in stories}
    for status in receiver.statuses():
        told[status["biz_opaque_callback_data"]].append(status["status"])
    assert told == stories


def test_the_older_form_names_a_conversation(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.settings(webhook_version="v23.0")
    sandbox.send(RAVI)
    settled(sandbox)
    sent, delivered = receiver.statuses()
    assert "contacts" not in receiver.values("messages")[0]
    assert "recipient_user_id" not in sent
    assert sent["conversation"]["origin"] == {"type": "utility"}
    assert "expiration_timestamp" in sent["conversation"]
    assert "expiration_timestamp" not in delivered["conversation"]


def test_every_duplicate_is_the_same_update_again(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(webhook_duplicate_share=1, webhook_duplicate_within_s=0.05)
    sandbox.send(RAVI)
    counts = settled(sandbox)
    times = Counter((status["id"], status["status"]) for status in receiver.statuses())
    assert list(times.values()) == [2, 2]
    assert counts["duplicated"] == 2
    assert counts["acknowledged"] == {"sent": 1, "delivered": 1}


def test_a_reordered_pair_comes_the_wrong_way_round_with_its_true_times(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(webhook_reorder_share=1, time_scale=1, delivered_quantiles=[[1.0, 2.0]])
    sandbox.settings(sent_p50_s=0.01, sent_p95_s=0.01)
    sandbox.send(RAVI)
    counts = settled(sandbox)
    assert (counts["reordered"], counts["answers"]) == (1, {"200": 2})
    late, early = receiver.statuses()
    assert (late["status"], early["status"]) == ("delivered", "sent")
    assert int(late["timestamp"]) - int(early["timestamp"]) in (2, 3)


def test_what_is_not_answered_200_is_posted_again_in_the_same_bytes(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.answers = [500, 403]
    force(sandbox, "never")
    sandbox.send(RAVI)
    counts = settled(sandbox)
    assert [post.answered for post in receiver.posts] == [500, 403, 200]
    assert len({post.body for post in receiver.posts}) == 1
    assert len({post.headers["X-Hub-Signature-256"] for post in receiver.posts}) == 1
    assert (counts["posted"], counts["ok"], counts["failed"], counts["retried"]) == (3, 1, 2, 2)
    assert counts["answers"] == {"500": 1, "403": 1, "200": 1}


def test_a_receiver_that_is_too_slow_gets_it_again(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(webhook_timeout_s=0.2)
    receiver.hold = threading.Event()
    force(sandbox, "never")
    sandbox.send(RAVI)
    wait_for(lambda: sandbox.stats()["webhooks"]["failed"] >= 1)
    receiver.hold.set()
    counts = settled(sandbox)
    assert counts["ok"] == 1
    assert counts["answers"]["200"] == 1


def test_a_receiver_that_is_gone_is_given_up_in_the_end(sandbox: SandboxProcess) -> None:
    sandbox.settings(webhook_retry_steps_s=[0, 10], webhook_retry_for_s=1000)
    sandbox.control("POST", "webhooks", {"url": "http://127.0.0.1:9/"})
    force(sandbox, "never")
    sandbox.send(RAVI)
    counts = settled(sandbox)
    assert counts["ok"] == 0
    assert counts["given_up"] == 1
    assert counts["retried"] >= 2


def test_a_window_gathers_updates_of_several_numbers_into_one_post(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.control("POST", "webhooks", {"paused": True})
    for place in range(20):
        person, number = f"+9198200000{place:02d}", (ONE, TWO)[place % 2]
        assert sandbox.send(person, number=number).status_code == 200
    wait_for(lambda: sandbox.stats()["webhooks"]["due"] == 40)
    sandbox.settings(webhook_batch_window_ms=100)
    sandbox.control("POST", "webhooks", {"paused": False})
    counts = settled(sandbox)
    assert counts["most_updates_in_a_post"] == 40
    largest = max(receiver.posts, key=lambda post: len(post.statuses))
    values = largest.values("messages")
    assert {value["metadata"]["phone_number_id"] for value in values} == {ONE, TWO}
    assert sum(len(value["statuses"]) for value in values) == len(largest.statuses)
    assert len(receiver.statuses()) == 40


def test_a_post_never_holds_more_than_its_limits(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.settings(webhook_max_updates=7, webhook_batch_window_ms=50)
    pile_up(sandbox, "+91983000")
    assert max(len(post.statuses) for post in receiver.posts) == 7
    receiver.posts.clear()
    sandbox.settings(webhook_max_updates=1000, webhook_max_bytes=4000)
    pile_up(sandbox, "+91984000")
    assert 3000 < max(len(post.body) for post in receiver.posts) <= 4000
    assert len(receiver.statuses()) == 30


def test_paused_webhooks_wait_and_dropped_ones_are_gone(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    force(sandbox, "never")
    sandbox.control("POST", "webhooks", {"paused": True})
    sandbox.send(RAVI)
    wait_for(lambda: sandbox.stats()["webhooks"]["pending"] == 1)
    sandbox.control("POST", "webhooks", {"paused": False, "drop": True})
    assert settled(sandbox)["dropped"] == 1
    sandbox.control("POST", "webhooks", {"drop": False})
    sandbox.send(RAVI)
    settled(sandbox)
    assert len(receiver.posts) == 1
    sandbox.settings(webhook_lost_share=1)
    sandbox.send(RAVI)
    assert settled(sandbox)["lost"] == 1
    assert len(receiver.posts) == 1


def test_under_load_without_a_window_updates_share_posts(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    """The one connection is busy with a slow receiver: what falls due meanwhile goes together."""
    receiver.hold = threading.Event()
    for place in range(10):
        person = f"+9198500000{place:02d}"
        force(sandbox, "never", person)
        sandbox.send(person)
    wait_for(lambda: sandbox.stats()["webhooks"]["planned"] == {"sent": 10})
    receiver.hold.set()
    counts = settled(sandbox)
    assert counts["most_updates_in_a_post"] > 1
    assert counts["posted"] < 10
    assert len(receiver.statuses()) == 10


def test_without_a_url_nothing_is_planned(sandbox: SandboxProcess) -> None:
    sandbox.control("POST", "webhooks", {"url": ""})
    sandbox.post(message(RAVI))
    counts = sandbox.stats()["webhooks"]
    assert (counts["unrouted"], counts["pending"]) == (2, 0)
