"""Pings to a watcher outside, and check-ins of Sentry."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import TestCase

from config.monitoring.sentry import redacted
from config.settings.redaction import redactor
from distribution.dead_man import mornings, pings
from distribution.engine import keeper as keeping
from distribution.lifecycle import closing, control
from distribution.models import Delivery, Kind
from tests.builders import an_open_distribution

SIX = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


@contextmanager
def a_watcher() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/uuid", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.django_db
@pytest.mark.parametrize("ends", ["met", "missed", "cancelled"])
def test_a_morning_tells_its_start_and_its_end_once(settings, monkeypatch, ends):
    checked: list[tuple[str, str]] = []
    monkeypatch.setattr(mornings, "_check_in", lambda *given: checked.append(given))
    settings.SENTRY_DSN = "https://key@example.com/1"
    with a_watcher() as (url, asked):
        settings.HEARTBEAT_URL_MORNING = url
        run = an_open_distribution(1, now=SIX, kind=Kind.DAILY)
        with TestCase.captureOnCommitCallbacks(execute=True):
            mornings.tell(run.pk, mornings.BEGUN)
        state = {"met": "ACCEPTED", "missed": "SKIPPED", "cancelled": "PENDING"}[ends]
        accepted = (
            {"accepted_at": SIX + timedelta(seconds=9), "wamid": "w"} if ends == "met" else {}
        )
        reason = "window_over" if ends == "missed" else ""
        Delivery.objects.update(state=state, reason=reason, **accepted)
        with TestCase.captureOnCommitCallbacks(execute=True):
            if ends == "cancelled":
                control.cancel(run.pk, reason="x", now=SIX)
            for _ in range(2):
                closing.complete_if_done(run.pk, now=SIX + timedelta(hours=5))
        for thread in threading.enumerate():
            if thread.name == "ping":
                thread.join()
    rid = pings.run_id(run.pk)
    signal = "/uuid" if ends == "met" else "/uuid/fail"
    assert sorted(asked) == sorted([f"/uuid/start?rid={rid}", f"{signal}?rid={rid}"])
    assert checked == [(rid.hex, "in_progress"), (rid.hex, "ok" if ends == "met" else "error")]


def test_a_watcher_is_pinged_once_a_minute_and_its_absence_is_borne(monkeypatch, caplog):
    now = [100.0]
    monkeypatch.setattr(pings.time, "monotonic", lambda: now[0])
    each = pings.EveryMinute()
    assert each.ping("") is None
    first = each.ping("http://127.0.0.1:9/secret-uuid")
    assert first is not None
    first.join(timeout=10)
    now[0] += 30
    assert each.ping("http://127.0.0.1:9/secret-uuid") is None
    now[0] += 30
    assert each.ping("http://127.0.0.1:9/secret-uuid") is not None
    assert "a watcher was not reached" in caplog.text
    assert "secret-uuid" not in caplog.text


def test_only_a_round_that_worked_is_told_of(monkeypatch, keeper_that_ends):
    pinged: list[str] = []
    monkeypatch.setattr(keeping.pings.keeper, "ping", pinged.append)
    for outcome in (False, True):
        keeper_that_ends(outcome)
        assert len(pinged) == outcome


@pytest.fixture
def keeper_that_ends(monkeypatch):
    from unittest.mock import Mock

    def run(outcome: bool) -> None:
        keeper = keeping.Keeper(Mock(), watchdog=Mock())
        stop = threading.Event()

        def one_round() -> bool:
            stop.set()
            return outcome

        monkeypatch.setattr(keeper, "_try_round", one_round)
        monkeypatch.setattr(keeper, "_end", lambda: None)
        keeper.run(stop)

    return run


def test_a_check_in_keeps_its_id_and_loses_what_is_secret():
    event = {
        "type": "check_in",
        "check_in_id": "c94c9142326553f4a307cf61880b9a79",
        "monitor_slug": mornings.MONITOR,
        "status": "ok",
        "environment": "call +919812345678",
    }
    shown = redacted(event, redactor([]))
    assert shown["check_in_id"] == event["check_in_id"]
    assert (shown["monitor_slug"], shown["status"]) == (mornings.MONITOR, "ok")
    assert not re.search("9812345678", str(shown["environment"]))
