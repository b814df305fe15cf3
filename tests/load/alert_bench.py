"""Alerts from the commit to the channel: many in a minute, three channels, one of them dead.

    python tests/load/alert_bench.py [--alerts 1000] [--seconds 60]

Runs the keeper's loop over a throwaway PostgreSQL and raises alerts at an even pace; two channels
post to servers of this machine, the third to one that takes connections and never answers. Prints
the seconds from each commit to its arrival, and what did not arrive.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

GRACE_SECONDS = 20.0  # after the last alert


@contextlib.contextmanager
def a_clocked_sink() -> Iterator[tuple[str, dict[str, float]]]:
    """Its address, and when each scope arrived, alone or in a digest."""
    import json

    arrived: dict[str, float] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            now = time.monotonic()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in body.get("alerts", [body]):
                arrived.setdefault(alert["scope"], now)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", arrived
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def a_dead_sink() -> Iterator[str]:
    """It takes connections and never answers: the worst kind."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def measure(alerts: int, seconds: float) -> dict[str, list[float]]:
    """Delays of each live channel, in seconds; a missing one is infinite."""
    from django.utils import timezone

    from distribution.alert_channels.loop import NoticeLoop
    from distribution.alerts import incidents
    from distribution.alerts.catalogue import AlertRule
    from tests.distribution.sinks import a_channel, a_route

    committed: dict[str, float] = {}
    with (
        a_clocked_sink() as (first, arrived),
        a_clocked_sink() as (second, also_arrived),
        a_dead_sink() as dead,
    ):
        for name, address in (("First", first), ("Dead", dead), ("Second", second)):
            a_route(a_channel(name, address=address))
        with NoticeLoop():
            began = time.monotonic()
            for at in range(alerts):
                time.sleep(max(0.0, began + at * seconds / alerts - time.monotonic()))
                incidents.raise_alert(AlertRule.NO_NUMBER, at, message="x", now=timezone.now())
                committed[f"distribution {at}"] = time.monotonic()
            deadline = time.monotonic() + GRACE_SECONDS
            while time.monotonic() < deadline:
                if min(len(arrived), len(also_arrived)) >= alerts:
                    break
                time.sleep(0.05)
    return {
        name: [
            there[scope] - at if scope in there else float("inf") for scope, at in committed.items()
        ]
        for name, there in (("first", arrived), ("second", also_arrived))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    from tests.load.servers import django_on_postgres

    os.environ["EVENT_PRIVATE_NETWORKS"] = "127.0.0.0/8"
    with django_on_postgres():
        for name, delays in measure(arguments.alerts, arguments.seconds).items():
            missing = sum(delay == float("inf") for delay in delays)
            cuts = quantiles([delay for delay in delays if delay != float("inf")], n=100)
            print(
                f"{name}: median {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, "
                f"max {max(delays):.2f} s, {missing} missing"
            )


if __name__ == "__main__":
    main()
