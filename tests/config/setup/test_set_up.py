"""The set-up checks against the sandbox: what each says when it fails, and who may do what."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.setup import meta as readings
from config.setup import registry
from config.setup.items import Item
from distribution import tasks
from distribution.models import Alert, SetupMessage, SetupResult
from phonepool.cloud_api import client as cloud
from phonepool.models import PhoneNumber
from tests.builders import a_number, an_approved_content
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
)

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, NUMBERS, WEBHOOK = "/admin/setup/", "/admin/setup/numbers/", "/admin/setup/webhook/"


@pytest.fixture
def meta(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxProcess]:
    """Meta, with the account and nothing subscribed."""
    sandbox = start(settings=QUICK)
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = sandbox.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID, settings.WHATSAPP_APP_SECRETS = WABA, [SECRET]
    settings.WHATSAPP_VERIFY_TOKEN, settings.TEST_RECIPIENTS = VERIFY, ["+919812345678"]
    monkeypatch.setattr(registry, "_latest", None)
    yield sandbox
    cloud.client().close()
    sandbox.stop()


@pytest.fixture
def complete(meta: SandboxProcess, settings: Any) -> Iterator[SandboxProcess]:
    """Everything is set up."""
    receiver = Receiver().begin()
    meta.control("POST", "webhooks", {"url": receiver.url})
    output("--add-numbers")
    an_approved_content(is_fallback=True, day=None)
    SetupMessage.objects.create(
        digest="d", template="daily_update", at=timezone.now(), status="read"
    )
    yield meta
    receiver.end()


def found() -> dict[str, Item]:
    return {item.key: item for item in registry.run(timezone.now()).items}


def shown(client: Client, address: str = PAGE) -> str:
    return " ".join(unescape(client.get(address).content.decode()).split())


def output(*arguments: str) -> tuple[str, str]:
    """What the command printed, and the sentence that it ended with."""
    out = StringIO()
    try:
        call_command("setup", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_a_complete_set_up_says_so_everywhere(complete: SandboxProcess) -> None:
    out, error = output()

    assert error == ""
    assert "Set-up is complete." in out
    assert out.count("✓") + out.count("!") == len(registry.CHECKS)
    assert "Set-up is complete" in shown(a_client("Administrator"))
    assert "Open Set up" not in shown(a_client("Administrator"), "/admin/")
    assert [one.id for one in run_checks(tags=["setup"], include_deployment_checks=True)] == [
        "daybreak.W011"  # today's content is the fallback
    ]


def test_nothing_set_up_is_one_list_of_what_to_do(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(registry, "_latest", None)
    settings.WHATSAPP_ACCESS_TOKEN = settings.WHATSAPP_VERIFY_TOKEN = ""

    out, error = output()

    assert error.startswith("Set-up is not complete: WhatsApp account, App and access token,")
    for variable in ("BUSINESS_ID", "ACCESS_TOKEN", "VERIFY_TOKEN"):
        assert f"WHATSAPP_{variable} is not set." in out
    assert "TEST_RECIPIENTS is empty." in out
    page = shown(a_client("Administrator"))
    assert "WHATSAPP_BUSINESS_ID is not set." in page
    assert "Open Set up" in shown(a_client("Operator"), "/admin/")
    errors = run_checks(tags=["setup"], include_deployment_checks=True)
    assert "daybreak.E011" in [error.id for error in errors]


def test_check_without_deploy_never_asks_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> None:
        raise AssertionError("Meta was asked")

    monkeypatch.setattr(readings, "read", ask)
    call_command("check", stdout=StringIO(), stderr=StringIO())
    a_client("Administrator").get("/admin/")  # nor does the home page
    a_client("Administrator").get("/admin/system-status/")


@pytest.mark.parametrize(
    ("key", "result", "words", "change"),
    [
        ("token", "fails", "is not valid", {"token_ok": False}),
        ("token", "warning", "expires on", {"token_expires_at": int(time.time()) + 86_400}),
        ("token", "ok", "both permissions until", {"token_expires_at": 2_000_000_000}),
        ("token", "fails", "lacks permissions: whatsapp_business_me", {"scopes": []}),
        ("account", "fails", "cannot send: WABA", {"locked": True}),
        ("account", "fails", "Meta rejected", {"review": "REJECTED"}),
        ("account", "fails", "141006", {"payment_ok": False}),
    ],
)
def test_what_is_wrong_at_meta_is_named(
    complete: SandboxProcess, key: str, result: str, words: str, change: dict[str, Any]
) -> None:
    complete.control("POST", "account", {**change, "silent": True})

    item = found()[key]

    assert (item.result, words in item.seen) == (result, True), item
    assert item.to_do or result == "ok"


def test_a_wrong_account_is_refused_in_metas_words(complete: SandboxProcess, settings: Any) -> None:
    settings.WHATSAPP_BUSINESS_ID = "999"

    items = found()

    assert "Object with ID '999' does not exist" in items["account"].seen
    assert "does not reach account 999" in items["token"].seen
    assert items["account"].result == items["token"].result == "fails"


def test_a_wrong_app_secret_and_a_wrong_app_are_told(
    complete: SandboxProcess, settings: Any
) -> None:
    settings.WHATSAPP_APP_SECRETS = ["wrong"]
    assert found()["webhook"].result == "fails"

    settings.WHATSAPP_APP_SECRETS, settings.WHATSAPP_APP_ID = [SECRET], "77"
    assert "belongs to app 200000000000001" in found()["token"].seen


def test_another_webhook_address_and_missing_fields_are_told(complete: SandboxProcess) -> None:
    assert found()["webhook"].result == "ok"

    complete.control("POST", "webhooks", {"url": "https://elsewhere.example/webhooks/whatsapp/"})
    assert "another address" in found()["webhook"].seen
    complete.control("POST", "webhooks", {"url": "http://127.0.0.1:1/hook"})
    assert "another address" in found()["webhook"].seen


def test_a_number_that_meta_does_not_know_fails(complete: SandboxProcess) -> None:
    a_number(meta_id="12345", label="typo", verified_at=None)
    assert "typo: not synced with Meta yet" in found()["numbers"].seen

    PhoneNumber.objects.filter(label="typo").delete()
    PhoneNumber.objects.update(state="DISABLED")
    assert found()["numbers"].result == "fails"


def test_the_limit_is_compared_with_the_audience(complete: SandboxProcess) -> None:
    complete.control("POST", "portfolio", {"limit": 250})
    assert found()["limit"].seen == "250 people in 24 hours · 0 subscribers"


def test_templates_that_are_not_approved_fail(complete: SandboxProcess) -> None:
    complete.control("POST", "template/daily_update", {"status": "PAUSED"})
    assert found()["templates"].result == "warning"  # the other one is for marketing

    complete.control("POST", "template/offer", {"status": "REJECTED", "language": "en_US"})
    assert found()["templates"].result == "fails"


def test_a_test_message_counts_once_it_is_delivered(complete: SandboxProcess) -> None:
    row = SetupMessage.objects.get()
    for status, result in [("", "not checked"), ("sent", "not checked"), ("failed", "fails")]:
        row.status = status
        row.save()
        assert found()["test_message"].result == result
    row.status, row.at = "sent", timezone.now() - timezone.timedelta(minutes=5)
    row.save()
    assert "not reported yet" in found()["test_message"].seen


def test_a_meta_that_hangs_holds_up_nobody(
    meta: SandboxProcess, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "DEADLINE_SECONDS", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        settings.WHATSAPP_API_BASE = f"http://127.0.0.1:{mute.getsockname()[1]}"
        settings.CLOUD_API_READ_TIMEOUT = 1.0
        began = time.monotonic()
        page = shown(a_client("Administrator"))
        took = time.monotonic() - began
        cloud.client().close()

    assert took < 5
    assert "Meta did not answer within" in page
    assert SetupResult.objects.get(pk="account").result == "not checked"


def test_numbers_and_webhook_are_set_up_on_the_page(
    meta: SandboxProcess, live_server: Any, settings: Any
) -> None:
    boss = a_client("Administrator")
    host = live_server.url.removeprefix("http://")
    page = shown(boss)
    assert "+91 98000 00002" in page
    assert VERIFY not in page

    hook = boss.get(WEBHOOK, headers={"host": host}).content.decode()
    assert VERIFY in hook
    assert f"{live_server.url}/webhooks/whatsapp" in hook
    boss.post(WEBHOOK, headers={"host": host})
    assert found()["webhook"].result == "ok"

    boss.post(NUMBERS, {"number": [ONE]})
    boss.post(NUMBERS, {"number": [ONE]})
    (number,) = PhoneNumber.objects.all()
    assert (number.meta_id, number.is_able, number.verified_name) == (ONE, True, "Daybreak")
    boss.post(NUMBERS, {"number": [ONE, TWO, "12345"]})
    assert PhoneNumber.objects.count() == 2
    acts = " ".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "webhook connected" in acts
    assert "added from Meta's list" in acts


def test_a_refused_webhook_is_told_in_metas_words(meta: SandboxProcess) -> None:
    answer = a_client("Administrator").post(WEBHOOK, headers={"host": "127.0.0.1:9"}, follow=True)

    assert "Callback verification failed" in answer.content.decode()
    assert found()["webhook"].seen == "Meta has no webhook address for this app."


@pytest.mark.parametrize("role", ["Viewer", "Editor", "Approver", "Operator"])
def test_the_verify_token_is_for_administrators(role: str, settings: Any) -> None:
    client = a_client(role)

    assert client.get(WEBHOOK).status_code == 403
    assert client.post(WEBHOOK).status_code == 403
    assert client.post(NUMBERS, {"number": [ONE]}).status_code == 403
    assert settings.WHATSAPP_VERIFY_TOKEN not in client.get(PAGE).content.decode()
    assert client.get(PAGE).status_code == (200 if role == "Operator" else 403)


def test_an_empty_choice_of_a_test_sends_nothing(meta: SandboxProcess) -> None:
    boss = a_client("Administrator")
    for fields in ({}, {"phone": "7", "template": "1"}, {"phone": "x", "template": "y"}):
        boss.post(reverse("setup_test"), fields)
    assert meta.journal() == []


def test_an_alert_tells_in_time_that_the_token_ends_and_closes_with_its_successor(
    meta: SandboxProcess,
) -> None:
    alerts = Alert.objects.filter(rule="access_token_expires", closed_at=None)
    meta.control(
        "POST", "account", {"token_expires_at": int(time.time()) + 6 * 86_400 + 60, "silent": True}
    )
    tasks.check_access_token()
    assert (alerts.get().severity, "in 6 days" in alerts.get().message) == ("WARNING", True)
    page = shown(a_client("Operator"), f"/admin/distribution/alert/{alerts.get().pk}/change/")
    assert f'href="{PAGE}"' in page

    meta.control("POST", "account", {"token_ok": False, "silent": True})
    tasks.check_access_token()
    assert alerts.get().severity == "CRITICAL"

    meta.control("POST", "account", {"token_ok": True, "token_expires_at": 0, "silent": True})
    registry.run(timezone.now())  # Set up is opened after the token was replaced
    assert not alerts.exists()
