"""What Meta tells us comes doubled, reordered, late, forged, huge or broken, or finds us away."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import signal
import socket

import pytest
import requests

from distribution.models import Delivery
from tests.faults.checker import assert_kept
from tests.faults.stack import CALM
from webhooks.models import WebhookEvent

PEOPLE = 150
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def house(build):
    return build(PEOPLE)


@pytest.fixture(autouse=True)
def as_usual(house):
    yield
    usual = {"webhook_duplicate_share": 0.01, "webhook_reorder_share": 0.02}
    house.stack.cloud.patch("settings", {**usual, "delivered_skipped_share": 0, "sent_p50_s": 0.3})


def address(house) -> str:
    return f"http://127.0.0.1:{house.stack.web_port}/webhooks/whatsapp"


def signed(house, body: bytes, **headers: str) -> requests.Response:
    """POST a body as Meta would."""
    key = house.stack.cloud.stand_in.app_secret.encode()
    signature = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json", **headers}
    return requests.post(address(house), data=body, headers=headers, timeout=30)


def test_f54_and_f55_everything_is_told_twice_and_out_of_order(house):
    morning = house.open()
    house.stack.cloud.patch(
        "settings",
        {
            "webhook_duplicate_share": 1,
            "webhook_reorder_share": 0.5,
            "delivered_skipped_share": 0.3,
            "read_share": 1,
        },
    )
    morning.wait_ended()
    house.stack.cloud.patch("settings", {"read_share": CALM["read_share"]})

    rows = Delivery.objects.filter(distribution=morning.pk)
    assert list(rows.values_list("progress", flat=True).distinct()) == [3]
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f56_the_webhook_is_here_before_our_own_answer_is_written_down(house):
    house.stack.cloud.patch("settings", {"sent_p50_s": 0.01, "sent_p95_s": 0.02})
    morning = house.open(before_record="sleep:3")
    house.stack.wait(lambda: house.stack.struck("before_record"), "it is reached")
    morning.wait_ended()
    house.stack.cloud.patch("settings", {"sent_p95_s": 0.8})

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f57_what_comes_after_the_end_is_applied_all_the_same(house):
    morning = house.open()
    house.stack.cloud.post("webhooks", {"paused": True})
    morning.wait_settled()
    rows = Delivery.objects.filter(distribution=morning.pk)
    before = set(rows.values_list("progress", flat=True))

    house.stack.cloud.post("webhooks", {"paused": False})
    morning.wait_ended()

    assert before == {0}
    assert min(rows.values_list("progress", flat=True)) >= 2
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


@pytest.mark.parametrize("signature", ["none", "bad", "sha1", "upper"])
def test_f58_a_forged_webhook_is_refused_and_not_stored(house, signature):
    stats = house.stack.cloud.stats()["webhooks"]["answers"]
    body = json.dumps({"forged": secrets.token_hex(8)})
    house.stack.cloud.post("webhook", {"body": body, "signature": signature})

    def refused() -> bool:
        answers = house.stack.cloud.stats()["webhooks"]["answers"]
        return answers.get("403", 0) > stats.get("403", 0)

    house.stack.wait(refused, "it is refused")
    assert not WebhookEvent.objects.filter(body=body.encode()).exists()


def test_f59_three_megabytes_are_taken_and_five_are_not(house):
    padding = "x" * (3 * MEGABYTE - 200)
    fits = json.dumps({"object": "other", "entry": [], "padding": padding}).encode()
    too_long = json.dumps({"object": "other", "padding": "x" * 5 * MEGABYTE}).encode()

    assert signed(house, fits).status_code == 200
    try:
        status = signed(house, too_long).status_code
    except requests.ConnectionError:  # it hung up instead of reading on
        status = 413
    assert status == 413
    digest = hashlib.sha256(fits).hexdigest()
    assert WebhookEvent.objects.filter(digest=digest).count() == 1
    house.stack.wait(
        lambda: not WebhookEvent.objects.pending().exists(), "the long one is dealt with"
    )
    WebhookEvent.objects.filter(digest=digest).delete()


def test_f59_a_body_that_drips_keeps_nobody_waiting(house):
    drips = []
    for _ in range(6):
        sock = socket.create_connection(("127.0.0.1", house.stack.web_port), timeout=10)
        sock.sendall(
            b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
            b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n\r\n{"
        )
        drips.append(sock)
    morning = house.open()
    morning.wait_ended()
    for sock in drips:
        sock.close()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


BROKEN = {
    "half a JSON": b'{"object": "whatsapp_business_account", "entry": [',
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "a NUL": b'{"object": "whatsapp_business_account", "entry": "\\u0000"}',
    "deep": b"[" * 100_000,
    "a list": b"[1, 2, 3]",
    "huge whole numbers": b'{"entry": [' + b"9" * 5000 + b"]}",
    "wrong types": json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": 1, "changes": {"field": []}}]}
    ).encode(),
    "an unknown status": json.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"statuses": [7]}}]}],
        }
    ).encode(),
}


def test_f60_broken_bodies_are_stored_and_spoil_nobody_elses(house):
    answers = {name: signed(house, body).status_code for name, body in BROKEN.items()}
    morning = house.open()
    morning.wait_ended()

    assert set(answers.values()) == {200}
    stored = WebhookEvent.objects.filter(
        digest__in=[hashlib.sha256(body).hexdigest() for body in BROKEN.values()]
    )
    assert stored.count() == len(BROKEN)
    assert not stored.filter(processed_at=None, dead_at=None).exists()
    assert stored.exclude(dead_at=None).exists()
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f61_we_are_away_for_a_while_and_no_status_is_lost(house):
    morning = house.open()
    morning.wait_accepted(20)

    house.stack.signal_tree("web", signal.SIGSTOP)
    house.stack.live_for(3.0)
    house.stack.kill("web")
    house.stack.wait(lambda: not house.stack.lives("web"), "it is dead")
    house.stack.wait(lambda: house.stack.lives("web"), "it lives again")
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f62_the_drains_die_again_and_again(house):
    morning = house.open(apply="kill")
    for _ in range(2):
        house.stack.wait(lambda: house.stack.struck("apply"), "webhooks are applied")
        house.stack.strike_at("apply", "kill")
        house.stack.live_for(0.5)
    house.stack.wait(lambda: house.stack.struck("apply"), "webhooks are applied")
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)
