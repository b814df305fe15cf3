"""The Graph API except sending: numbers, message templates, WABA, uploads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from sandbox.behaviour.timing import read_latency_s
from sandbox.formats.compact_json import compact, compact_bytes
from sandbox.formats.errors import Refusal, require, unknown_object
from sandbox.formats.values import natural
from sandbox.graph import app, comparison, media, pricing_analytics, template_analytics
from sandbox.graph.access import check_token
from sandbox.graph.answers import graph_response, refusal_response
from sandbox.graph.objects import number_object, portfolio_object, template_object, waba_object
from sandbox.sandbox import Sandbox
from sandbox.templates.message_template import MessageTemplate
from sandbox.world.accounts import Waba
from sandbox.world.world import World

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
        return self.path.strip("/").split("/")[1:] or [""]

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
        if app.is_about_the_app(world, request.parts):
            answer = await app.answer(sandbox, http_request, request.parts, query)
            return graph_response(compact_bytes(answer), version)
        check_token(world, http_request.headers.get("Authorization"))
        if request.method == "POST" and request.parts[1:] == ["media"]:
            return graph_response(
                compact_bytes(await media.upload(world, http_request, request.parts[0])), version
            )
        waba = _waba_of(world, request.parts[0])
        now, limit = world.clock.now(), world.settings.management_calls_per_hour
        require(waba.calls.admit(now, limit), 80007)
        app.check_scope(world)
        if _creates_template(world, request):
            fields = await _json_object(http_request)
            told = _create_template(sandbox, world.wabas[request.parts[0]], fields)
        else:
            told = _answer(sandbox, request)
        body = compact_bytes(told)
    except Refusal as refusal:
        return refusal_response(refusal, version, _usage(world, request))
    return graph_response(body, version, extra=_usage(world, request))


def _creates_template(world: World, request: GraphRequest) -> bool:
    is_edge = request.parts[1:] == ["message_templates"] and request.parts[0] in world.wabas
    return request.method == "POST" and is_edge


async def _json_object(request: web.BaseRequest) -> dict[str, Any]:
    """The body of a creation; raises Refusal 100."""
    try:
        fields = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise Refusal(100, "The body is not JSON.") from error
    require(isinstance(fields, dict), 100, "The body is not an object.")
    return dict(fields)


def _create_template(sandbox: Sandbox, waba: Waba, fields: dict[str, Any]) -> object:
    settings = sandbox.world.settings
    under_review = waba.portfolio.under_review
    require(not under_review, settings.review_refusal, "The business is under review.")
    return sandbox.reviews.create(waba, fields)


def _waba_of(world: World, name: str) -> Waba:
    """The account that a call counts for; the first one if the id is of none."""
    if name in world.numbers:
        return world.numbers[name].waba
    return world.wabas.get(name, world.first_waba)


def _answer(sandbox: Sandbox, request: GraphRequest) -> object:
    world, name, edge = sandbox.world, request.parts[0], request.parts[1:]
    if name in world.media and not edge:
        return _media(sandbox, request, name)
    if name in world.wabas and edge == ["subscribed_apps"]:
        return _subscribed_apps(world, request.method, world.wabas[name])
    if name in world.wabas and "is_enabled_for_insights" in request.query and not edge:
        return template_analytics.enable(world.wabas[name], request.method, request.query)
    require(request.method == "GET", 100, f"Unsupported {request.method} request.")
    if name in world.wabas:
        return _waba(sandbox, request, world.wabas[name], edge)
    if edge == [comparison.EDGE]:
        return comparison.answer(world, *_template(world, name), request.query)
    if edge:
        raise unknown_object(name)
    if name in world.numbers:
        return number_object(world, world.numbers[name], request.fields)
    if name in world.portfolios:
        return portfolio_object(world, world.portfolios[name], request.fields)
    return template_object(world, *_template(world, name), request.fields)


def _template(world: World, name: str) -> tuple[Waba, MessageTemplate]:
    """The message template of this id with its account; raises Refusal."""
    for waba, template in world.templates():
        if template.id == name:
            return waba, template
    raise unknown_object(name)


def _media(sandbox: Sandbox, request: GraphRequest, name: str) -> object:
    found = media.find(sandbox.world, name, request.query.get("phone_number_id", ""))
    if request.method == "DELETE":
        del sandbox.world.media[name]
        return {"success": True}
    return media.describe(found, sandbox.address, sandbox.clock.now())


def _waba(sandbox: Sandbox, request: GraphRequest, waba: Waba, edge: list[str]) -> object:
    world, fields = sandbox.world, request.fields
    match edge:
        case [] if pricing_analytics.is_asked(fields):
            return pricing_analytics.answer(world, waba, fields)
        case []:
            return waba_object(world, waba, fields)
        case [template_analytics.EDGE]:
            return template_analytics.answer(world, waba, request.query)
        case ["phone_numbers"]:
            own = [number for number in world.numbers.values() if number.waba is waba]
            return _page(sandbox, request, [number_object(world, n, fields) for n in own])
        case ["message_templates"]:
            _check_cursor(world, request.query.get("after", ""))
            found = [t for t in waba.templates.values() if _matches(t, request.query)]
            listed = [template_object(world, waba, template, fields) for template in found]
            return _page(sandbox, request, listed)
        case _:
            raise Refusal(100, f"Tried accessing nonexisting field ({'/'.join(edge)}).")


def _subscribed_apps(world: World, method: str, waba: Waba) -> object:
    """Whether the app gets this account's webhooks; POST and DELETE change it."""
    if method == "GET":
        told = {"id": world.app.id, "link": "https://www.facebook.com/", "name": "Daybreak"}
        return {"data": [{"whatsapp_business_api_data": told}] if waba.subscribed else []}
    require(method in ("POST", "DELETE"), 100, f"Unsupported {method} request.")
    waba.subscribed = method == "POST"
    return {"success": True}


def _check_cursor(world: World, cursor: str) -> None:
    """A cursor goes stale when a test says so; what is no cursor is refused alike."""
    if cursor and (world.stale_cursors or natural(cursor, -1) < 0):
        world.stale_cursors = max(0, world.stale_cursors - 1)
        raise Refusal(131059, "The cursor is not valid any more.")


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
    size = max(1, min(natural(request.query.get("limit"), _DEFAULT_PAGE_SIZE), _MAX_PAGE_SIZE))
    start = natural(request.query.get("after"), 0)
    end = min(start + size, len(items))
    paging: dict[str, object] = {"cursors": {"before": str(start), "after": str(end)}}
    if end < len(items):
        query = urlencode({**request.query, "after": end})
        paging["next"] = f"{sandbox.address}{request.path}?{query}"
    return {"data": items[start:end], **({"paging": paging} if items else {})}


def _usage(world: World, request: GraphRequest) -> dict[str, str]:
    """How much of the hour's calls is used, by account."""
    waba = _waba_of(world, request.parts[0])
    used = waba.calls.used_percent(world.settings.management_calls_per_hour)
    wait_s = waba.calls.seconds_until_free(world.clock.now()) if used >= 100 else 0.0
    entry = {
        "type": "whatsapp",
        "call_count": used,
        "total_cputime": 0,
        "total_time": 0,
        "estimated_time_to_regain_access": ceil(wait_s / 60),  # minutes
    }
    return {"X-Business-Use-Case-Usage": compact({waba.id: [entry]})}
