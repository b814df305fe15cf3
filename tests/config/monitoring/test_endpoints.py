from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config.monitoring import probes
from config.monitoring.sentry import redact_all
from distribution.dead_man import pings
from distribution.models import Heartbeat
from distribution.runtime.probe import Probe

PEOPLE = {"REMOTE_ADDR": "203.0.113.7"}


def test_a_living_process_says_so_and_asks_nobody(client: Client) -> None:
    answer = client.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("seconds_ago", "keeper", "status"),
    [(0, "ok", "ok"), (30, "ok", "ok"), (70, "down", "degraded"), (None, "down", "degraded")],
)
def test_ready_is_who_has_a_database_and_a_broker_and_the_keeper_is_told(
    client: Client,
    settings: Settings,
    broker_url: str,
    seconds_ago: int | None,
    keeper: str,
    status: str,
) -> None:
    settings.REDIS_URL = broker_url
    if seconds_ago is not None:
        Heartbeat.record("keeper", timezone.now() - timedelta(seconds=seconds_ago))

    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": status, "database": "ok", "broker": "ok", "keeper": keeper}


@pytest.mark.django_db
def test_a_broker_that_refuses_is_named(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["database"]) == ("degraded", "ok")
    assert answer.json()["broker"] == "down"


@pytest.mark.django_db
def test_a_frozen_broker_is_waited_for_one_second(client: Client, settings: Settings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        settings.REDIS_URL = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        began = time.monotonic()
        answer = client.get("/health/ready")
        took = time.monotonic() - began

    assert (answer.status_code, answer.json()["broker"]) == (503, "down")
    assert took < 3  # one second for it, and a busy machine


def test_without_a_database_nobody_is_ready(client: Client, settings: Settings) -> None:
    # pytest-django refuses the connection, as a database that is away would.
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["database"]) == (503, "down")


def test_a_failing_question_is_a_no_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def ask() -> bool:
        raise OSError("no route")

    assert Probe(ask).succeeds() is False
    assert caplog.messages == ["Not ready: OSError: no route"]


def test_while_one_question_hangs_nobody_asks_anew() -> None:
    answered, asked = threading.Event(), []

    def ask() -> bool:
        asked.append(threading.current_thread())
        return answered.wait(30)

    probe = Probe(ask)
    assert [probe.succeeds(timeout=0.01) for _ in range(5)] == [False] * 5
    assert len(asked) == 1

    answered.set()
    asked[0].join()
    assert probe.succeeds() is True
    assert len(asked) == 2


def test_askers_at_the_same_time_share_one_question() -> None:
    began, answered, asked = threading.Event(), threading.Event(), []
    results: list[bool] = []

    def ask() -> bool:
        asked.append(1)
        began.set()
        return answered.wait(30)

    probe = Probe(ask)
    crowd = [threading.Thread(target=lambda: results.append(probe.succeeds(30))) for _ in range(5)]
    for one in crowd:
        one.start()
    assert began.wait(30)
    deadline = time.monotonic() + 30
    while probe._lock.locked() and time.monotonic() < deadline:
        time.sleep(0.001)
    answered.set()
    for one in crowd:
        one.join()

    assert results == [True] * 5
    assert len(asked) <= 5


