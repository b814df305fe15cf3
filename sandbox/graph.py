"""The Graph API except sending: numbers, message templates, WABA, uploads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from sandbox import media
from sandbox.answers import graph_response, refusal_response
from sandbox.compact_json import compact, compact_bytes
from sandbox.errors import Refusal, unknown_object
from sandbox.graph_objects import number_object, portfolio_object, template_object, waba_object
from sandbox.message_templates import MessageTemplate
from sandbox.sandbox import Sandbox
from sandbox.state import World
from sandbox.timing import read_latency_s
from sandbox.validation import check_token

_DEFAULT_PAGE_SIZE = 25
_MAX_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """One management call: method, path with the version, query."""

    method: str
    path: str
    query: Mapping[str, str]

    @property
    def parts(self) -> list[str]:
        """The parts of the path: an id, and optionally an edge."""
        return self.path.strip("/").split("/")[1:]

    @property
    def fields(self) -> str:
        """The requested fields, comma separated."""
        return self.query.get("fields", "")


async def answer_graph(
    sandbox: Sandbox, http_request: web.BaseRequest, path: str, version: str
) -> web.StreamResponse:
    """Answers one management call; `path` begins with the version."""
    world = sandbox.world
    query = dict(parse_qsl(http_request.query_string))
    request = GraphRequest(http_request.method, path, query)
    await asyncio.sleep(read_latency_s(world.settings, world.random))
    try:
        check_token(world, http_request.headers.get("Authorization"))
        if request.method == "POST" and request.parts[1:] == ["media"]:
            return graph_response(
                compact_bytes(await media.upload(world, http_request, request.parts[0])), version
            )
        if not world.management_calls.admit(
            world.clock.now(), world.settings.management_calls_per_hour
        ):
            raise Refusal(80007)
        body = compact_bytes(_answer(sandbox, request))
    except Refusal as refusal:
        return refusal_response(refusal, version, _usage(world))
    return graph_response(body, version, extra=_usage(world))


def _answer(sandbox: Sandbox, request: GraphRequest) -> object:
    world, name, edge = sandbox.world, request.parts[0], request.parts[1:]
    if name in world.media and not edge:
        return _media(sandbox, request, name)
    if request.method != "GET":
        raise Refusal(100, f"Unsupported {request.method} request.")
    if name == world.account.waba_id:
        return _waba(sandbox, request, edge)
    if edge:
        raise unknown_object(name)
    if name in world.numbers:
        return number_object(world, world.numbers[name], request.fields)
    if name == world.account.portfolio_id:
        return portfolio_object(world, request.fields)
    for template in world.templates.values():
        if template.id == name:
            return template_object(world, template, request.fields)
    raise unknown_object(name)


def _media(sandbox: Sandbox, request: GraphRequest, name: str) -> object:
    if request.method == "DELETE":
        del sandbox.world.media[name]
        return {"success": True}
    return media.describe(sandbox.world.media[name], sandbox.address, sandbox.clock.now())


def _waba(sandbox: Sandbox, request: GraphRequest, edge: list[str]) -> object:
    world, fields = sandbox.world, request.fields
    match edge:
        case []:
            return waba_object(world, fields)
        case ["phone_numbers"]:
            numbers = [number_object(world, number, fields) for number in world.numbers.values()]
            return _page(sandbox, request, numbers)
        case ["message_templates"]:
            found = [t for t in world.templates.values() if _matches(t, request.query)]
            templates = [template_object(world, template, fields) for template in found]
            return _page(sandbox, request, templates)
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


def _page(sandbox: Sandbox, request: GraphRequest, items: Sequence[object]) -> dict[str, object]:
    """One page; a cursor is the position after its last item."""
    size = max(1, min(_integer(request.query.get("limit"), _DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE))
    start = _integer(request.query.get("after"), 0)
    end = min(start + size, len(items))
    paging: dict[str, object] = {"cursors": {"before": str(start), "after": str(end)}}
    if end < len(items):
        query = urlencode({**request.query, "after": end})
        paging["next"] = f"{sandbox.address}{request.path}?{query}"
    return {"data": items[start:end], **({"paging": paging} if items else {})}


def _integer(text: str | None, default: int) -> int:
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
