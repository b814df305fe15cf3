"""Everything of the Graph API but sending: numbers, message templates, WABA, uploads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from sandbox import media
from sandbox.answers import graph_answer, refusal_answer
from sandbox.compact_json import compact, compact_bytes
from sandbox.errors import Refusal, unknown_object
from sandbox.graph_objects import number_object, portfolio_object, template_object, waba_object
from sandbox.message_templates import MessageTemplate
from sandbox.sandbox import StandIn
from sandbox.state import World
from sandbox.timing import read_latency_s
from sandbox.validation import check_token

_PAGE = 25
_MOST_ON_A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """One management call: its method, its path after the version, its query."""

    method: str
    path: str
    query: Mapping[str, str]

    @property
    def parts(self) -> list[str]:
        """The path's pieces: an id, and perhaps an edge."""
        return self.path.strip("/").split("/")[1:]

    @property
    def fields(self) -> str:
        """The fields asked for, comma separated."""
        return self.query.get("fields", "")


async def answer_graph(
    stand: StandIn, request: web.BaseRequest, path: str, version: str
) -> web.StreamResponse:
    """Answer one management call; `path` begins with the version."""
    world = stand.world
    asked = Asked(request.method, path, dict(parse_qsl(request.query_string)))
    await asyncio.sleep(read_latency_s(world.settings, world.random))
    try:
        check_token(world, request.headers.get("Authorization"))
        if asked.method == "POST" and asked.parts[1:] == ["media"]:
            return graph_answer(
                compact_bytes(await media.upload(world, request, asked.parts[0])), version
            )
        if not world.management_calls.admit(
            world.clock.now(), world.settings.management_calls_per_hour
        ):
            raise Refusal(80007)
        body = compact_bytes(_answer(stand, asked))
    except Refusal as refusal:
        return refusal_answer(refusal, version, _usage(world))
    return graph_answer(body, version, extra=_usage(world))


def _answer(stand: StandIn, asked: Asked) -> object:
    world, name, edge = stand.world, asked.parts[0], asked.parts[1:]
    if name in world.media and not edge:
        return _media(stand, asked, name)
    if asked.method != "GET":
        raise Refusal(100, f"Unsupported {asked.method} request.")
    if name == world.account.waba_id:
        return _waba(stand, asked, edge)
    if edge:
        raise unknown_object(name)
    if name in world.numbers:
        return _number(stand, asked, name)
    if name == world.account.portfolio_id:
        return portfolio_object(world, asked.fields)
    for template in world.templates.values():
        if template.id == name:
            return template_object(world, template, asked.fields)
    raise unknown_object(name)


def _number(stand: StandIn, asked: Asked, name: str) -> object:
    number = stand.world.numbers[name]
    return number_object(stand.world, number, asked.fields, stand.webhooks.poster.url)


def _media(stand: StandIn, asked: Asked, name: str) -> object:
    if asked.method == "DELETE":
        del stand.world.media[name]
        return {"success": True}
    return media.describe(stand.world.media[name], stand.address, stand.clock.now())


def _waba(stand: StandIn, asked: Asked, edge: list[str]) -> object:
    world = stand.world
    match edge:
        case []:
            return waba_object(world, asked.fields)
        case ["phone_numbers"]:
            return _page(stand, asked, [_number(stand, asked, name) for name in world.numbers])
        case ["message_templates"]:
            found = [t for t in world.templates.values() if _matches(t, asked.query)]
            return _page(stand, asked, [template_object(world, t, asked.fields) for t in found])
        case ["subscribed_apps"]:
            return {"data": [{"whatsapp_business_api_data": {"id": "1", "name": "Daybreak"}}]}
        case _:
            raise Refusal(100, f"Tried accessing nonexisting field ({'/'.join(edge)}).")


def _matches(template: MessageTemplate, query: Mapping[str, str]) -> bool:
    if "name" in query and query["name"].lower() not in template.name:
        return False
    return all(
        query[key].upper() == str(getattr(template, key)).upper()
        for key in ("status", "category", "language")
        if key in query
    )


def _page(stand: StandIn, asked: Asked, items: list[object]) -> dict[str, object]:
    """One page; a cursor is simply the place of its last item."""
    size = max(1, min(_whole(asked.query.get("limit"), _PAGE), _MOST_ON_A_PAGE))
    start = _whole(asked.query.get("after"), 0)
    end = min(start + size, len(items))
    paging: dict[str, object] = {"cursors": {"before": str(start), "after": str(end)}}
    if end < len(items):
        query = urlencode({**asked.query, "after": end})
        paging["next"] = f"{stand.address}{asked.path}?{query}"
    return {"data": items[start:end], **({"paging": paging} if items else {})}


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() else default


def _usage(world: World) -> dict[str, str]:
    used = world.management_calls.used_percent(world.settings.management_calls_per_hour)
    entry = {
        "type": "whatsapp",
        "call_count": used,
        "total_cputime": 0,
        "total_time": 0,
        "estimated_time_to_regain_access": 60 if used >= 100 else 0,
    }
    return {"X-Business-Use-Case-Usage": compact({world.account.waba_id: [entry]})}
