"""The control API, outside the Graph paths: journal, statistics, settings, faults, outages.

What Meta itself or people might do to us is in `incidents.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from sandbox import incidents, settings
from sandbox.answers import control_answer
from sandbox.control_request import Ask, AskError, Command
from sandbox.errors import Refusal
from sandbox.posting import Post, signature
from sandbox.sandbox import StandIn
from sandbox.statistics import statistics
from sandbox.validation import parse

_ALL = 100_000_000


async def answer_control(stand: StandIn, request: web.BaseRequest, path: str) -> web.Response:
    """Answer one control call; `path` is `/control/<command>[/<name>]`."""
    pieces = [*path.strip("/").split("/", 2), "", ""]
    command = COMMANDS.get((request.method, pieces[1]))
    if command is None:
        known = sorted(f"{method} /control/{name}" for method, name in COMMANDS)
        return control_answer({"error": "no such command", "commands": known}, 404)
    raw = await request.read()
    body = parse(raw) if raw else {}
    if not isinstance(body, dict | list):
        return control_answer({"error": "the body must be a JSON object or list"}, 400)
    scripts, fields = (body, {}) if isinstance(body, list) else ([], body)
    try:
        ask = Ask(pieces[2], fields, scripts, dict(parse_qsl(request.query_string)))
        answer = await command(stand, ask)
    except (Refusal, ValueError, TypeError) as error:
        return control_answer({"error": str(error)}, 400)
    return answer if isinstance(answer, web.Response) else control_answer(answer)


async def read_journal(stand: StandIn, ask: Ask) -> object:
    """Accepted messages after `since`, at most `limit`; `format=jsonl` gives plain lines."""
    lines = stand.journal.after(ask.whole("since", 0), ask.whole("limit", _ALL))
    return _listing(ask, lines, stand.journal.last_seq)


async def forget_journal(stand: StandIn, _: Ask) -> object:
    """Hide what was journaled so far; the sequence goes on, the file keeps all."""
    stand.journal.forget()
    return {"last_seq": stand.journal.last_seq}


async def read_refusals(stand: StandIn, ask: Ask) -> object:
    """The calls that were refused or disturbed, oldest first."""
    return _listing(ask, stand.refusals.all(), stand.refusals.count)


def _listing(ask: Ask, lines: list[bytes], last_seq: int) -> web.Response:
    if ask.query.get("format") == "jsonl":
        return web.Response(body=b"".join(line + b"\n" for line in lines))
    body = b'{"last_seq":%d,"entries":[%s]}' % (last_seq, b",".join(lines))
    return web.Response(body=body, content_type="application/json")


async def read_statistics(stand: StandIn, _: Ask) -> object:
    """Counters of everything."""
    return statistics(stand)


async def read_settings(stand: StandIn, _: Ask) -> object:
    """Every setting with its present value."""
    return settings.as_dict(stand.world.settings)


async def change_settings(stand: StandIn, ask: Ask) -> object:
    """Set the named settings, all or none."""
    settings.change(stand.world.settings, ask.body)
    return settings.as_dict(stand.world.settings)


async def install_faults(stand: StandIn, ask: Ask) -> object:
    """Add scripted faults: a list of them, or one."""
    ids = stand.faults.install(ask.scripts or [ask.body], stand.clock.now())
    return {"ids": ids}


async def read_faults(stand: StandIn, _: Ask) -> object:
    """The scripted faults and how often each has struck."""
    now = stand.clock.now()
    known = [*stand.faults.finished, *stand.faults.active]
    return {
        "faults": [
            {"id": f.id, "do": f.do, "seen": f.seen, "used": f.used, "over": f.over(now)}
            for f in known
        ]
    }


async def clear_faults(stand: StandIn, _: Ask) -> object:
    """No scripted faults any more."""
    stand.faults.clear()
    return {}


async def begin_outage(stand: StandIn, ask: Ask) -> object:
    """Answer every Graph call 503 for `seconds`; 0 ends an outage. `html` for a bare page."""
    ask.only("seconds", "html")
    stand.world.outage_until = stand.clock.now() + ask.number("seconds", 30)
    stand.world.outage_page = bool(ask.flag("html"))
    return {"until": stand.world.outage_until}


async def change_webhooks(stand: StandIn, ask: Ask) -> object:
    """Pause, drop, delay or dam up the webhooks; change where they go and who signs them."""
    ask.only("paused", "drop", "backlog_seconds", "delay_s", "url", "app_secret", "verify_token")
    webhooks, account = stand.webhooks, stand.world.account
    for key in ("paused", "drop"):
        value = ask.flag(key)
        if value is not None:
            setattr(webhooks.valve, key, value)
    if "backlog_seconds" in ask.body:
        webhooks.valve.held_until = stand.clock.now() + ask.number("backlog_seconds", 0)
    settings.change(
        stand.world.settings,
        {"webhook_delay_s": ask.body["delay_s"]} if "delay_s" in ask.body else {},
    )
    webhooks.poster.url = ask.word("url", webhooks.poster.url)
    account.app_secret = ask.word("app_secret", account.app_secret)
    account.verify_token = ask.word("verify_token", account.verify_token)
    return {"paused": webhooks.valve.paused, "drop": webhooks.valve.drop}


async def post_webhook(stand: StandIn, ask: Ask) -> object:
    """Post a body of the caller's own, rightly signed or not; never retried."""
    ask.only("field", "value", "body", "signature", "secret")
    if "body" in ask.body:
        body = ask.word("body").encode()
    else:
        stand.webhooks.tell_management(ask.word("field"), ask.body.get("value"))
        return {"queued": 1}
    poster = stand.webhooks.poster
    headers = _signed(ask, stand.world.account.app_secret, body)
    now = stand.clock.now()
    poster.post(Post(body, [], now, headers=headers, retried=False))
    return {"posted": 1}


def _signed(ask: Ask, app_secret: str, body: bytes) -> dict[str, str]:
    """Headers of a POST by the wanted kind of signature."""
    name, right = "X-Hub-Signature-256", signature(ask.word("secret", app_secret), body)
    match ask.word("signature", "good"):
        case "good":
            return {name: right}
        case "none":
            return {}
        case "bad":
            return {name: signature(secrets.token_hex(8), body)}
        case "upper":
            return {name: right.upper().replace("SHA256", "sha256")}
        case "sha1":
            key = app_secret.encode()
            return {"X-Hub-Signature": "sha1=" + hmac.digest(key, body, hashlib.sha1).hex()}
        case _:
            raise AskError("signature must be good, none, bad, upper or sha1")


async def shake_hands(stand: StandIn, _: Ask) -> object:
    """Ask the webhook URL to verify itself and report what it answered."""
    poster = stand.webhooks.poster
    if not poster.url:
        raise AskError("there is no webhook url")
    challenge = str(secrets.randbelow(10**10))
    try:
        status, text = await poster.handshake(challenge)
    except (TimeoutError, aiohttp.ClientError) as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": status == 200 and text == challenge, "status": status, "body": text[:200]}


async def clear(stand: StandIn, _: Ask) -> object:
    """Back to how the sandbox was started."""
    await stand.clear()
    return {}


COMMANDS: dict[tuple[str, str], Command] = {
    ("GET", "journal"): read_journal,
    ("DELETE", "journal"): forget_journal,
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
    ("POST", "handshake"): shake_hands,
    ("POST", "clear"): clear,
    **incidents.COMMANDS,
}
