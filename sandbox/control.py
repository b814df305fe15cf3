"""The control API, outside the Graph paths: journal, statistics, settings, faults, outages.

Simulated actions of Meta and of recipients are in `incidents.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from sandbox import incidents, settings
from sandbox.answers import control_response
from sandbox.control_request import Command, ControlError, ControlRequest
from sandbox.errors import Refusal
from sandbox.posting import Post, signature
from sandbox.sandbox import Sandbox
from sandbox.statistics import statistics
from sandbox.validation import parse

_NO_LIMIT = 100_000_000


async def answer_control(sandbox: Sandbox, request: web.BaseRequest, path: str) -> web.Response:
    """Answer one control call; `path` is `/control/<command>[/<name>]`."""
    pieces = [*path.strip("/").split("/", 2), "", ""]
    command = COMMANDS.get((request.method, pieces[1]))
    if command is None:
        known = sorted(f"{method} /control/{name}" for method, name in COMMANDS)
        return control_response({"error": "no such command", "commands": known}, 404)
    raw = await request.read()
    body = parse(raw) if raw else {}
    if not isinstance(body, dict | list):
        return control_response({"error": "the body must be a JSON object or list"}, 400)
    scripts, fields = (body, {}) if isinstance(body, list) else ([], body)
    try:
        query = dict(parse_qsl(request.query_string))
        answer = await command(sandbox, ControlRequest(pieces[2], fields, scripts, query))
    except (Refusal, ValueError, TypeError) as error:
        return control_response({"error": str(error)}, 400)
    return answer if isinstance(answer, web.Response) else control_response(answer)


async def read_journal(sandbox: Sandbox, request: ControlRequest) -> object:
    """Accepted messages after `since`, at most `limit`; `format=jsonl` gives plain lines."""
    lines = sandbox.journal.after(
        request.query_integer("since", 0), request.query_integer("limit", _NO_LIMIT)
    )
    return _listing(request, lines, sandbox.journal.last_seq)


async def hide_journal(sandbox: Sandbox, _: ControlRequest) -> object:
    """Hides the entries so far; the sequence continues, the file keeps everything."""
    sandbox.journal.hide_entries()
    return {"last_seq": sandbox.journal.last_seq}


async def read_refusals(sandbox: Sandbox, request: ControlRequest) -> object:
    """The calls that were refused or changed by a fault, oldest first."""
    return _listing(request, sandbox.refusals.all(), sandbox.refusals.count)


def _listing(request: ControlRequest, lines: list[bytes], last_seq: int) -> web.Response:
    if request.query.get("format") == "jsonl":
        return web.Response(body=b"".join(line + b"\n" for line in lines))
    body = b'{"last_seq":%d,"entries":[%s]}' % (last_seq, b",".join(lines))
    return web.Response(body=body, content_type="application/json")


async def read_statistics(sandbox: Sandbox, _: ControlRequest) -> object:
    """All counters."""
    return statistics(sandbox)


async def read_settings(sandbox: Sandbox, _: ControlRequest) -> object:
    """Every setting with its current value."""
    return settings.as_dict(sandbox.world.settings)


async def change_settings(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets the given settings, all or none."""
    settings.change(sandbox.world.settings, request.body)
    return settings.as_dict(sandbox.world.settings)


async def install_faults(sandbox: Sandbox, request: ControlRequest) -> object:
    """Adds one scripted fault or a list of them."""
    ids = sandbox.faults.install(request.scripts or [request.body], sandbox.clock.now())
    return {"ids": ids}


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


async def clear_faults(sandbox: Sandbox, _: ControlRequest) -> object:
    """Removes all scripted faults."""
    sandbox.faults.clear()
    return {}


async def begin_outage(sandbox: Sandbox, request: ControlRequest) -> object:
    """Answer every Graph call 503 for `seconds`; 0 ends an outage. `html` for a bare page."""
    request.allow_only("seconds", "html")
    sandbox.world.outage_until = sandbox.clock.now() + request.number("seconds", 30)
    sandbox.world.outage_page = bool(request.flag("html"))
    return {"until": sandbox.world.outage_until}


