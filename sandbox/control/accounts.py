"""What Meta decides about accounts and portfolios: restrictions, limits, pacing."""

from __future__ import annotations

from math import inf
from typing import Any

from sandbox.control.request import Commands, ControlRequest
from sandbox.formats.values import InvalidValue
from sandbox.sandbox import Sandbox
from sandbox.world.accounts import Portfolio, Waba

COMMANDS = Commands()


@COMMANDS.add("POST", "waba", {"portfolio": str, "numbers": list[str], "templates": list[str]})
async def add_waba(sandbox: Sandbox, request: ControlRequest) -> object:
    """Adds an account under the same token, with numbers and message templates of its own, as
    texts of the command line; or adds these to a known one."""
    world, body = sandbox.world, request.body
    waba = world.add_waba(f"{request.name}:{body.get('portfolio', '')}".rstrip(":"))
    numbers = [world.add_number(f"{text}@{waba.id}") for text in body.get("numbers", [])]
    templates = [world.add_template(f"{text}@{waba.id}") for text in body.get("templates", [])]
    return {
        "id": waba.id,
        "portfolio": waba.portfolio.id,
        "numbers": [number.id for number in numbers],
        "templates": [template.id for template in templates],
    }


_APP_KEYS = {
    "token_ok": bool,
    "access_token": str,
    "scopes": list[str],
    "token_expires_at": int,
    "reaches_nothing": bool,
}
_FLAGS = dict.fromkeys(("locked", "restricted", "disabled", "payment_ok"), bool)
_RESTRICTION_KEYS = {"restriction": str, "violation": str, "expires_in_s": float, "age_s": float}


_REVIEWS = ("APPROVED", "REJECTED", "PENDING", "DEFERRED")
_ACCOUNT_KEYS = {**_APP_KEYS, **_FLAGS, **_RESTRICTION_KEYS, "review": _REVIEWS, "silent": bool}


@COMMANDS.add("POST", "account", _ACCOUNT_KEYS)
async def change_account(sandbox: Sandbox, request: ControlRequest) -> object:
    """Locks, restricts or disables an account (the first, or the one in the path), or invalidates
    its payment or the app's token. `expires_in_s` ends a restriction by itself."""
    waba, body = request.waba(sandbox, request.name), request.body
    request.assign(sandbox.world.app, *_APP_KEYS)
    if not request.age_s:
        request.assign(waba, *_FLAGS, "review")
        if "restricted" in body:
            end = body.get("expires_in_s")
            waba.restricted_until = inf if end is None else sandbox.clock.now() + end
    if not body.get("silent"):
        for event, details in _events(sandbox, request):
            queue_account_update(sandbox, waba, event, in_s=-request.age_s, **details)
        if "review" in body:
            decision = {"decision": body["review"]}
            field = "account_review_update"
            sandbox.webhooks.queue_management(waba.id, field, decision, in_s=-request.age_s)
    return {"locked": waba.locked, "restricted": waba.is_restricted(sandbox.clock.now())}


def _events(sandbox: Sandbox, request: ControlRequest) -> list[tuple[str, dict[str, Any]]]:
    """What `account_update` tells about the change."""
    events: list[tuple[str, dict[str, Any]]] = []
    body = request.body
    violation = {"violation_info": {"violation_type": body.get("violation", "SCAM")}}
    if body.get("restricted"):
        kind = body.get("restriction", "RESTRICTED_BIZ_INITIATED_MESSAGING")
        info: dict[str, object] = {"restriction_type": kind}
        if "expires_in_s" in body:
            info["expiration"] = int(sandbox.clock.now() + body["expires_in_s"])
        events.append(("ACCOUNT_RESTRICTION", {**violation, "restriction_info": [info]}))
    elif "restricted" in body and "violation" in body:  # …_UNBAN and …_RECOVERY lift one
        events.append(("ACCOUNT_RESTRICTION", violation))
    if body.get("locked"):
        events.append(("ACCOUNT_VIOLATION", violation))
    if "disabled" in body:
        state = {"waba_ban_state": "DISABLE" if body["disabled"] else "REINSTATE"}
        events.append(("DISABLED_UPDATE", {"ban_info": state}))
    return events


