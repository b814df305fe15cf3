"""How webhooks are posted, and posts of the caller's own."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

import aiohttp

from sandbox.control.request import Commands, ControlRequest
from sandbox.formats.values import InvalidValue
from sandbox.sandbox import Sandbox
from sandbox.webhooks.posting import Post, signature

COMMANDS = Commands()
_FLOW_KEYS = {"paused": bool, "drop": bool, "backlog_seconds": float, "delay_s": float}
_POSTING_KEYS = {"url": str, "app_secret": str, "verify_token": str}


@COMMANDS.add("POST", "webhooks", {**_FLOW_KEYS, **_POSTING_KEYS})
async def change_webhooks(sandbox: Sandbox, request: ControlRequest) -> object:
    """Pauses, drops, delays or holds back webhooks; changes their URL and secrets."""
    webhooks = sandbox.webhooks
    request.assign(webhooks.flow, "paused", "drop")
    if "backlog_seconds" in request.body:
        webhooks.flow.held_until = sandbox.clock.now() + request.body["backlog_seconds"]
    request.assign(sandbox.world.settings, webhook_delay_s="delay_s")
    request.assign(sandbox.world.app, "app_secret", "verify_token", webhook_url="url")
    if request.body.get("url"):
        for waba in sandbox.world.wabas.values():
            waba.subscribed = True
    return {"paused": webhooks.flow.paused, "drop": webhooks.flow.drop}


_SIGNATURES = ("good", "none", "bad", "upper", "sha1")
_OWN_BODY = {"body": str, "signature": _SIGNATURES, "secret": str}
_VALUE_KEYS = {"field": str, "value": Any, "entry_id": str, "time": int, "age_s": float}


@COMMANDS.add("POST", "webhook", {**_OWN_BODY, **_VALUE_KEYS})
async def post_webhook(sandbox: Sandbox, request: ControlRequest) -> object:
    """Posts any management value, of any account (`entry_id`), as of any `time`; or the caller's
    body with a valid or invalid signature, never retried."""
    if "body" not in request.body:
        return _queue_value(sandbox, request)
    body = request.body["body"].encode()
    secret = request.body.get("secret", sandbox.world.app.app_secret)
    headers = _signed(request.body.get("signature", "good"), secret, body)
    sandbox.webhooks.poster.post(
        Post(body, [], sandbox.clock.now(), headers=headers, retried=False)
    )
    return {"posted": 1}


def _queue_value(sandbox: Sandbox, request: ControlRequest) -> object:
    body, now = request.body, sandbox.clock.now()
    in_s = body["time"] - now if "time" in body else -request.age_s
    waba_id = body.get("entry_id", sandbox.world.first_waba.id)
    sandbox.webhooks.queue_management(waba_id, body.get("field", ""), body.get("value"), in_s=in_s)
    return {"queued": 1}


def _signed(kind: str, secret: str, body: bytes) -> dict[str, str]:
    """The signature headers of a POST, of the requested kind."""
    name, valid = "X-Hub-Signature-256", signature(secret, body)
    match kind:
        case "none":
            return {}
        case "bad":
            return {name: signature(secrets.token_hex(8), body)}
        case "upper":
            return {name: valid.upper().replace("SHA256", "sha256")}
        case "sha1":
            key = secret.encode()
            return {"X-Hub-Signature": "sha1=" + hmac.digest(key, body, hashlib.sha1).hex()}
        case _:
            return {name: valid}


@COMMANDS.add("POST", "handshake")
async def verify_webhook_url(sandbox: Sandbox, _: ControlRequest) -> object:
    """Sends the webhook URL Meta's verification request and returns the result."""
    if not sandbox.world.app.webhook_url:
        raise InvalidValue("there is no webhook url")
    challenge = str(secrets.randbelow(10**10))
    try:
        status, text = await sandbox.webhooks.poster.handshake(challenge)
    except (TimeoutError, aiohttp.ClientError) as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": status == 200 and text == challenge, "status": status, "body": text[:200]}
