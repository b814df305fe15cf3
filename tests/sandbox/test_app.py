"""What Meta tells of the app and its token, and how a webhook URL is verified and subscribed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.sandbox.harness import (
    QUICK,
    SECRET,
    TOKEN,
    VERIFY,
    WABA,
    Receiver,
    SandboxProcess,
    start,
    wait_for,
)

APP = "200000000000001"
APP_TOKEN = f"{APP}|{SECRET}"


@pytest.fixture
def meta() -> Iterator[SandboxProcess]:
    sandbox = start(settings=QUICK)  # without a webhook URL: nothing is subscribed
    yield sandbox
    sandbox.stop()


def call(
    meta: SandboxProcess, path: str, *, token: str = TOKEN, method: str = "GET", **fields: str
) -> tuple[int, Any]:
    answer = requests.request(
        method,
        f"{meta.url}/v25.0/{path}",
        headers={"Authorization": f"Bearer {token}"} if token else {},
        data=fields or None,
        timeout=30,
    )
    return answer.status_code, answer.json()


def code(answer: tuple[int, Any]) -> int:
    return int(answer[1]["error"]["code"])


def test_a_token_is_examined_by_itself_or_by_the_app(meta: SandboxProcess) -> None:
    meta.control("POST", "account", {"token_expires_at": 1_800_000_000})
    for caller in (TOKEN, APP_TOKEN):
        status, told = call(meta, f"debug_token?input_token={TOKEN}", token=caller)
        assert status == 200
        assert told["data"]["app_id"] == APP
        assert told["data"]["is_valid"] is True
        assert told["data"]["expires_at"] == 1_800_000_000
        assert "whatsapp_business_messaging" in told["data"]["scopes"]
        assert told["data"]["granular_scopes"][0]["target_ids"] == [WABA]


def test_another_token_is_invalid_and_a_stranger_learns_nothing(meta: SandboxProcess) -> None:
    _, told = call(meta, "debug_token?input_token=another", token=APP_TOKEN)
    assert told["data"]["is_valid"] is False
    assert told["data"]["error"]["code"] == 190

    assert code(call(meta, f"debug_token?input_token={TOKEN}", token="another")) == 190
    assert code(call(meta, f"debug_token?input_token={TOKEN}", token=f"{APP}|wrong")) == 190
    assert code(call(meta, "debug_token")) == 100


def test_a_token_without_a_permission_is_refused(meta: SandboxProcess) -> None:
    meta.control("POST", "account", {"scopes": ["whatsapp_business_messaging"]})
    assert code(call(meta, f"{WABA}/phone_numbers")) == 10

    meta.control("POST", "account", {"scopes": ["whatsapp_business_management"]})
    assert call(meta, f"{WABA}/phone_numbers")[0] == 200
    refused = meta.send("+919812345678")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, 10)


def test_subscriptions_are_read_with_the_apps_token_only(meta: SandboxProcess) -> None:
    assert call(meta, f"{APP}/subscriptions", token=APP_TOKEN) == (200, {"data": []})
    assert code(call(meta, f"{APP}/subscriptions")) == 15
    assert code(call(meta, f"{APP}/subscriptions", token=f"{APP}|wrong")) == 190


def test_a_webhook_url_is_verified_before_it_is_subscribed(meta: SandboxProcess) -> None:
    receiver = Receiver().begin()
    wanted = {"object": "whatsapp_business_account", "fields": "messages,account_update"}

    def subscribe(**fields: str) -> tuple[int, Any]:
        path = f"{APP}/subscriptions"
        return call(meta, path, token=APP_TOKEN, method="POST", **{**wanted, **fields})

    assert code(subscribe()) == 100
    assert code(subscribe(callback_url="http://example.com/x", verify_token=VERIFY)) == 100
    assert code(subscribe(callback_url="http://127.0.0.1:9/x", verify_token=VERIFY)) == 2200
    url = {"callback_url": receiver.url, "verify_token": VERIFY}
    assert code(subscribe(**url, fields="messages,everything")) == 100
    assert code(subscribe(**url, object="page")) == 100
    assert code(subscribe(**{**url, "verify_token": "wrong"})) == 2200
    assert call(meta, f"{APP}/subscriptions", token=APP_TOKEN)[1] == {"data": []}

    assert subscribe(**url) == (200, {"success": True})

    (told,) = call(meta, f"{APP}/subscriptions", token=APP_TOKEN)[1]["data"]
    assert (told["callback_url"], told["active"]) == (receiver.url, True)
    assert [field["name"] for field in told["fields"]] == ["messages", "account_update"]
    receiver.end()


def test_an_account_that_is_not_subscribed_posts_nothing(meta: SandboxProcess) -> None:
    receiver = Receiver().begin()
    call(
        meta,
        f"{APP}/subscriptions",
        token=APP_TOKEN,
        method="POST",
        object="whatsapp_business_account",
        fields="account_update",
        callback_url=receiver.url,
        verify_token=VERIFY,
    )
    apps = f"{WABA}/subscribed_apps"
    assert call(meta, apps)[1] == {"data": []}
    meta.control("POST", "account", {"locked": True})

    assert call(meta, apps, method="POST") == (200, {"success": True})
    assert call(meta, apps)[1]["data"][0]["whatsapp_business_api_data"]["id"] == APP
    meta.control("POST", "account", {"disabled": True})
    wait_for(lambda: receiver.posts)
    assert b"DISABLED_UPDATE" in receiver.posts[0].body

    assert call(meta, apps, method="DELETE")[0] == 200
    assert call(meta, apps)[1] == {"data": []}
    receiver.end()
