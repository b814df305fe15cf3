"""A real Prometheus and Alertmanager with the committed rules and routes, and a sink for alerts."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from config.processes.child import free_port

MONITORING = Path(__file__).resolve().parents[2] / "monitoring"
BINARIES = ("prometheus", "prometheus-alertmanager", "promtool", "amtool")


def need_binaries() -> None:
    """Debian's packages prometheus and prometheus-alertmanager; `.ci/run` installs them."""
    missing = [name for name in BINARIES if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@dataclass
class Sink:
    """Where Alertmanager posts to: each message with the time and the receiver it was meant for."""

    port: int = 0
    received: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def when(self, name: str, status: str, receiver: str, since: float = 0.0) -> float | None:
        """When an alert of this name was first told as firing, or resolved, after `since`."""
        return next(
            (
                at
                for at, to, message in list(self.received)
                for alert in message["alerts"]
                if at >= since
                and (to, alert["status"], alert["labels"]["alertname"]) == (receiver, status, name)
            ),
            None,
        )

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((time.monotonic(), self.path.strip("/"), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


@dataclass
class Monitors:
    """Both programs, watching one web server."""

    url: str
    sink: Sink
    page: str

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that a query finds now."""
        answer = requests.get(f"{self.url}/api/v1/query", {"query": query}, timeout=10)
        assert answer.ok, f"{query}: {answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found


@contextlib.contextmanager
def watching(folder: Path, web_port: int) -> Iterator[Monitors]:
    """Prometheus scrapes the web server; what Alertmanager sends comes to the sink."""
    folder.mkdir()
    sink, (prometheus, alertmanager) = Sink(), (free_port(), free_port())
    with sink.listening(), contextlib.ExitStack() as ends:
        config = yaml.safe_load((MONITORING / "prometheus/prometheus.yml").read_text())
        config["rule_files"] = [str(MONITORING / "prometheus/daybreak.rules.yml")]
        scraped = [{"targets": [f"127.0.0.1:{web_port}"], "labels": {"server": "web"}}]
        config["scrape_configs"][0]["static_configs"] = scraped
        told = [{"targets": [f"127.0.0.1:{alertmanager}"]}]
        config["alerting"]["alertmanagers"][0]["static_configs"] = told
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(_to_sink(sink.port)))
        _start(
            ends,
            folder,
            "prometheus-alertmanager",
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alerts'}",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
        )
        _start(
            ends,
            folder,
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
            "--rules.alert.resend-delay=5s",
        )
        yield Monitors(
            f"http://127.0.0.1:{prometheus}", sink, f"http://127.0.0.1:{web_port}/metrics"
        )


def _to_sink(port: int) -> dict[str, Any]:
    """The committed routes; each receiver posts to the sink instead of PagerDuty, Slack or mail."""
    config: dict[str, Any] = yaml.safe_load(
        (MONITORING / "alertmanager/alertmanager.yml").read_text()
    )
    config["global"] = {"resolve_timeout": "1m"}
    config["receivers"] = [
        {
            "name": one["name"],
            "webhook_configs": [{"url": f"http://127.0.0.1:{port}/{one['name']}"}],
        }
        for one in config["receivers"]
    ]
    return config


def _start(ends: contextlib.ExitStack, folder: Path, *command: str) -> None:
    log = ends.enter_context((folder / f"{command[0]}.log").open("wb"))
    process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop() -> None:
        process.terminate()
        process.wait(timeout=20)

    ends.callback(stop)
