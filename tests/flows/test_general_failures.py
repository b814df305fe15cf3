"""Whole distributions of 300 to the real sandbox over HTTP, through failures that hit everybody.

The sandbox's journal is the oracle: who got it how often. A person removes the cause and resumes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from distribution.engine import tick
from distribution.lifecycle import control
from distribution.mirror import template_sync
from distribution.models import Delivery, Distribution, DistributionState, MessageTemplate, State
from distribution.sending import batch
from phonepool.cloud_api import client
from phonepool.models import NumberState, PhoneNumber
from subscribers.models import Status, Subscriber
from tests.builders import a_number, an_approved_content, an_open_distribution
from tests.sandbox.harness import ONE, SECRET, TOKEN, TWO, WABA, Receiver, SandboxProcess, start
from tests.webhooks.posts import URL
from webhooks.applying import inbox
from webhooks.receiving import signature

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PEOPLE = 300
THREE = "100000000000003"
DELIVERED = ("delivered", "read", "read_only")
ON = {"for_seconds": 3600}


@dataclass
class Morning:
    """A distribution, the sandbox it is sent to, and the webhooks that come back."""

    meta: SandboxProcess
    receiver: Receiver
    distribution: Distribution
    posted: int = 0

    @property
    def now(self) -> Distribution:
        return Distribution.objects.get(pk=self.distribution.pk)

    def step(self) -> None:
        """What workers, web server and tick do, once."""
        for batch_no in range(self.distribution.batches):
            batch.send_batch(self.distribution.pk, batch_no, api=client.client())
        self.take_webhooks()
        tick.check(timezone.now())

    def take_webhooks(self) -> None:
        new, browser = self.receiver.posts[self.posted :], Client()
        self.posted += len(new)
        for post in new:
            signed = {signature.HEADER: post.headers[signature.HEADER]}
            answer = browser.post(URL, post.body, content_type="application/json", headers=signed)
            assert answer.status_code == 200
        inbox.drain(now=timezone.now())

    def until(self, condition: Callable[[], Any], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.states(), self.now.state_reason)
            self.step()

    def until_paused(self, cause: str) -> None:
        self.until(lambda: self.now.state == DistributionState.PAUSED)
        assert self.now.pause_cause == cause
        for _ in range(5):  # what was in flight
            time.sleep(0.1)
            self.step()
        assert self.states().get(State.FAILED, 0) == 0

    def until_everybody_has_it(self, *, but: int = 0) -> None:
        self.until(lambda: len(self.received()) + but == PEOPLE and self.is_settled())

    def resume(self) -> None:
        control.resume(self.distribution.pk, now=timezone.now())

    def is_settled(self) -> bool:
        return not {State.PENDING, State.RETRY_WAIT, State.CLAIMED, State.INFLIGHT} & set(
            self.states()
        )

    def states(self) -> dict[str, int]:
        rows = Delivery.objects.filter(distribution=self.distribution)
        return rows.count_by_state()

    def received(self) -> Counter[str]:
        """How often each person got it."""
        return Counter(e["to"] for e in self.meta.journal() if e["outcome"] in DELIVERED)

    def assert_everybody_got_it_once(self) -> None:
        assert self.states() == {State.ACCEPTED: PEOPLE}
        got = self.received()
        assert (len(got), max(got.values())) == (PEOPLE, 1)


@pytest.fixture
def morning(settings) -> Iterator[Morning]:
    receiver = Receiver().begin()
    meta = start("--webhook-url", receiver.url, "--number", f"{THREE}:919800000003:500")
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = meta.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID, settings.WHATSAPP_APP_SECRETS = WABA, [SECRET]
    sync_templates()
    for meta_id in (ONE, TWO, THREE):
        a_number(meta_id=meta_id, rate_per_second=200)
    template = MessageTemplate.objects.get(name="daily_update")
    content = an_approved_content(message_template=template)
    yield Morning(meta, receiver, an_open_distribution(PEOPLE, content=content))
    client.client().close()
    meta.stop()
    receiver.end()


def sync_templates() -> None:
    template_sync.sync(client.client(), now=datetime.now(UTC))


def set_outcomes(morning: Morning, outcome: str, code: int = 0) -> None:
    for phone in Subscriber.objects.values_list("phone", flat=True):
        body = {"outcome": outcome, **({"code": code} if code else {})}
        morning.meta.control("POST", f"recipient/{phone.removeprefix('+')}", body)


def refuse(morning: Morning, **fault: Any) -> None:
    morning.meta.control("POST", "faults", [{"match": {}, **ON, **fault}])


def test_a_template_edited_at_meta_after_the_opening(morning):
    """Case A3: 132000 for everybody. It goes on by itself once the template is back."""
    body = "Namaste {{1}}, {{2}}"
    as_approved = MessageTemplate.objects.get(name="daily_update").components
    edited = [
        {
            "type": "BODY",
            "text": f"{body} {{{{3}}}}!",
            "example": {"body_text": [["Ravi", "Nifty", "more"]]},
        }
    ]
    morning.meta.control("POST", "template/daily_update", {"components": edited})
    morning.until_paused("parameter_count")
    assert "(132000)" in morning.now.state_reason

    sync_templates()
    morning.step()
    assert morning.now.state == DistributionState.PAUSED  # it is not what was approved
    morning.meta.control("POST", "template/daily_update", {"components": as_approved})
    sync_templates()

    morning.until_everybody_has_it()
    morning.assert_everybody_got_it_once()


def test_media_that_nobody_can_be_sent(morning):
    """Case A5: 131053 for everybody, reported after acceptance."""
    set_outcomes(morning, "failed", 131053)
    morning.until_paused("media_unusable")

    set_outcomes(morning, "delivered")
    morning.resume()

    morning.until_everybody_has_it()
    morning.assert_everybody_got_it_once()


def test_a_code_that_nobody_knows(morning):
    """Case A6: an unlisted code for everybody."""
    refuse(morning, do="error", code=999_999)
    morning.until_paused("unlisted")

    morning.meta.control("DELETE", "faults")
    morning.resume()

    morning.until_everybody_has_it()
    morning.assert_everybody_got_it_once()


def test_pages_of_a_proxy_for_everybody(morning):
    """Item 7: whether those went out stays unknown, nobody is written to twice."""
    refuse(morning, do="http", status=403, body="<html>Blocked by the firewall</html>")
    morning.until_paused("proxy_answer")
    unknown = morning.states()[State.UNKNOWN]
    assert unknown <= 150

    morning.meta.control("DELETE", "faults")
    morning.resume()

    morning.until_everybody_has_it(but=unknown)
    assert morning.states() == {State.ACCEPTED: PEOPLE - unknown, State.UNKNOWN: unknown}
    assert max(morning.received().values()) == 1


def test_undeliverable_storms_on_three_mornings(morning):
    """Case A12: nobody becomes INVALID."""
    content = morning.distribution.content
    for day in range(3):
        if day:
            Subscriber.objects.update(unreachable_on=timezone.localdate() - timedelta(days=1))
            fields = {"content": content, "local_date": timezone.localdate()}
            again = an_open_distribution(**fields)
            morning = Morning(morning.meta, morning.receiver, again, morning.posted)
        set_outcomes(morning, "invalid")
        morning.until_paused("undeliverable")
        counted = Subscriber.objects.values_list("status", "unreachable_days")
        assert set(counted) == {(Status.ACTIVE, 0)}
        control.cancel(morning.distribution.pk, reason="Tomorrow again.", now=timezone.now())


def test_an_undeliverable_storm_that_ends(morning):
    """Case A12: who failed gets the message after the resume."""
    set_outcomes(morning, "invalid")
    morning.until_paused("undeliverable")

    set_outcomes(morning, "delivered")
    morning.resume()

    morning.until_everybody_has_it()
    morning.assert_everybody_got_it_once()
    assert not Subscriber.objects.exclude(status=Status.ACTIVE).exists()


def test_one_number_of_three_that_fails_for_everybody(morning):
    """Class K1: 100 in the answers of one number; it rests and its recipients move."""
    refuse(morning, match={"number": TWO}, do="error", code=100)

    morning.until_everybody_has_it()

    morning.assert_everybody_got_it_once()
    assert morning.now.state in (DistributionState.SENDING, DistributionState.COMPLETED)
    assert PhoneNumber.objects.get(meta_id=TWO).state == NumberState.RESTING
