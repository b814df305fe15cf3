"""Pages that wait for a database that does not answer leave threads for others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from config.processes.programs import WEB_THREADS
from config.web import few_waiting
from config.web.few_waiting import LIMIT, FewWaiting
from distribution.runtime.places import Places

NAMES = settings.MIDDLEWARE


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pages_that_hang_are_six_and_everything_else_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, begun, answered = Clock(), Semaphore(0), Event()
    places = Places(LIMIT, clock)
    monkeypatch.setattr(few_waiting._places, "get", lambda: places)

    def site(request: HttpRequest) -> HttpResponseBase:
        begun.release()
        if request.path == "/hangs":
            assert answered.wait(60)
        return HttpResponse()

    ask = FewWaiting(site)
    get = RequestFactory().get
    with ThreadPoolExecutor(LIMIT.places) as pool:
        hanging = [pool.submit(ask, get("/hangs")) for _ in range(LIMIT.places - 1)]
        for _ in hanging:
            assert begun.acquire(timeout=60)
        clock.now += LIMIT.long_seconds
        assert ask(get("/admin/")).status_code == 200  # not all are taken
        assert begun.acquire(timeout=60)
        hanging.append(pool.submit(ask, get("/hangs")))
        assert begun.acquire(timeout=60)
        clock.now += LIMIT.long_seconds

        page, call = ask(get("/admin/")), ask(get("/api/distribution/status"))
        others = [ask(get(path)) for path in ("/health/ready", "/metrics", "/webhooks/whatsapp")]
        answered.set()
        done = [one.result(60).status_code for one in hanging]

    assert (page.status_code, page["Retry-After"], call.status_code) == (503, "5", 503)
    assert call["Content-Type"] == "application/problem+json"
    assert b'"database_away"' in call.content  # type: ignore[attr-defined]
    assert {one.status_code for one in others} | set(done) == {200}
    assert ask(get("/admin/")).status_code == 200


def test_one_that_takes_long_keeps_no_others_out() -> None:
    began = [0.0, *[100.0] * (LIMIT.places - 1)]

    assert LIMIT.patience(began, is_silent=False, now=100.0) == LIMIT.long_seconds


def test_it_stands_before_whatever_asks_the_database() -> None:
    here = NAMES.index("config.web.few_waiting.FewWaiting")

    assert NAMES[here - 1] == "config.web.static_files.StaticFilesMiddleware"
    assert here < NAMES.index("django.contrib.sessions.middleware.SessionMiddleware")
    assert LIMIT.places < WEB_THREADS
