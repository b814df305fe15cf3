"""One call to /messages for faults and statistics, and its spoilt responses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from sandbox.behaviour.timing import send_latency_s
from sandbox.faults import Fault
from sandbox.formats.errors import Refusal
from sandbox.graph.answers import (
    drip,
    graph_response,
    html_page,
    refusal_response,
    reset,
    truncated,
)
from sandbox.sandbox import Sandbox
from sandbox.world.people import digits_of


class SendCall:
    """One call, as far as it could be parsed."""

    def __init__(self, sandbox: Sandbox, number_id: str, envelope: Any, arrival: float) -> None:
        self.sandbox = sandbox
        self.number_id = number_id
        self.arrival = arrival
        fields = envelope if isinstance(envelope, dict) else {}
        self.to = digits_of(str(fields.get("to", "")))
        self.opaque = str(fields.get("biz_opaque_callback_data", ""))
        template = fields.get("template")
        self.template = str(template.get("name", "")) if isinstance(template, dict) else ""
        self.number = sandbox.world.numbers.get(number_id)
        if self.number is not None:
            self.number.requests += 1

    def fault(self) -> Fault | None:
        """The scripted fault that applies to it."""
        sandbox = self.sandbox
        return sandbox.faults.pick(
            *(self.number_id, self.to, self.opaque, self.template, self.arrival),
            sandbox.world.random,
        )

    def count_refusal(self, code: int) -> None:
        """Counts a Graph error."""
        number = self.number
        refused = number.refused if number else self.sandbox.world.unknown_number_refusals
        refused[code] += 1
        self._log(code=code)

    def count_fault(self, fault: Fault) -> None:
        """Counts a scripted fault that takes effect."""
        fault.used += 1
        if self.number is not None:
            self.number.faulted[fault.do] += 1
        if fault.do != "error":  # an error is logged by its code
            self._log(fault=fault.do)

    def _log(self, **what: object) -> None:
        self.sandbox.refusals.append(
            {
                "arrived_at": self.arrival,
                "phone_number_id": self.number_id,
                "to": self.to,
                "biz_opaque_callback_data": self.opaque,
                **what,
            }
        )

    async def respond_with_fault(
        self, request: web.BaseRequest, fault: Fault, version: str, body: bytes = b""
    ) -> web.StreamResponse:
        """Responds with the fault; `body` is the answer to a message that was accepted."""
        self.count_fault(fault)
        if fault.do == "error":
            self.count_refusal(fault.code)
        await asyncio.sleep(self._seconds_before(fault))
        match fault.do:
            case "error":
                refusal = Refusal(fault.code, fault.details, http=fault.status)
                return refusal_response(refusal, version, fault.all_headers)
            case "accept_but_error":
                return refusal_response(Refusal(fault.code, fault.details, http=500), version)
            case "http" | "accept_then_http":
                return html_page(fault.status or 502, fault.body, fault.all_headers)
            case "accept_then_delay":
                return graph_response(body, version)
            case "truncated_200":
                return await truncated(request, body, version)
            case "slow_drip":
                return await drip(request, body, version, fault.seconds)
            case "200_without_id":
                answer = json.loads(body)
                del answer["messages"]
                return graph_response(json.dumps(answer).encode(), version)
            case _:  # hang, reset_before_read, accept_then_reset
                return reset(request)

    def _seconds_before(self, fault: Fault) -> float:
        if fault.do == "reset_before_read":
            return 0
        if fault.do in ("hang", "accept_then_delay"):
            return fault.seconds
        return send_latency_s(self.sandbox.world.settings, self.sandbox.world.random)