def test_ready_asks_all_at_once_and_waits_no_second_time_for_who_hangs(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, waited = threading.Barrier(3), []
    asked = {name: Probe(lambda: together.wait(30) >= 0) for name in probes.PROBES}
    monkeypatch.setattr(probes, "PROBES", asked)
    assert client.get("/health/ready").json()["status"] == "ok"

    answered = threading.Event()
    asked["database"] = hanging = Probe(lambda: answered.wait(30))
    asked["broker"] = asked["keeper"] = Probe(lambda: True)
    thread = hanging._begin()
    thread.began -= 2  # it was asked two seconds ago
    monkeypatch.setattr(thread, "join", waited.append)
    answer = client.get("/health/ready")
    answered.set()

    assert (answer.status_code, answer.json()["database"], waited) == (503, "down", [0.0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "10.1.2.3"}, 200),
        (PEOPLE, 404),
        ({"REMOTE_ADDR": ""}, 404),
        # A proxy on this machine is at 127.0.0.1 for whomever it speaks.
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),
        ({"HTTP_FORWARDED": "for=127.0.0.1"}, 404),
        ({"HTTP_X_REAL_IP": "127.0.0.1"}, 404),
    ],
)
def test_metrics_are_for_those_allowed_and_come_directly(
    client: Client, settings: Settings, meta: dict[str, str], status: int
) -> None:
    settings.METRICS_ALLOWED = [ip_network(net) for net in ("127.0.0.0/8", "::1", "10.0.0.0/8")]

    answer = client.get("/metrics", **meta)  # type: ignore[arg-type]

    assert answer.status_code == status
    assert (b"python_info" in answer.content) == (status == 200)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_nobody_posts_to_them(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"), [("/health/live", 200), ("/metrics", 200), ("/admin/", 301)]
)
def test_those_who_ask_from_behind_the_proxy_need_no_https(
    settings: Settings, path: str, status: int
) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert Client().get(path).status_code == status


class Collector(BaseHTTPRequestHandler):
    """Stands where Sentry would and keeps what it is sent."""

    received: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.received.append(gzip.decompress(body) if packed else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def sentry() -> Iterator[ThreadingHTTPServer]:
    Collector.received = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


BREAK = """
import django, logging
django.setup()
import sentry_sdk
logger = logging.getLogger("distribution.sending.batch")
logger.info("about to write to +919812345678")
def send(to, token):
    name = "Asha " + "Verma"
    raise ValueError(f"{to} was refused with {token}")
for _ in range(3):
    try:
        send("+919812345678", "Bearer opensesame")
    except ValueError:
        logger.exception("A batch of %s broke", "+919812345678")
from distribution.dead_man import mornings
mornings._tell(7, mornings.BEGUN)
mornings._tell(7, mornings.MET)
sentry_sdk.flush(timeout=10)
"""


def test_sentry_learns_what_broke_but_nothing_secret(sentry: ThreadingHTTPServer) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SENTRY_DSN": f"http://key@127.0.0.1:{sentry.server_port}/1",
        "RELEASE": "1.2.3",
        "SENTRY_ENVIRONMENT": "staging",
    }
    command = [sys.executable, "-c", BREAK]
    done = subprocess.run(
        command, cwd=project_settings.BASE_DIR, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()

    told = b"".join(Collector.received)
    assert b"A batch of +91******5678 broke" in told
    assert b"+91******5678 was refused with Bearer ***" in told
    assert told.count(b'"exception"') == 1  # one event per fault
    assert b'"release":"1.2.3"' in told
    assert b'"environment":"staging"' in told
    assert b"about to write to +91******5678" in told
    envelopes = b"\n".join(Collector.received).splitlines()
    check_ins = [json.loads(line) for line in envelopes if b'"check_in_id"' in line]
    assert [(one["status"], one["check_in_id"]) for one in check_ins] == [
        *(("in_progress", pings.run_id(7).hex), ("ok", pings.run_id(7).hex)),
    ]
    monitor = check_ins[0]["monitor_config"]
    assert (monitor["schedule"]["value"], monitor["timezone"]) == ("0 6 * * *", "Asia/Kolkata")
    for secret in (b"9812345678", b"opensesame", b"Asha Verma"):
        assert secret not in told
        assert secret not in done.stderr


def test_without_a_dsn_sentry_is_not_even_loaded() -> None:
    script = "import sys, django; django.setup(); sys.exit('sentry_sdk' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}

    assert (
        subprocess.run(
            [sys.executable, "-c", script], cwd=project_settings.BASE_DIR, env=environment
        ).returncode
        == 0
    )


def test_everything_inside_an_event_is_redacted() -> None:
    event = {"a": ["x", {"b": ("x", 1, None)}], "x": 2.5}

    assert redact_all(event, lambda text: text.upper()) == {
        "a": ["X", {"b": ["X", 1, None]}],
        "x": 2.5,
    }


def test_celerys_name_of_a_unix_socket_is_understood(settings: Settings, tmp_path: Any) -> None:
    settings.REDIS_URL = f"redis+socket://{tmp_path}/none"

    assert probes.broker_answers() is False