def queue_account_update(
    sandbox: Sandbox, waba: Waba, event: str, *, in_s: float = 0.0, **details: Any
) -> None:
    """Queues one `account_update`."""
    value = {"event": event, **details}
    sandbox.webhooks.queue_management(waba.id, "account_update", value, in_s=in_s)


@COMMANDS.add("POST", "pricing_tier", {"tier": str, "category": str, "times": int})
async def tell_pricing_tier(sandbox: Sandbox, request: ControlRequest) -> object:
    """VOLUME_BASED_PRICING_TIER_UPDATE, `times` over (2), each with a later tier_update_time."""
    waba, body = request.waba(sandbox, request.name), request.body
    times, now = body.get("times", 2), int(sandbox.clock.now())
    for place in range(times):
        info = {
            "tier_update_time": now + 60 * place,
            "pricing_category": body.get("category", "UTILITY").upper(),
            "tier": body.get("tier", "25000001:50000000"),
            "effective_month": "2026-11",
            "region": "India",
        }
        event = "VOLUME_BASED_PRICING_TIER_UPDATE"
        queue_account_update(sandbox, waba, event, volume_tier_info=info)
    return {"queued": times}


_LIMIT_KEYS = {"limit": int, "told": Any, "shown": str, "sent_365d": int, "age_s": float}


@COMMANDS.add("POST", "portfolio", _LIMIT_KEYS)
async def change_portfolio(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets the limit of different recipients in 24 h, counted from now on; 0: unlimited. `told` is
    what the webhook says instead (an integer, "TIER_2K", "UNLIMITED", …), `shown` a read call."""
    portfolio, body = _portfolio(sandbox, request.name), request.body
    limit = body.get("limit", portfolio.limit or 0)
    if not request.age_s:
        request.assign(portfolio, "sent_365d", shown_limit="shown")
        portfolio.limit = limit
    if "limit" in body or "told" in body:
        told = body.get("told", limit or -1)
        value = {"max_daily_conversations_per_business": told, "max_phone_numbers_per_waba": 25}
        waba = next(w for w in sandbox.world.wabas.values() if w.portfolio is portfolio)
        field = "business_capability_update"
        sandbox.webhooks.queue_management(waba.id, field, value, in_s=-request.age_s)
    return {"limit": limit, "sent_365d": portfolio.sent_365d}


def _portfolio(sandbox: Sandbox, name: str) -> Portfolio:
    portfolios = sandbox.world.portfolios
    if name and name not in portfolios:
        raise InvalidValue(f"there is no portfolio {name}; known are {', '.join(portfolios)}")
    return portfolios[name] if name else sandbox.world.first_waba.portfolio


_PACING_KEYS = {"hold": bool, "release": bool, "drop": ("template", "portfolio"), "review": bool}


@COMMANDS.add("POST", "pacing", _PACING_KEYS)
async def change_pacing(sandbox: Sandbox, request: ControlRequest) -> object:
    """Holds sends for quality assessment; later releases them, or drops all: by template pacing,
    132015 and the template is PAUSED, or by portfolio pacing, 135000 and the portfolio is under
    review until `release` or `review: false`. With a portfolio in the path only its messages."""
    portfolio, pacing, body = _portfolio(sandbox, request.name), sandbox.pacing, request.body
    request.assign(portfolio, holding="hold", under_review="review")
    only = portfolio if request.name else None
    ended = 0
    if body.get("release") or "drop" in body:
        portfolio.holding = portfolio.under_review = False
    if "drop" in body:
        by_template = body["drop"] == "template"
        drop = pacing.drop_by_template if by_template else pacing.drop_by_portfolio
        ended = drop(only)
    elif body.get("release"):
        ended = pacing.release(only)
    return {"held": len(pacing.held), "ended": ended}
