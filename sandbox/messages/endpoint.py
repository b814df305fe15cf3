"""POST /{phone-number-id}/messages: validated on arrival, journaled, answered after the latency."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from sandbox.behaviour.outcomes import MessageOutcome
from sandbox.behaviour.timing import send_latency_s
from sandbox.faults import Fault
from sandbox.formats.compact_json import quoted
from sandbox.formats.errors import Refusal, require, unknown_object
from sandbox.formats.identifiers import new_wamid
from sandbox.formats.json_types import text
from sandbox.graph.access import check_token
from sandbox.graph.answers import graph_response, refusal_response, reset
from sandbox.messages import recorded_answers
from sandbox.messages.envelope import ValidSend, parse
from sandbox.messages.spoilt_answers import SendCall
from sandbox.messages.validation import validate
from sandbox.replay.calls import RecordedCall
from sandbox.sandbox import Sandbox
from sandbox.webhooks.timeline import Message, choose_outcome, steps_for
from sandbox.world.world import World


async def post_message(
    sandbox: Sandbox, request: web.BaseRequest, number_id: str, version: str
) -> web.StreamResponse:
    """Answers one call, possibly with a fault."""
    arrival = sandbox.clock.now()
    authorization = request.headers.get("Authorization")
    envelope = parse(await request.read())
    if isinstance(envelope, dict) and "status" in envelope and "type" not in envelope:
        return _mark_read(sandbox.world, number_id, authorization, envelope, version)
    call = SendCall(sandbox, number_id, envelope, arrival)
    fault = call.fault()
    if fault is not None and not fault.accepts:
        return await call.respond_with_fault(request, fault, version)
    code = sandbox.bursts.code(sandbox.world.settings, sandbox.world.random)
    try:
        if code:
            raise Refusal(code)
        send = validate(sandbox.world, number_id, authorization, envelope, arrival)
    except Refusal as refusal:
        call.count_refusal(refusal.code)
        await asyncio.sleep(send_latency_s(sandbox.world.settings, sandbox.world.random))
        return refusal_response(refusal, version)
    recorded = sandbox.replay.next_call(send.to, number_id) if fault is None else None
    if recorded is not None:
        return await _replay(sandbox, request, call, send, recorded, version)
    late = fault if fault is not None and fault.is_late else None
    body = accept(sandbox, send, late)
    if late is not None:
        call.count_fault(late)
    elif fault is not None:
        return await call.respond_with_fault(request, fault, version, body)
    return await _answer(sandbox, request, body, version)


async def _replay(
    sandbox: Sandbox,
    request: web.BaseRequest,
    call: SendCall,
    send: ValidSend,
    recorded: RecordedCall,
    version: str,
) -> web.StreamResponse:
    """The answer that a record gives to this call."""
    if recorded.accepted:
        return await recorded_answers.respond(
            request, recorded, accept(sandbox, send, recorded=recorded), version
        )
    call.count_refusal(recorded.code or 0)
    return await recorded_answers.respond(request, recorded, b"", version)


async def _answer(
    sandbox: Sandbox, request: web.BaseRequest, body: bytes, version: str
) -> web.StreamResponse:
    """The response to an accepted message, with the random network faults of the settings."""
    settings, rng = sandbox.world.settings, sandbox.world.random
    latency = send_latency_s(settings, rng)
    if settings.slow_accept_share and rng.random() < settings.slow_accept_share:
        latency = 0.001 * settings.slow_accept_ms
    await asyncio.sleep(latency)
    if settings.reset_after_accept_share and rng.random() < settings.reset_after_accept_share:
        return reset(request)
    return graph_response(body, version)


def accept(
    sandbox: Sandbox,
    send: ValidSend,
    late: Fault | None = None,
    recorded: RecordedCall | None = None,
) -> bytes:
    """Journals one message, plans its webhooks and returns the body of the 200; `late` makes it
    fail by a webhook, `recorded` says all that is reported of it."""
    world, template = sandbox.world, send.template
    now = sandbox.clock.now()
    category = template.category if template else "SERVICE"
    phone = send.wa_id if "." not in send.to else send.to[-15:]
    message = Message(
        *(new_wamid(phone), send.number, send.to, send.wa_id, send.opaque, category, now),
        template,
    )
    if recorded is not None:
        outcome, code = recorded_answers.outcome_of(recorded), 0
        message.failure_details = recorded.details
    else:
        outcome, code = _outcome(sandbox, send, message), 0
    if late is not None:
        outcome, code = MessageOutcome.LATE_FAILURE, late.code
        message.failure_details = late.details
    _journal(sandbox, send, message, outcome)
    send.number.accepted += 1
    if recorded is not None:
        sandbox.webhooks.plan_steps(message, list(recorded.steps))
    elif outcome is MessageOutcome.HELD:
        sandbox.pacing.hold(message)
    else:
        forced = world.people.get(send.wa_id)
        code = code or (forced.failure_code if forced is not None else 0)
        sandbox.webhooks.plan_steps(message, steps_for(world, message, outcome, code))
    return _accepted_body(world, send, message, outcome)


def _outcome(sandbox: Sandbox, send: ValidSend, message: Message) -> MessageOutcome:
    if send.over_rate:
        return MessageOutcome.THROTTLED
    template, now = send.template, message.accepted_at
    if template is not None and sandbox.pacing.holds(send.number.waba, template, now):
        return MessageOutcome.HELD
    return choose_outcome(sandbox.world, message, now)


def _journal(sandbox: Sandbox, send: ValidSend, message: Message, outcome: MessageOutcome) -> None:
    template = send.template
    parameters = ",".join(map(quoted, send.parameters))
    sandbox.journal.append(
        f'"accepted_at":{message.accepted_at},"arrived_at":{send.arrival},'
        f'"phone_number_id":"{send.number.id}","to":"{send.to}",'
        f'"biz_opaque_callback_data":{quoted(send.opaque)},"wamid":"{message.wamid}",'
        f'"template":{quoted(template.name if template else "")},'
        f'"language":{quoted(template.language if template else "")},'
        f'"category":"{message.category}","parameters":[{parameters}],"outcome":"{outcome}"'
    )


def _accepted_body(
    world: World, send: ValidSend, message: Message, outcome: MessageOutcome
) -> bytes:
    known_as = f'"wa_id":"{send.wa_id}"'
    if "." in send.to:
        known_as = f'"user_id":"{send.to}"'
    elif world.settings.answer_user_id:
        known_as += f',"user_id":"{world.user_id(send.wa_id, send.number.waba.portfolio)}"'
    status = ""
    if send.template is not None:
        held = outcome is MessageOutcome.HELD
        status = f',"message_status":"{"held_for_quality_assessment" if held else "accepted"}"'
    return (
        f'{{"messaging_product":"whatsapp","contacts":[{{"input":{quoted(send.shown)},'
        f'{known_as}}}],"messages":[{{"id":"{message.wamid}"{status}}}]}}'
    ).encode()


def _mark_read(
    world: World, number_id: str, authorization: str | None, envelope: dict[str, Any], version: str
) -> web.Response:
    """The same endpoint marks an inbound message as read."""
    try:
        check_token(world, authorization)
        if number_id not in world.numbers:
            raise unknown_object(number_id)
        product = envelope.get("messaging_product")
        require(product == "whatsapp", 100, "The parameter messaging_product is required.")
        require(envelope["status"] == "read", 100, "Param status must be one of {read}.")
        require(
            text(envelope.get("message_id"), "message_id"), 100, "Param message_id is required."
        )
    except Refusal as refusal:
        return refusal_response(refusal, version)
    return graph_response(b'{"success":true}', version)
