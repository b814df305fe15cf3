"""Answers one call as recorded: accepted or not, after the recorded time, well or badly."""

from __future__ import annotations

import asyncio

from aiohttp import web

from sandbox.behaviour.outcomes import MessageOutcome
from sandbox.formats.errors import Refusal
from sandbox.graph.answers import graph_response, html_page, refusal_response, reset
from sandbox.replay.calls import LONGEST_SILENCE_S, RecordedCall

PAGE = "<html><body><h1>Something else</h1></body></html>"  # not in the API's format
NAMELESS = b'{"error":{"message":"It was refused."}}'  # without a code
_BY_STATUS = {
    "sent": MessageOutcome.NEVER,
    "delivered": MessageOutcome.DELIVERED,
    "read": MessageOutcome.READ,
    "failed": MessageOutcome.LATE_FAILURE,
}


def outcome_of(call: RecordedCall) -> MessageOutcome:
    """What the journal says became of an accepted message."""
    if call.held:
        return MessageOutcome.HELD
    return _BY_STATUS[call.steps[-1].status] if call.steps else MessageOutcome.SILENT


async def respond(
    request: web.BaseRequest, call: RecordedCall, body: bytes, version: str
) -> web.StreamResponse:
    """The recorded answer; `body` is that of the 200, of a message that was accepted."""
    await asyncio.sleep(min(call.after_s, LONGEST_SILENCE_S))
    status = call.status
    if not call.answered:
        return reset(request)
    if status is None:
        return graph_response(body, version)
    if call.code is not None:
        refusal = Refusal(call.code, call.details, http=status, subcode=call.subcode)
        return refusal_response(refusal, version)
    if call.refused:
        return graph_response(NAMELESS, version, status=status)
    return html_page(status, PAGE)
