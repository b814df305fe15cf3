"""Webhooks as Meta signs and posts them, each unlike every other one, over kept-alive links."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

from webhooks.receiving import signature

SECRET = "a secret of the benchmark"
PATH = "/webhooks/whatsapp"


def body(serial: int, statuses: int) -> bytes:
    """A webhook of so many statuses, some 700 bytes each, unlike every other one."""
    items = [
        {
            "id": f"wamid.HBgMOTE5ODEyMzQ1Njc4FQIAERgSQ{serial:012}{place:04}",
            "status": "delivered",
            "timestamp": "1750030073",
            "recipient_id": "919812345678",
            "recipient_user_id": "IN.13491208655302741918",
            "biz_opaque_callback_data": f"daybreak:{serial + 10**9}.1.9f3c0a5d7e21b",
            "pricing": {
                "billable": True,
                "pricing_model": "PMP",
                "type": "regular",
                "category": "utility",
            },
        }
        for place in range(statuses)
    ]
    metadata = {"display_phone_number": "919800000001", "phone_number_id": "106540352242922"}
    contact = {"profile": {"name": "Ravi"}, "wa_id": "919812345678"}
    value = {
        "messaging_product": "whatsapp",
        "metadata": metadata,
        "contacts": [contact],
        "statuses": items,
    }
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    document = {"object": "whatsapp_business_account", "entry": [entry]}
    return json.dumps(document, separators=(",", ":")).encode()


def request(payload: bytes) -> bytes:
    """The whole POST, signed."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"User-Agent: facebookexternalua\r\n{signature.HEADER}: {signature.sign(payload, SECRET)}"
        f"\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


class Link(asyncio.Protocol):
    """One kept-alive connection that posts one request after the other."""

    def __init__(self, requests: Iterator[bytes], seconds: list[float], answers: list[int]) -> None:
        self.requests, self.seconds, self.answers = requests, seconds, answers
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.seconds.append(time.perf_counter() - self.started)
        self.answers.append(int(data[9:12]))
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        following = next(self.requests, None)
        if following is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.started = time.perf_counter()
        self.transport.write(following)


async def fire(port: int, requests: list[bytes], links: int) -> tuple[float, list[float]]:
    """Post them all over so many connections; (seconds in all, seconds of each)."""
    loop, waiting = asyncio.get_running_loop(), iter(requests)
    each: list[float] = []
    answers: list[int] = []
    started = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Link(waiting, each, answers), "127.0.0.1", port)
        for _ in range(links)
    ]
    await asyncio.gather(*(link.done for _, link in made))
    assert set(answers) == {200}, f"not all were taken: {set(answers)}"
    return time.perf_counter() - started, each
