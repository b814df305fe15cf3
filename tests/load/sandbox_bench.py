"""How many messages a second the sandbox accepts on one core, and what each costs in CPU.

    .venv/bin/python tests/load/sandbox_bench.py [--messages 20000] [--rounds 3]

The client is a raw keep-alive socket loop in a process of its own, so that it measures the
sandbox and not itself. Two runs: accepting alone, and with a journal file and every status
posted to a receiver. The figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
NUMBER = "100000000000001"
CONNECTIONS = 256


def request_bytes(place: int) -> bytes:
    """One POST of a usual size to a person of its own."""
    message = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+9197{place:08d}",
        "type": "template",
        "template": {
            "name": "daily_update",
            "language": {"code": "en"},
            "components": [
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "text": "Ravi"},
                        {"type": "text", "text": "The market opens at nine. " * 8},
                    ],
                }
            ],
        },
        "biz_opaque_callback_data": f"attempt/{place}",
    }
    body = json.dumps(message).encode()
    head = (
        f"POST /v25.0/{NUMBER}/messages HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer T\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _caller(port: int, requests: list[bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    good = 0
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        start = head.lower().index(b"content-length: ") + 16
        await reader.readexactly(int(head[start : head.index(b"\r", start)]))
        good += head.startswith(b"HTTP/1.1 200")
    writer.close()
    return good


async def _flood(port: int, requests: list[bytes]) -> tuple[int, float]:
    began = time.perf_counter()
    shares = [requests[start::CONNECTIONS] for start in range(CONNECTIONS)]
    good = await asyncio.gather(*(_caller(port, share) for share in shares))
    return sum(good), time.perf_counter() - began


def flood(port: int, first: int, messages: int) -> tuple[int, float]:
    """Send messages as fast as they are answered; how many got 200, and the seconds taken."""
    return asyncio.run(_flood(port, [request_bytes(first + n) for n in range(messages)]))


async def _receive(told: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            start = head.lower().index(b"content-length: ") + 16
            await reader.readexactly(int(head[start : head.index(b"\r", start)]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def receive(told: Connection) -> None:
    """A webhook receiver that only says 200; tells its port first."""
    asyncio.run(_receive(told))


def start_sandbox(*more: str) -> tuple[subprocess.Popen[str], int]:
    """A sandbox without rate limits worth the name, and its port."""
    overrides = {"latency_p50_ms": 1, "latency_p95_ms": 1, "latency_p99_ms": 1}
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--access-token", "T"]
    command += ["--number", f"{NUMBER}:919800000001:900000", "--die-with-parent"]
    command += ["--settings", json.dumps(overrides), *more]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline().rsplit(":", 1)[1])


def measure(messages: int, rounds: int, *more: str) -> tuple[float, float]:
    """Median requests per second, and median CPU microseconds per request, of the sandbox."""
    process, port = start_sandbox(*more)
    rates, costs = [], []
    try:
        watched = psutil.Process(process.pid)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(flood, (port, 90_000_000, 2000))  # warm
            for turn in range(rounds):
                before = watched.cpu_times()
                good, seconds = pool.apply(flood, (port, turn * messages, messages))
                after = watched.cpu_times()
                assert good == messages, f"only {good} of {messages} were accepted"
                rates.append(messages / seconds)
                used = after.user + after.system - before.user - before.system
                costs.append(1e6 * used / messages)
    finally:
        process.terminate()
        process.wait(10)
    return statistics.median(rates), statistics.median(costs)


def show(name: str, rate: float, cost: float) -> None:
    """One line; what a core carries follows from the CPU, however busy the machine was."""
    core = 1e6 / cost
    print(f"{name + ':':28}{rate:6.0f}/s seen {cost:6.0f} CPU µs each {core:6.0f}/s a core")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    show("accepting alone", *measure(given.messages, given.rounds))
    with tempfile.TemporaryDirectory() as folder:
        spawning = multiprocessing.get_context("spawn")
        ours, theirs = spawning.Pipe()
        sink = spawning.Process(target=receive, args=(theirs,))
        sink.start()
        port = ours.recv()
        try:
            more = ("--webhook-url", f"http://127.0.0.1:{port}/", "--journal", f"{folder}/j.jsonl")
            show("with journal and webhooks", *measure(given.messages, given.rounds, *more))
        finally:
            sink.terminate()


if __name__ == "__main__":
    main()
