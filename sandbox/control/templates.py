"""What Meta decides about message templates, and what somebody else edits there."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from sandbox.control.request import Commands, ControlRequest
from sandbox.formats.values import InvalidValue
from sandbox.review import Verdict
from sandbox.sandbox import Sandbox
from sandbox.templates.message_template import CATEGORIES, MessageTemplate
from sandbox.webhooks import notices
from sandbox.world.accounts import Waba
from sandbox.world.reactions import Sums

COMMANDS = Commands()
_TEMPLATE_KEYS = {
    "waba": str,
    "language": str,
    "status": str,
    "category": CATEGORIES,
    "correct_category": str,
    "quality": str,
    "components": list[Any],
    "ttl_s": int,
    "source": str,
    "block_share": float,
    "block_reason": str,
    "reason": str,
    "title": str,
    "age_s": float,
    "silent": bool,
}


@COMMANDS.add("POST", "template", _TEMPLATE_KEYS)
async def change_template(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets what Meta decides about a message template, in one or all languages; with `components`
    it adds one or edits the one of that name and language."""
    waba = request.waba(sandbox)
    if "components" in request.body:
        return {"id": _write_template(sandbox, request, waba).id}
    templates = _found(request, waba)
    for template in templates:
        _change_template(sandbox, request, waba, template)
        request.assign(template, "block_share", "block_reason")
    return {"changed": [template.id for template in templates]}


_SUMS = ("sent", "delivered", "read", "blocked")
_HISTORY_KEYS: dict[str, Any] = {
    "waba": str,
    "language": str,
    "days_ago": float,
    "reason": str,
    "number": str,
}
_HISTORY_KEYS |= dict.fromkeys(_SUMS, int)


@COMMANDS.add("POST", "template_history", _HISTORY_KEYS)
async def add_history(sandbox: Sandbox, request: ControlRequest) -> object:
    """Makes a template have been sent so often, so many days ago, and blocked for a reason; with
    `number` from that number."""
    body, world = request.body, sandbox.world
    moment = world.clock.now() - 86_400 * body.get("days_ago", 0.0)
    reasons = Counter({body.get("reason", "SPAM").upper(): body.get("blocked", 0)})
    past = Sums(**{name: body.get(name, 0) for name in _SUMS}, reasons=+reasons)
    templates = _found(request, request.waba(sandbox))
    for template in templates:
        for name in filter(None, (template.id, body.get("number"))):
            world.reactions.at(name, moment).include(past)
        template.sent += body.get("sent", 0)
    return {"changed": [template.id for template in templates]}


@COMMANDS.add("DELETE", "template", {"waba": str, "language": str})
async def delete_template(sandbox: Sandbox, request: ControlRequest) -> object:
    """Deletes a message template; no webhook tells it."""
    waba = request.waba(sandbox)
    templates = _found(request, waba)
    for template in templates:
        del waba.templates[template.name, template.language]
    return {"deleted": [template.id for template in templates]}


_VERDICT_KEYS = {"status": Literal["APPROVED", "REJECTED"], "reason": str, "category": CATEGORIES}


@COMMANDS.add("POST", "template_review", _VERDICT_KEYS)
async def set_verdict(sandbox: Sandbox, request: ControlRequest) -> object:
    """What the review of the message template with this name will end with."""
    if not request.name:
        raise InvalidValue("name the message template: template_review/daily_update_v2")
    given = {key: value.upper() for key, value in request.body.items()}
    sandbox.reviews.verdicts[request.name] = Verdict(**given)
    return given


@COMMANDS.add("POST", "template_list", {"stale_cursors": int})
async def spoil_cursors(sandbox: Sandbox, request: ControlRequest) -> object:
    """The next so many list calls with a cursor are refused: 131059."""
    sandbox.world.stale_cursors = request.body.get("stale_cursors", 1)
    return {"stale_cursors": sandbox.world.stale_cursors}


def _found(request: ControlRequest, waba: Waba) -> list[MessageTemplate]:
    language = request.body.get("language", "")
    templates = [
        entry
        for entry in waba.templates.values()
        if entry.name == request.name and language in ("", entry.language)
    ]
    if not templates:
        raise InvalidValue(f"there is no message template {request.name}")
    return templates


def _write_template(sandbox: Sandbox, request: ControlRequest, waba: Waba) -> MessageTemplate:
    body, language = request.body, request.body.get("language", "en")
    template = waba.templates.get((request.name, language))
    if template is None:
        category = body.get("category", "UTILITY")
        template = sandbox.world.create_template(
            waba, request.name, language, category, body["components"]
        )
    else:
        template.edit(body["components"])
        value = notices.template_content(template)
        _queue(sandbox, request, waba, "message_template_components_update", value)
    template.status = body.get("status", "APPROVED").upper()
    template.ttl_s = body.get("ttl_s") or None
    request.assign(template, "source")
    return template


def _change_template(
    sandbox: Sandbox, request: ControlRequest, waba: Waba, template: MessageTemplate
) -> None:
    """Each change with its notice. An older notice comes late: the state is newer already."""
    body, told_late = request.body, request.age_s > 0
    if body.get("status"):
        _change_status(sandbox, request, waba, template)
    if body.get("quality"):
        quality = body["quality"].upper()
        value = notices.template_quality(template, quality)
        _queue(sandbox, request, waba, "message_template_quality_update", value)
        template.quality = template.quality if told_late else quality
    if body.get("correct_category"):
        correct = body["correct_category"].upper()
        value = notices.category_notice(template, correct)
        _queue(sandbox, request, waba, "template_category_update", value)
        template.correct_category = template.correct_category if told_late else correct
    if body.get("category"):
        value = notices.category_moved(template, body["category"])
        _queue(sandbox, request, waba, "template_category_update", value)
        if not told_late:
            move(template, body["category"])


def move(template: MessageTemplate, category: str) -> None:
    """Changes the category, which clears the time to live."""
    template.previous_category, template.category = template.category, category
    template.ttl_s = None


def _change_status(
    sandbox: Sandbox, request: ControlRequest, waba: Waba, template: MessageTemplate
) -> None:
    event, now = request.body["status"].upper(), sandbox.clock.now()
    if not request.age_s:
        paused_before, template.status = template.status == "PAUSED", event
        template.paced = template.paced or (paused_before and event == "APPROVED")
        if event == "PAUSED":
            template.pauses += 1
            if template.category == "UTILITY":
                waba.utility_paused_at = now
    title = request.body.get("title", "FIRST_PAUSE" if template.pauses < 2 else "SECOND_PAUSE")
    reason = request.body.get("reason", "NONE")
    value = notices.template_status(template, event, reason, title)
    _queue(sandbox, request, waba, "message_template_status_update", value)


def _queue(
    sandbox: Sandbox, request: ControlRequest, waba: Waba, field: str, value: object
) -> None:
    if not request.body.get("silent"):
        sandbox.webhooks.queue_management(waba.id, field, value, in_s=-request.age_s)