async def change_webhooks(sandbox: Sandbox, request: ControlRequest) -> object:
    """Pauses, drops, delays or holds back webhooks; changes their URL and secrets."""
    request.allow_only(
        "paused", "drop", "backlog_seconds", "delay_s", "url", "app_secret", "verify_token"
    )
    webhooks, account = sandbox.webhooks, sandbox.world.account
    for key in ("paused", "drop"):
        value = request.flag(key)
        if value is not None:
            setattr(webhooks.flow, key, value)
    if "backlog_seconds" in request.body:
        webhooks.flow.held_until = sandbox.clock.now() + request.number("backlog_seconds", 0)
    settings.change(
        sandbox.world.settings,
        {"webhook_delay_s": request.body["delay_s"]} if "delay_s" in request.body else {},
    )
    webhooks.poster.url = request.text("url", webhooks.poster.url)
    account.app_secret = request.text("app_secret", account.app_secret)
    account.verify_token = request.text("verify_token", account.verify_token)
    return {"paused": webhooks.flow.paused, "drop": webhooks.flow.drop}


async def post_webhook(sandbox: Sandbox, request: ControlRequest) -> object:
    """Posts the caller's body with a valid or invalid signature; never retried."""
    request.allow_only("field", "value", "body", "signature", "secret")
    if "body" in request.body:
        body = request.text("body").encode()
    else:
        sandbox.webhooks.queue_management(request.text("field"), request.body.get("value"))
        return {"queued": 1}
    poster = sandbox.webhooks.poster
    headers = _signed(request, sandbox.world.account.app_secret, body)
    now = sandbox.clock.now()
    poster.post(Post(body, [], now, headers=headers, retried=False))
    return {"posted": 1}


def _signed(request: ControlRequest, app_secret: str, body: bytes) -> dict[str, str]:
    """The signature headers of a POST, of the requested kind."""
    name, valid = "X-Hub-Signature-256", signature(request.text("secret", app_secret), body)
    match request.text("signature", "good"):
        case "good":
            return {name: valid}
        case "none":
            return {}
        case "bad":
            return {name: signature(secrets.token_hex(8), body)}
        case "upper":
            return {name: valid.upper().replace("SHA256", "sha256")}
        case "sha1":
            key = app_secret.encode()
            return {"X-Hub-Signature": "sha1=" + hmac.digest(key, body, hashlib.sha1).hex()}
        case _:
            raise ControlError("signature must be good, none, bad, upper or sha1")


async def verify_webhook_url(sandbox: Sandbox, _: ControlRequest) -> object:
    """Sends the webhook URL Meta's verification request and returns the result."""
    poster = sandbox.webhooks.poster
    if not poster.url:
        raise ControlError("there is no webhook url")
    challenge = str(secrets.randbelow(10**10))
    try:
        status, text = await poster.handshake(challenge)
    except (TimeoutError, aiohttp.ClientError) as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": status == 200 and text == challenge, "status": status, "body": text[:200]}


async def clear(sandbox: Sandbox, _: ControlRequest) -> object:
    """Resets the sandbox to its start options."""
    await sandbox.clear()
    return {}


COMMANDS: dict[tuple[str, str], Command] = {
    ("GET", "journal"): read_journal,
    ("DELETE", "journal"): hide_journal,
    ("GET", "refusals"): read_refusals,
    ("GET", "stats"): read_statistics,
    ("GET", "settings"): read_settings,
    ("PATCH", "settings"): change_settings,
    ("GET", "faults"): read_faults,
    ("POST", "faults"): install_faults,
    ("DELETE", "faults"): clear_faults,
    ("POST", "outage"): begin_outage,
    ("POST", "webhooks"): change_webhooks,
    ("POST", "webhook"): post_webhook,
    ("POST", "handshake"): verify_webhook_url,
    ("POST", "clear"): clear,
    **incidents.COMMANDS,
}
