"""POST /{phone-number-id}/messages: judged on arrival, journaled, answered after the latency."""

from __future__ import annotations

import asyncio

from aiohttp import web

from sandbox.answers import graph_answer, refusal_answer, reset
from sandbox.compact_json import quoted
from sandbox.errors import Refusal, unknown_object
from sandbox.identifiers import new_wamid
from sandbox.outcomes import Outcome
from sandbox.sandbox import StandIn
from sandbox.spoilt_answers import Call
from sandbox.timeline import Message, decide, plan
from sandbox.timing import send_latency_s
from sandbox.validation import Order, check_token, judge, parse


async def post_message(
    stand: StandIn, request: web.BaseRequest, number_id: str, version: str
) -> web.StreamResponse:
    """Answer one call, truly or spoilt."""
    arrival = stand.clock.now()
    authorization = request.headers.get("Authorization")
    envelope = parse(await request.read())
    if isinstance(envelope, dict) and "status" in envelope and "type" not in envelope:
        return await _mark_read(stand, number_id, authorization, version)
    call = Call(stand, number_id, envelope, arrival)
    fault = stand.faults.pick(number_id, call.to, call.opaque, arrival, stand.world.random)
    if fault is not None and not fault.accepts:
        return await call.instead(request, fault, version)
    code = stand.bursts.code(stand.world.settings, stand.world.random)
    try:
        if code:
            raise Refusal(code)
        order = judge(stand.world, number_id, authorization, envelope, arrival)
    except Refusal as refusal:
        call.note_refusal(refusal.code)
        await asyncio.sleep(send_latency_s(stand.world.settings, stand.world.random))
        return refusal_answer(refusal, version)
    body = accept(stand, order)
    if fault is not None:
        return await call.afterwards(request, fault, version, body)
    return await _answer(stand, request, body, version)


async def _answer(
    stand: StandIn, request: web.BaseRequest, body: bytes, version: str
) -> web.StreamResponse:
    """The plain answer, with the accidents of the line that the settings ask for."""
    settings, chance = stand.world.settings, stand.world.random
    latency = send_latency_s(settings, chance)
    if settings.slow_accept_share and chance.random() < settings.slow_accept_share:
        latency = 0.001 * settings.slow_accept_ms
    await asyncio.sleep(latency)
    if settings.reset_after_accept_share and chance.random() < settings.reset_after_accept_share:
        return reset(request)
    return graph_answer(body, version)


def accept(stand: StandIn, order: Order) -> bytes:
    """Journal one message, plan its webhooks and return the body of the 200."""
    world, template = stand.world, order.template
    now = stand.clock.now()
    category = template.category if template else "SERVICE"
    if order.over_rate:
        outcome = Outcome.THROTTLED
    elif world.account.holding and template is not None:
        outcome = Outcome.HELD
    else:
        outcome = decide(world, order.to, category, free_form=template is None, now=now)
    phone = order.to if "." not in order.to else order.to[-15:]
    message = Message(
        new_wamid(phone), order.number, order.to, order.opaque, category, now, _ttl(order)
    )
    _journal(stand, order, message, outcome)
    order.number.accepted += 1
    if outcome is Outcome.HELD:
        stand.held.append(message)
    else:
        forced = world.people.get(order.to)
        code = forced.failure_code if forced is not None else 0
        stand.webhooks.plan_steps(message, plan(world, message, outcome, code))
    return _accepted_body(order, message, outcome)


def _ttl(order: Order) -> float | None:
    return order.template.ttl_s if order.template else None


def _journal(stand: StandIn, order: Order, message: Message, outcome: Outcome) -> None:
    template = order.template
    parameters = ",".join(map(quoted, order.parameters))
    stand.journal.append(
        f'"accepted_at":{message.accepted_at},"arrived_at":{order.arrival},'
        f'"phone_number_id":"{order.number.id}","to":"{order.to}",'
        f'"biz_opaque_callback_data":{quoted(order.opaque)},"wamid":"{message.wamid}",'
        f'"template":{quoted(template.name if template else "")},'
        f'"language":{quoted(template.language if template else "")},'
        f'"category":"{message.category}","parameters":[{parameters}],"outcome":"{outcome}"'
    )


def _accepted_body(order: Order, message: Message, outcome: Outcome) -> bytes:
    known_as = "user_id" if "." in order.to else "wa_id"
    status = ""
    if order.template is not None:
        held = outcome is Outcome.HELD
        status = f',"message_status":"{"held_for_quality_assessment" if held else "accepted"}"'
    return (
        f'{{"messaging_product":"whatsapp","contacts":[{{"input":{quoted(order.shown)},'
        f'"{known_as}":"{order.to}"}}],"messages":[{{"id":"{message.wamid}"{status}}}]}}'
    ).encode()


async def _mark_read(
    stand: StandIn, number_id: str, authorization: str | None, version: str
) -> web.Response:
    """The same endpoint marks an inbound message as read."""
    try:
        check_token(stand.world, authorization)
        if number_id not in stand.world.numbers:
            raise unknown_object(number_id)
    except Refusal as refusal:
        return refusal_answer(refusal, version)
    return graph_answer(b'{"success":true}', version)
