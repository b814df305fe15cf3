"""The ladder of an account that passes marketing off as utility, step by step."""

from __future__ import annotations

from typing import Any

from sandbox.control.accounts import queue_account_update
from sandbox.control.request import Commands, ControlRequest
from sandbox.control.templates import move
from sandbox.sandbox import Sandbox
from sandbox.webhooks import notices
from sandbox.world.accounts import Waba

COMMANDS = Commands()
_ABUSE = "UTILITY_TEMPLATE_ABUSE"
_DAY_S = 86_400
_STEPS = ("warning", "rate_limit", "recovery", "recategorise", "portfolio", "unban")


@COMMANDS.add("POST", "misclassification", {"step": _STEPS, "limit": int, "days": int})
async def take_step(sandbox: Sandbox, request: ControlRequest) -> object:
    """`warning`; `rate_limit`: beyond `limit` utility messages in 24 h 131064; `recategorise`: all
    utility templates become MARKETING, and `portfolio` those of all its accounts; `recovery` lifts
    the rate limit, `unban` everything."""
    waba, body = request.waba(sandbox, request.name), request.body
    step, days = body.get("step", "warning"), body.get("days", 7)
    if step == "warning":
        waba.warned = True
        queue_account_update(sandbox, waba, "ACCOUNT_VIOLATION", **_violation(""))
    elif step == "rate_limit":
        waba.utility_limit = body.get("limit", 0)
        kind = "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING"
        _restrict(sandbox, waba, "_RATE_LIMIT", kind, days)
    elif step in ("recategorise", "portfolio"):
        every = [w for w in sandbox.world.wabas.values() if w.portfolio is waba.portfolio]
        for account in every if step == "portfolio" else [waba]:
            _restrict(sandbox, account, "", "RESTRICTED_UTILITY_TEMPLATES", days)
            _recategorise(sandbox, account)
    else:
        waba.utility_limit = None
        waba.warned = waba.warned and step != "unban"
        suffix = "_UNBAN" if step == "unban" else "_RATE_LIMIT_RECOVERY"
        queue_account_update(sandbox, waba, "ACCOUNT_RESTRICTION", **_violation(suffix))
    return {"step": step, "utility_limit": waba.utility_limit}


def _violation(suffix: str) -> dict[str, Any]:
    return {"violation_info": {"violation_type": _ABUSE + suffix}}


def _restrict(sandbox: Sandbox, waba: Waba, suffix: str, kind: str, days: int) -> None:
    expiration = int(sandbox.clock.now()) + days * _DAY_S
    info = [{"restriction_type": kind, "expiration": expiration}]
    queue_account_update(
        sandbox, waba, "ACCOUNT_RESTRICTION", **_violation(suffix), restriction_info=info
    )


def _recategorise(sandbox: Sandbox, waba: Waba) -> None:
    for template in waba.templates.values():
        if template.category == "UTILITY":
            value = notices.category_moved(template, "MARKETING")
            sandbox.webhooks.queue_management(waba.id, "template_category_update", value)
            move(template, "MARKETING")
