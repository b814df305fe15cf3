"""The control API, outside the Graph paths: journal, statistics, settings, faults, outages.

What Meta and people do is in the modules beside this one, by topic.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import asdict
from itertools import chain, islice
from urllib.parse import parse_qsl

from aiohttp import web

from sandbox.behaviour import settings
from sandbox.control import (
    accounts,
    bill,
    misclassification,
    numbers,
    people,
    posting,
    templates,
)
from sandbox.control.request import Commands, ControlRequest
from sandbox.control.statistics import statistics
from sandbox.formats.errors import Refusal
from sandbox.formats.values import InvalidValue, checked
from sandbox.graph.answers import control_response
from sandbox.messages.envelope import parse
from sandbox.sandbox import Sandbox

_NO_LIMIT = 100_000_000
_PIECES_A_PART = 500
_TOPICS = (accounts, bill, misclassification, numbers, people, posting, templates)
COMMANDS = Commands()
for _topic in _TOPICS:
    COMMANDS.update(_topic.COMMANDS)


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


def _listing(request: ControlRequest, lines: Iterator[bytes], last_seq: int) -> web.Response:
    """All lines, of which a part at a time is in memory."""
    if request.query.get("format") == "jsonl":
        return web.Response(body=_parts(line + b"\n" for line in lines))
    head = b'{"last_seq":%d,"entries":[' % last_seq
    separated = chain(islice(lines, 1), (b"," + line for line in lines))
    body = _parts(chain([head], separated, [b"]}"]))
    return web.Response(body=body, content_type="application/json")


async def _parts(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    left = iter(pieces)
    while part := b"".join(islice(left, _PIECES_A_PART)):
        yield part


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


@COMMANDS.add("GET", "replay")
async def read_replay(sandbox: Sandbox, request: ControlRequest) -> object:
    """Whose answers are replayed, how many of them were not called yet, and who is left out;
    `format=lines` gives the phones only, one in each line."""
    if request.query.get("format") == "lines":
        phones = sandbox.replay.phones()
        return web.Response(body=_parts(f"{phone}\n".encode() for phone in phones))
    return sandbox.replay.state()


_LATE_KEYS = {"share": float, "code": int, "details": str, "for_seconds": float}
_LATE_MATCH = {"number": list[str], "to": list[str], "template": list[str]}


@COMMANDS.add("POST", "late_failure", {**_LATE_KEYS, **_LATE_MATCH})
async def fail_late(sandbox: Sandbox, request: ControlRequest) -> object:
    """A `share` (1) of the messages from now on is accepted and fails by a webhook with `code`,
    until the faults are removed or for so many seconds; a short form of a fault."""
    body = request.body
    match = {key: body[key] for key in _LATE_MATCH if key in body}
    script = {key: body[key] for key in ("code", "details") if key in body}
    script |= {"do": "late_failure", "for_seconds": body.get("for_seconds", _NO_LIMIT)}
    match["probability"] = body.get("share", 1.0)
    return {"ids": sandbox.faults.install([{**script, "match": match}], sandbox.clock.now())}


@COMMANDS.add("POST", "media", {"age_days": float})
async def age_media(sandbox: Sandbox, request: ControlRequest) -> object:
    """Makes an uploaded file so many days old; without an id, every one."""
    media = sandbox.world.media
    names = [request.name] if request.name else list(media)
    age_s = 86_400 * request.body.get("age_days", 31)
    for name in names:
        if name not in media:
            raise InvalidValue(f"there is no file {name}")
        media[name].uploaded_at = sandbox.clock.now() - age_s
    return {"aged": names}


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


@COMMANDS.add("POST", "clear")
async def clear(sandbox: Sandbox, _: ControlRequest) -> object:
    """Resets the sandbox to its start options."""
    await sandbox.clear()
    return {}
