"""What one send costs the client: CPU µs per message, and how close it keeps to its slots.

    python tests/load/transport_bench.py [--messages 4000] [--runs 3] [--latency 0.3]

A bare asyncio server in a process of its own answers after `--latency` seconds. Two measures,
each the median of the runs: paced, two numbers at 80/s each with the slots of a real morning,
and unpaced, everything due at once. Only the client's process is counted, user and system.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from phonepool.cloud_api.client import CloudApi, Dispatch, OutcomeKind, PreparedMessage

RATE = 80.0  # messages a second of one number
UTILISATION = 0.98
CALLERS = 10
ANSWER = json.dumps(
    {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+919812345678", "wa_id": "919812345678"}],
        "messages": [{"id": "wamid." + "A" * 56, "message_status": "accepted"}],
    }
).encode()
REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n"
    b"facebook-api-version: v25.0\r\nx-fb-trace-id: AbCdEfGhIjKlMnOpQrStUvW\r\n"
    b"Date: Mon, 23 Nov 2026 00:30:00 GMT\r\nConnection: keep-alive\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
)


class Result(NamedTuple):
    cpu_us: float
    per_second: float
    late_p50_ms: float
    late_p99_ms: float


class _Server(asyncio.Protocol):
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.heard = transport, b""

    def data_received(self, data: bytes) -> None:
        self.heard += data
        while (end := self._end_of_request()) and len(self.heard) >= end:
            self.heard = self.heard[end:]
            asyncio.get_running_loop().call_later(self.latency, self.transport.write, REPLY)

    def _end_of_request(self) -> int:
        head = self.heard.find(b"\r\n\r\n")
        if head < 0:
            return 0
        length = self.heard.index(b"Content-Length: ") + 16
        return head + 4 + int(self.heard[length : self.heard.index(b"\r", length)])


def serve(latency: float, ready: Connection) -> None:
    async def run() -> None:
        _Server.latency = latency
        server = await asyncio.get_running_loop().create_server(
            _Server, "127.0.0.1", 0, backlog=2048
        )
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def prepared(number: int, place: int, send_at: float, spacing: float) -> PreparedMessage:
    texts = ["Ravi Kumar", "INV-2044", "Markets opened flat; the bank index leads. " * 4]
    return PreparedMessage(
        key=number,
        attempt_id=f"run42.{number}.1",
        phone_number_id=f"10000000000000{place}",
        to=f"+9198{number:08}",
        template="daily_update_v3",
        language="en",
        components=[{"type": "body", "parameters": [{"type": "text", "text": t} for t in texts]}],
        send_at=send_at,
        deadline=send_at + 120,
        spacing=spacing,
    )


def messages(count: int, *, paced: bool) -> list[PreparedMessage]:
    start = time.monotonic() + 0.2
    slot = 1 / (RATE * UTILISATION)
    if not paced:
        return [prepared(n, n % 2, start, 1e-6) for n in range(count)]
    return [prepared(n, n % 2, start + (n // 2) * slot, 1 / RATE) for n in range(count)]


def measure(port: int, count: int, *, paced: bool) -> Result:
    api = CloudApi(
        f"http://127.0.0.1:{port}",
        "v25.0",
        "t" * 200,
        connect_timeout=3,
        read_timeout=20,
        concurrency=384,
    )
    batch = messages(count, paced=paced)
    cpu, began = time.process_time(), time.monotonic()
    dispatches = [_sent(api, batch[n::CALLERS]) for n in range(CALLERS)]
    outcomes = [outcome for dispatch in dispatches for outcome in dispatch.collect(timeout=600)]
    cpu, wall = time.process_time() - cpu, time.monotonic() - began - 0.2
    api.close()
    assert all(outcome.kind is OutcomeKind.ACCEPTED for outcome in outcomes), outcomes[0]
    ahead = time.time() - time.monotonic()  # of the wall clock, which outcomes tell
    slots = {message.key: message.send_at + ahead for message in batch}
    late = sorted((one.started_at.timestamp() - slots[one.key]) * 1000 for one in outcomes)
    return Result(
        cpu / count * 1e6, count / wall, late[count // 2], late[min(count - 1, count * 99 // 100)]
    )


def _sent(api: CloudApi, messages: list[PreparedMessage]) -> Dispatch:
    dispatch = api.dispatch()
    dispatch.submit(messages)
    return dispatch


def median(results: list[Result]) -> Result:
    return Result(*(statistics.median(column) for column in zip(*results, strict=True)))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=4000)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--latency", type=float, default=0.3, help="seconds")
    chosen = options.parse_args()
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(chosen.latency, theirs), daemon=True)
    server.start()
    port = ours.recv()
    for paced in (True, False):
        results = [measure(port, chosen.messages, paced=paced) for _ in range(chosen.runs)]
        middle = median(results)
        print(
            f"{'paced' if paced else 'unpaced':8} {middle.cpu_us:6.0f} µs/message"
            f" {middle.per_second:6.0f}/s, late p50 {middle.late_p50_ms:.1f} ms"
            f" p99 {middle.late_p99_ms:.1f} ms  (runs: "
            + ", ".join(f"{result.cpu_us:.0f}" for result in results)
            + " µs)"
        )
    server.terminate()


if __name__ == "__main__":
    main()
