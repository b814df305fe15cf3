from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from celery import current_app
from celery.signals import worker_ready, worker_shutdown
from django.core.management import call_command

from config.management.commands import worker
from config.processes import garbage

pytestmark = pytest.mark.any_database


def test_what_is_loaded_is_not_looked_at_again_and_the_rest_seldom() -> None:
    before = gc.get_threshold()
    kept = [[number] for number in range(1_000)]
    try:
        garbage.collect_seldom()
        assert gc.get_threshold() == garbage.THRESHOLDS
        assert gc.isenabled()
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.set_threshold(*before)


def test_a_worker_does_so_once_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Callable[..., object]] = []
    seen: list[str] = []
    monkeypatch.setattr(worker_ready, "connect", lambda do, **_: begun.append(do))
    monkeypatch.setattr(worker_shutdown, "connect", lambda *_, **__: None)
    monkeypatch.setattr(current_app, "worker_main", lambda _: seen.append("started"))
    monkeypatch.setattr(garbage, "collect_seldom", lambda: seen.append("collected"))
    monkeypatch.setattr(worker, "report_ready", lambda: seen.append("ready"))
    call_command("worker", "batch-processing")
    for do in begun[:2]:
        do()
    assert seen == ["started", "collected", "ready"]
