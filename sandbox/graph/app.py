"""The app's own objects: what a token may do, and where its webhooks go.

`debug_token` and `/{app-id}/subscriptions`, as Meta documents them; the second takes the app's
token (`APP_ID|APP_SECRET`) only. A new callback URL has to pass the verification request.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web

from sandbox.formats.errors import Refusal, require
from sandbox.sandbox import Sandbox
from sandbox.world.accounts import MANAGE, WEBHOOK_FIELDS
from sandbox.world.world import World

_OBJECT = "whatsapp_business_account"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_about_the_app(world: World, parts: list[str]) -> bool:
    """Whether this module answers a path."""
    return parts == ["debug_token"] or parts == [world.app.id, "subscriptions"]


async def answer(
    sandbox: Sandbox, request: web.BaseRequest, parts: list[str], query: Mapping[str, str]
) -> object:
    """Raises Refusal."""
    world = sandbox.world
    given = {**query, **await body_fields(request)}
    token = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
    token = token or given.get("access_token", "")
    if parts == ["debug_token"]:
        return _debug_token(world, token, given.get("input_token", ""))
    require(token, world.settings.missing_token_code)
    require(token == world.app.own_token, 15 if token == world.app.access_token else 190)
    match request.method:
        case "GET":
            return {"data": [_subscription(world)] if world.app.webhook_url else []}
        case "POST":
            return await _subscribe(sandbox, given)
        case "DELETE":
            world.app.webhook_url = ""
            return {"success": True}
        case method:
            raise Refusal(100, f"Unsupported {method} request.")


async def body_fields(request: web.BaseRequest) -> dict[str, str]:
    """The parameters in a body of a form or of JSON; raises Refusal 100."""
    text = (await request.read()).decode("utf-8", "replace")
    if not text or request.content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(text))
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise Refusal(100, "The body is neither a form nor JSON.") from error
    require(isinstance(fields, dict), 100, "The body is not an object.")
    return {name: _as_text(value) for name, value in fields.items()}


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


def _debug_token(world: World, caller: str, examined: str) -> object:
    app = world.app
    valid = caller == app.own_token or (caller == app.access_token and app.token_ok)
    require(caller, world.settings.missing_token_code)
    require(valid, 190)
    require(examined, 100, "The parameter input_token is required.")
    if examined != app.access_token:
        return {"data": {"is_valid": False, "scopes": [], "error": _invalid("Invalid token", 0)}}
    reached = [] if app.reaches_nothing else list(world.wabas)
    data: dict[str, object] = {
        "app_id": app.id,
        "type": "SYSTEM_USER",
        "application": "Daybreak",
        "data_access_expires_at": 0,
        "expires_at": app.token_expires_at,
        "is_valid": app.token_ok,
        "issued_at": 1_767_225_600,
        "scopes": list(app.scopes),
        "granular_scopes": [{"scope": scope, "target_ids": reached} for scope in app.scopes],
        "user_id": "700000000000001",
    }
    if not app.token_ok:
        data["error"] = _invalid("Error validating access token: Session has expired", 463)
    return {"data": data}


def _invalid(message: str, subcode: int) -> dict[str, object]:
    return {"code": 190, "message": message, "subcode": subcode}


def _subscription(world: World) -> dict[str, object]:
    return {
        "object": _OBJECT,
        "callback_url": world.app.webhook_url,
        "active": True,
        "fields": [{"name": name, "version": "v25.0"} for name in world.app.fields],
    }


async def _subscribe(sandbox: Sandbox, given: Mapping[str, str]) -> object:
    app = sandbox.world.app
    require(given.get("object") == _OBJECT, 100, f"The parameter object must be {_OBJECT}.")
    fields = [name.strip() for name in given.get("fields", "").split(",") if name.strip()]
    require(fields, 100, "The parameter fields is required.")
    for name in fields:
        require(name in WEBHOOK_FIELDS, 100, f"Param fields must be known fields, not {name}.")
    url = urlsplit(given.get("callback_url", ""))
    secure = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
    require(secure and url.hostname, 100, "The parameter callback_url must be an https URL.")
    await _verify(sandbox, given["callback_url"], given.get("verify_token", ""))
    app.webhook_url, app.verify_token = given["callback_url"], given.get("verify_token", "")
    app.fields = fields
    return {"success": True}


async def _verify(sandbox: Sandbox, url: str, verify_token: str) -> None:
    """Raises Refusal 2200 unless the URL answers the challenge."""
    challenge = str(secrets.randbelow(10**10))
    try:
        status, text = await sandbox.webhooks.poster.verify(url, verify_token, challenge)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        what = f"The URL couldn't be reached ({type(error).__name__})."
        raise Refusal(2200, f"Callback verification failed: {what}") from error
    require(status == 200, 2200, f"Callback verification failed: HTTP Status Code = {status}.")
    require(text == challenge, 2200, "Callback verification failed: the challenge differs.")


def check_scope(world: World, scope: str = MANAGE) -> None:
    """Raises Refusal 10 if the token lacks a permission."""
    require(scope in world.app.scopes, 10, f"The token lacks the permission {scope}.")
