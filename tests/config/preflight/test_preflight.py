"""The preflight against the sandbox: what is broken is named, and nothing counts as a delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from django.utils import timezone

from config.preflight import background, run, slots
from config.preflight.run import PreflightRefusedError
from distribution.lifecycle import schedule
from distribution.mirror import pool_sync, template_sync
from distribution.models import (
    Alert,
    Content,
    Delivery,
    Distribution,
    Heartbeat,
    MessageTemplate,
    Preflight,
    PreflightMessage,
    StaffCharge,
    Worker,
)
from distribution.runtime import india_time
from phonepool.cloud_api import client as cloud
from phonepool.cloud_api.app import AppApi
from phonepool.models import Portfolio
from tests.api.tokens import a_program
from tests.builders import (
    a_number,
    a_waba,
    an_approved_content,
    an_open_distribution,
    some_subscribers,
)
from tests.distribution.staff import a_client
from tests.sandbox.harness import (
    ONE,
    QUICK,
    SECRET,
    TOKEN,
    TWO,
    VERIFY,
    WABA,
    Receiver,
    SandboxProcess,
    start,
    wait_for,
)
from webhooks.applying import inbox
from webhooks.applying.payloads import READERS
from webhooks.receiving.store import store

pytestmark = pytest.mark.django_db(transaction=True)
APP = "200000000000001"
PHONES = ["+919812345678", "+919812345679"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver().begin()
    yield receiver
    receiver.end()


@pytest.fixture(scope="module")
def shared(receiver: Receiver) -> Iterator[SandboxProcess]:
    sandbox = start("--webhook-url", receiver.url, settings=QUICK)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def meta(shared: SandboxProcess, receiver: Receiver, settings: Any) -> SandboxProcess:
    """Everything is in order: two numbers, content for tomorrow, all processes."""
    shared.control("POST", "clear")
    shared.settings(date_ahead_s=0)
    receiver.clear()
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = shared.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID, settings.WHATSAPP_APP_SECRETS = WABA, [SECRET]
    settings.WHATSAPP_VERIFY_TOKEN, settings.TEST_RECIPIENTS = VERIFY, PHONES
    portfolio = Portfolio.objects.create(business_id="900", name="Daybreak")
    waba = a_waba(WABA, portfolio=portfolio)
    for name in (ONE, TWO):
        a_number(meta_id=name, label=f"n{name[-1]}", portfolio=portfolio, waba=waba)
    subscribe(receiver.url, READERS)
    template_sync.sync(cloud.client(), now=timezone.now())
    pool_sync.sync(cloud.client(), now=timezone.now())
    template = MessageTemplate.objects.get(name="daily_update")
    for days in (0, 1):
        day = india_time.local_date(timezone.now()) + timedelta(days=days)
        an_approved_content(day=day, message_template=template)
    some_subscribers(3)
    alive()
    return shared


def subscribe(url: str, fields: Iterable[str]) -> None:
    AppApi(APP).subscribe(url, VERIFY, sorted(fields))


def alive() -> None:
    now = timezone.now()
    for name in ("keeper", "tick", "beat"):
        Heartbeat.record(name, now)
    queues = [*django_settings.QUEUE_CONCURRENCY]
    Worker.objects.create(name="one", queues=queues, concurrency=1, at=now)


def apply_webhooks(receiver: Receiver) -> None:
    for post in list(receiver.posts):
        store(post.body, 0, now=timezone.now())
    inbox.drain(now=timezone.now())


def reported(receiver: Receiver, messages: int) -> None:
    """Wait until the end of so many messages is reported."""
    ends = (b'"delivered"', b'"failed"')

    def bodies() -> bytes:
        return b"".join(one.body for one in receiver.posts)

    wait_for(lambda: sum(bodies().count(end) for end in ends) >= messages, 5)


def the_result(receiver: Receiver | None) -> Preflight:
    """One preflight, with all webhooks that come within moments; without a receiver, none does."""
    preflight = run.create_by_hand(by=None, now=timezone.now())
    run.perform(preflight, now=timezone.now())
    if receiver is not None and PreflightMessage.objects.filter(accepted=True).exists():
        reported(receiver, PreflightMessage.objects.filter(accepted=True).count())
        apply_webhooks(receiver)
        run.settle(timezone.now())
    preflight.refresh_from_db()
    if preflight.state == "RUNNING":
        run.settle(timezone.now() + timedelta(minutes=3))
        preflight.refresh_from_db()
    return preflight


def failing(preflight: Preflight) -> set[str]:
    return set(preflight.checks.filter(result="fails").values_list("key", flat=True))


def test_everything_in_order_is_green_and_counts_for_nothing(meta, receiver) -> None:
    preflight = the_result(receiver)

    doubts = preflight.checks.exclude(result="ok").values_list("key", "seen")
    assert (preflight.verdict, list(doubts)) == ("GREEN", [])
    assert preflight.messages.count() == 4
    assert {row["phone_number_id"] for row in meta.journal()} == {ONE, TWO}
    assert Delivery.objects.count() == 0
    assert not Alert.objects.filter(rule="preflight").exists()
    assert preflight.plan.startswith("Meets the SLA: 3 people")
    assert StaffCharge.objects.filter(charged="CHARGED", amount=Decimal("0.115")).count() == 4


def no_token(meta: SandboxProcess, settings: Any) -> None:
    meta.control("POST", "account", {"token_ok": False, "silent": True})


def no_webhook(meta: SandboxProcess, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["elsewhere.example"]


def a_paused_template(meta: SandboxProcess, settings: Any) -> None:
    meta.control("POST", "template/daily_update", {"status": "PAUSED", "silent": True})


def an_old_file(meta: SandboxProcess, settings: Any) -> None:
    media = {"type": "image", "id": "7", "ids": {ONE: "7"}, "filename": "a.png"}
    Content.objects.update(media=media)


def a_lost_number(meta: SandboxProcess, settings: Any) -> None:
    meta.control("POST", f"number/{ONE}", {"status": "DISCONNECTED", "silent": True})


def a_small_limit(meta: SandboxProcess, settings: Any) -> None:
    some_subscribers(260)
    meta.control("POST", "portfolio", {"limit": 250})


def no_funding(meta: SandboxProcess, settings: Any) -> None:
    meta.control("POST", "account", {"payment_ok": False, "silent": True})


def a_wrong_clock(meta: SandboxProcess, settings: Any) -> None:
    meta.settings(date_ahead_s=10)


def no_worker(meta: SandboxProcess, settings: Any) -> None:
    Worker.objects.all().delete()


def no_receiver(meta: SandboxProcess, settings: Any) -> None:
    """What comes is not taken."""


def a_missing_field(meta: SandboxProcess, settings: Any) -> None:
    url = AppApi(APP).subscription().callback_url
    subscribe(url, ["message_template_status_update"])


def another_category(meta: SandboxProcess, settings: Any) -> None:
    body = {"correct_category": "MARKETING", "silent": True}
    meta.control("POST", "template/daily_update", body)


BROKEN: list[tuple[str, Callable[[SandboxProcess, Any], None]]] = [
    ("token", no_token),
    ("webhook", no_webhook),
    ("template", a_paused_template),
    ("media", an_old_file),
    ("number", a_lost_number),
    ("limit", a_small_limit),
    ("funding", no_funding),
    ("clock", a_wrong_clock),
    ("worker", no_worker),
    ("receiver", no_receiver),
    ("subscription", a_missing_field),
    ("category", another_category),
]


# What else cannot be in order then.
BESIDE: dict[str, tuple[str, ...]] = {
    "token": ("account", "limit", "number"),
    "template": ("number",),
    "media": ("number", "opening"),
    "funding": ("account", "number"),
    "subscription": ("receiver",),
}


@pytest.mark.parametrize(("key", "spoil"), BROKEN, ids=[key for key, _ in BROKEN])
def test_what_is_broken_is_named(meta, receiver, settings, key, spoil) -> None:
    spoil(meta, settings)
    silent = key in ("receiver", "subscription")

    preflight = the_result(None if silent else receiver)

    assert failing(preflight) == {key, *BESIDE.get(key, ())}
    assert preflight.verdict in ("RED", "AMBER")
    alert = Alert.objects.get(rule="preflight", closed_at=None)
    named = preflight.checks.filter(key=key, result="fails")
    assert any(run.title(row) in alert.message for row in named)


# --- what the messages show


SIX = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)


def test_a_slot_runs_once_and_reads_again_what_the_messages_showed(
    meta, receiver, monkeypatch
) -> None:
    monkeypatch.setattr(schedule, "next_due", lambda _now: daily)
    now = timezone.now()
    at = now + timedelta(minutes=29)
    daily = Distribution(kind="DAILY", local_date=india_time.local_date(at), planned_at=at)
    a_lost_number(meta, None)

    first = slots.run_if_due(now)
    assert first is not None
    assert slots.run_if_due(now) is None  # beat fired twice
    reported(receiver, 2)
    apply_webhooks(receiver)
    slots.run_if_due(now)

    first.refresh_from_db()
    assert (first.state, first.verdict) == ("DONE", "AMBER")
    later = slots.run_if_due(now + timedelta(minutes=20))
    later.refresh_from_db()
    assert (later.sends, later.state, later.verdict) == (False, "DONE", "AMBER")
    assert later.messages.count() == 0
    assert Alert.objects.filter(rule="preflight", closed_at=None).count() == 1


def test_it_refuses_while_a_distribution_runs(meta) -> None:
    an_open_distribution(1)

    with pytest.raises(PreflightRefusedError, match="A distribution is running"):
        run.create_by_hand(by=None, now=timezone.now())
    assert not Preflight.objects.exists()


# --- the page


def test_the_page_starts_it_once_for_who_may(meta, receiver, monkeypatch) -> None:
    monkeypatch.setattr(background, "start", lambda job: job._work())
    operator = a_client("Operator")
    page = operator.get(reverse("preflight")).content.decode()
    key = page.split('name="form_key" value="')[1].split('"')[0]

    for _ in range(2):
        operator.post(reverse("preflight_start"), {"form_key": key})
    operator.post(reverse("preflight_start"), {"form_key": "another"})

    preflight = Preflight.objects.get()
    assert preflight.started_by.username.startswith("Operator")
    assert preflight.messages.count() == 4
    reported(receiver, 4)
    apply_webhooks(receiver)
    shown = operator.get(reverse("preflight")).content.decode()
    assert "Ready" in shown
    assert "Green" in shown
    assert "<strong>Green</strong>" in operator.get("/admin/").content.decode()
    assert a_client("Viewer").post(reverse("preflight_start")).status_code == 403


def test_the_api_starts_one_and_reads_it(meta, receiver, monkeypatch) -> None:
    monkeypatch.setattr(background, "start", lambda job: job._work())
    address, body = "/api/distribution/preflight", {"reason": "Before the morning"}
    program = a_program("read", "distribute")
    assert program.get(address).json()["code"] == "none_yet"

    started = program.post(address, body)
    again = program.post(address, body)
    reported(receiver, 4)
    apply_webhooks(receiver)
    found = program.get(address).json()

    assert (started.status_code, again.status_code) == (202, 409)
    assert (found["verdict"], found["state"], found["messages"]) == ("GREEN", "DONE", 4)
    assert {one["result"] for one in found["checks"]} == {"ok"}
    assert {one["number"] for one in found["checks"]} >= {"n1", "n2"}
