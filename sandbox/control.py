"""The control API, outside the Graph paths: journal, statistics, settings, faults, outages.

Simulated actions of Meta and of recipients are in `incidents.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from sandbox import incidents, settings
from sandbox.answers import control_response
from sandbox.control_request import Commands, ControlRequest
from sandbox.errors import Refusal
from sandbox.posting import Post, signature
from sandbox.sandbox import Sandbox
from sandbox.statistics import statistics
from sandbox.validation import parse
from sandbox.values import InvalidValue, checked

_NO_LIMIT = 100_000_000
COMMANDS = Commands(incidents.COMMANDS)


async def answer_control(sandbox: Sandbox, request: web.BaseRequest, path: str) -> web.Response:
    """Answer one control call; `path` is `/control/<command>[/<name>]`."""
    pieces = [*path.strip("/").split("/", 2), "", ""]
    if (request.method, pieces[1]) not in COMMANDS:
        known = sorted(f"{method} /control/{name}" for method, name in COMMANDS)
        return control_response({"error": "no such command", "commands": known}, 404)
    run, keys = COMMANDS[request.method, pieces[1]]
    raw = await request.read()
    body = parse(raw) if raw else {}
    try:
        body = body if keys is None else checked(keys, body)
        query = dict(parse_qsl(request.query_string))
        answer = await run(sandbox, ControlRequest(pieces[2], body, query))
    except (Refusal, ValueError, TypeError) as error:
        return control_response({"error": str(error)}, 400)
    return answer if isinstance(answer, web.Response) else control_response(answer)


@COMMANDS.add("GET", "journal")
async def read_journal(sandbox: Sandbox, request: ControlRequest) -> object:
    """Accepted messages after `since`, at most `limit`; `format=jsonl` gives plain lines."""
    lines = sandbox.journal.after(
        request.query_integer("since", 0), request.query_integer("limit", _NO_LIMIT)
    )
    return _listing(request, lines, sandbox.journal.last_seq)


@COMMANDS.add("DELETE", "journal")
async def hide_journal(sandbox: Sandbox, _: ControlRequest) -> object:
    """Hides the entries so far; the sequence continues, the file keeps everything."""
    sandbox.journal.hide_entries()
    return {"last_seq": sandbox.journal.last_seq}


@COMMANDS.add("GET", "refusals")
async def read_refusals(sandbox: Sandbox, request: ControlRequest) -> object:
    """The calls that were refused or changed by a fault, oldest first."""
    return _listing(request, sandbox.refusals.all(), sandbox.refusals.count)


def _listing(request: ControlRequest, lines: list[bytes], last_seq: int) -> web.Response:
    if request.query.get("format") == "jsonl":
        return web.Response(body=b"".join(line + b"\n" for line in lines))
    body = b'{"last_seq":%d,"entries":[%s]}' % (last_seq, b",".join(lines))
    return web.Response(body=body, content_type="application/json")


@COMMANDS.add("GET", "stats")
async def read_statistics(sandbox: Sandbox, _: ControlRequest) -> object:
    """All counters."""
    return statistics(sandbox)


@COMMANDS.add("GET", "settings")
async def read_settings(sandbox: Sandbox, _: ControlRequest) -> object:
    """Every setting with its current value."""
    return asdict(sandbox.world.settings)


@COMMANDS.add("PATCH", "settings")
async def change_settings(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets the given settings, all or none."""
    settings.change(sandbox.world.settings, request.body)
    return asdict(sandbox.world.settings)


@COMMANDS.add("POST", "faults")
async def install_faults(sandbox: Sandbox, request: ControlRequest) -> object:
    """Adds one scripted fault or a list of them."""
    scripts = request.body if isinstance(request.body, list) else [request.body]
    return {"ids": sandbox.faults.install(scripts, sandbox.clock.now())}


@COMMANDS.add("GET", "faults")
async def read_faults(sandbox: Sandbox, _: ControlRequest) -> object:
    """The scripted faults and how often each was applied."""
    now = sandbox.clock.now()
    known = [*sandbox.faults.finished, *sandbox.faults.active]
    return {
        "faults": [
            {"id": f.id, "do": f.do, "seen": f.seen, "used": f.used, "over": f.is_over(now)}
            for f in known
        ]
    }


@COMMANDS.add("DELETE", "faults")
async def clear_faults(sandbox: Sandbox, _: ControlRequest) -> object:
    """Removes all scripted faults."""
    sandbox.faults.clear()
    return {}


@COMMANDS.add("POST", "outage", {"seconds": float, "html": bool})
async def begin_outage(sandbox: Sandbox, request: ControlRequest) -> object:
    """Answer every Graph call 503 for `seconds`; 0 ends an outage. `html` for a bare page."""
    sandbox.world.outage_until = sandbox.clock.now() + request.body.get("seconds", 30)
    sandbox.world.outage_page = request.body.get("html", False)
    return {"until": sandbox.world.outage_until}


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
    request.assign(sandbox.world.account, "app_secret", "verify_token", webhook_url="url")
    return {"paused": webhooks.flow.paused, "drop": webhooks.flow.drop}


_SIGNATURES = ("good", "none", "bad", "upper", "sha1")
_WEBHOOK_KEYS = {"field": str, "value": Any, "body": str, "signature": _SIGNATURES, "secret": str}


@COMMANDS.add("POST", "webhook", _WEBHOOK_KEYS)
async def post_webhook(sandbox: Sandbox, request: ControlRequest) -> object:
    """Posts the caller's body with a valid or invalid signature; never retried."""
    if "body" not in request.body:
        field, value = request.body.get("field", ""), request.body.get("value")
        sandbox.webhooks.queue_management(field, value)
        return {"queued": 1}
    body = request.body["body"].encode()
    secret = request.body.get("secret", sandbox.world.account.app_secret)
    headers = _signed(request.body.get("signature", "good"), secret, body)
    sandbox.webhooks.poster.post(
        Post(body, [], sandbox.clock.now(), headers=headers, retried=False)
    )
    return {"posted": 1}


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
    if not sandbox.world.account.webhook_url:
        raise InvalidValue("there is no webhook url")
    challenge = str(secrets.randbelow(10**10))
    try:
        status, text = await sandbox.webhooks.poster.handshake(challenge)
    except (TimeoutError, aiohttp.ClientError) as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": status == 200 and text == challenge, "status": status, "body": text[:200]}


@COMMANDS.add("POST", "clear")
async def clear(sandbox: Sandbox, _: ControlRequest) -> object:
    """Resets the sandbox to its start options."""
    await sandbox.clear()
    return {}
