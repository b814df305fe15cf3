"""One call to /messages as the faults and the statistics see it, and its spoilt answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from sandbox.answers import drip, graph_answer, page, refusal_answer, reset, truncated
from sandbox.errors import Refusal
from sandbox.faults import Fault
from sandbox.sandbox import StandIn
from sandbox.state import digits_of
from sandbox.timing import send_latency_s


class Call:
    """One call as far as it could be read."""

    def __init__(self, stand: StandIn, number_id: str, envelope: Any, arrival: float) -> None:
        self.stand = stand
        self.number_id = number_id
        self.arrival = arrival
        fields = envelope if isinstance(envelope, dict) else {}
        self.to = digits_of(str(fields.get("to", "")))
        self.opaque = str(fields.get("biz_opaque_callback_data", ""))
        self.number = stand.world.numbers.get(number_id)
        if self.number is not None:
            self.number.requests += 1

    def note_refusal(self, code: int) -> None:
        """Count a Graph error."""
        number = self.number
        refused = number.refused if number else self.stand.world.unknown_number_refusals
        refused[code] += 1
        self._log(code=code)

    def note_fault(self, fault: Fault) -> None:
        """Count a scripted fault that acts."""
        fault.used += 1
        if self.number is not None:
            self.number.faulted[fault.do] += 1
        if fault.do != "error":  # an error is logged by its code
            self._log(fault=fault.do)

    def _log(self, **what: object) -> None:
        self.stand.refusals.append(
            {
                "arrived_at": self.arrival,
                "phone_number_id": self.number_id,
                "to": self.to,
                "biz_opaque_callback_data": self.opaque,
                **what,
            }
        )

    async def instead(
        self, request: web.BaseRequest, fault: Fault, version: str
    ) -> web.StreamResponse:
        """Nothing is accepted; the fault is the answer."""
        self.note_fault(fault)
        if fault.do == "error":
            return await self._error(fault, version)
        if fault.do == "reset_before_read":
            return reset(request)
        if fault.do == "hang":
            await asyncio.sleep(fault.seconds)
            return reset(request)
        await self._latency()
        return page(fault.status or 502, fault.body)

    async def _error(self, fault: Fault, version: str) -> web.Response:
        refusal = Refusal(fault.code, fault.details, http=fault.status)
        self.note_refusal(refusal.code)
        await self._latency()
        wait = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else None
        return refusal_answer(refusal, version, wait)

    async def _latency(self) -> None:
        await asyncio.sleep(send_latency_s(self.stand.world.settings, self.stand.world.random))

    async def afterwards(
        self, request: web.BaseRequest, fault: Fault, version: str, body: bytes
    ) -> web.StreamResponse:
        """The message is accepted; its answer is spoilt."""
        self.note_fault(fault)
        if fault.do == "accept_then_delay":
            await asyncio.sleep(fault.seconds)
            return graph_answer(body, version)
        await self._latency()
        match fault.do:
            case "accept_then_reset":
                return reset(request)
            case "accept_then_http":
                return page(fault.status or 502, fault.body)
            case "accept_but_error":
                return refusal_answer(Refusal(fault.code, fault.details, http=500), version)
            case "truncated_200":
                return await truncated(request, body, version)
            case "slow_drip":
                return await drip(request, body, version, fault.seconds)
            case _:  # 200_without_id
                answer = json.loads(body)
                del answer["messages"]
                return graph_answer(json.dumps(answer).encode(), version)
