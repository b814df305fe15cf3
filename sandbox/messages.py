"""POST /{phone-number-id}/messages: validated on arrival, journaled, answered after the latency."""

from __future__ import annotations

import asyncio

from aiohttp import web

from sandbox.answers import graph_response, refusal_response, reset
from sandbox.compact_json import quoted
from sandbox.errors import Refusal, unknown_object
from sandbox.identifiers import new_wamid
from sandbox.outcomes import MessageOutcome
from sandbox.sandbox import Sandbox
from sandbox.spoilt_answers import SendCall
from sandbox.timeline import Message, choose_outcome, steps_for
from sandbox.timing import send_latency_s
from sandbox.validation import ValidSend, check_token, parse, validate


async def post_message(
    sandbox: Sandbox, request: web.BaseRequest, number_id: str, version: str
) -> web.StreamResponse:
    """Answers one call, possibly with a fault."""
    arrival = sandbox.clock.now()
    authorization = request.headers.get("Authorization")
    envelope = parse(await request.read())
    if isinstance(envelope, dict) and "status" in envelope and "type" not in envelope:
        return await _mark_read(sandbox, number_id, authorization, version)
    call = SendCall(sandbox, number_id, envelope, arrival)
    fault = sandbox.faults.pick(number_id, call.to, call.opaque, arrival, sandbox.world.random)
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
    body = accept(sandbox, send)
    if fault is not None:
        return await call.respond_with_fault(request, fault, version, body)
    return await _answer(sandbox, request, body, version)


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


def accept(sandbox: Sandbox, send: ValidSend) -> bytes:
    """Journals one message, plans its webhooks and returns the body of the 200."""
    world, template = sandbox.world, send.template
    now = sandbox.clock.now()
    category = template.category if template else "SERVICE"
    if send.over_rate:
        outcome = MessageOutcome.THROTTLED
    elif world.account.holding and template is not None:
        outcome = MessageOutcome.HELD
    else:
        outcome = choose_outcome(world, send.to, category, free_form=template is None, now=now)
    phone = send.to if "." not in send.to else send.to[-15:]
    message = Message(
        new_wamid(phone), send.number, send.to, send.opaque, category, now, _ttl(send)
    )
    _journal(sandbox, send, message, outcome)
    send.number.accepted += 1
    if outcome is MessageOutcome.HELD:
        sandbox.held.append(message)
    else:
        forced = world.people.get(send.to)
        code = forced.failure_code if forced is not None else 0
        sandbox.webhooks.plan_steps(message, steps_for(world, message, outcome, code))
    return _accepted_body(send, message, outcome)


def _ttl(send: ValidSend) -> float | None:
    return send.template.ttl_s if send.template else None


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


def _accepted_body(send: ValidSend, message: Message, outcome: MessageOutcome) -> bytes:
    known_as = "user_id" if "." in send.to else "wa_id"
    status = ""
    if send.template is not None:
        held = outcome is MessageOutcome.HELD
        status = f',"message_status":"{"held_for_quality_assessment" if held else "accepted"}"'
    return (
        f'{{"messaging_product":"whatsapp","contacts":[{{"input":{quoted(send.shown)},'
        f'"{known_as}":"{send.to}"}}],"messages":[{{"id":"{message.wamid}"{status}}}]}}'
    ).encode()


async def _mark_read(
    sandbox: Sandbox, number_id: str, authorization: str | None, version: str
) -> web.Response:
    """The same endpoint marks an inbound message as read."""
    try:
        check_token(sandbox.world, authorization)
        if number_id not in sandbox.world.numbers:
            raise unknown_object(number_id)
    except Refusal as refusal:
        return refusal_response(refusal, version)
    return graph_response(b'{"success":true}', version)
