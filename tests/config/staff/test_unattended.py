"""What a page asks for by itself does not prolong the session."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.staff import sessions
from subscribers.models import ImportJob, ImportState
from tests.builders import a_planned_distribution
from tests.config.staff.interrupted import ADD, HTMX, token, words

ROOT = Path(__file__).resolve().parents[3]
PROGRESS = "admin:subscribers_importjob_progress"
PREVIEW = "admin:distribution_content_preview"
pytestmark = pytest.mark.django_db


def a_running_job() -> ImportJob:
    return ImportJob.objects.create(
        filename="list.csv",
        state=ImportState.IMPORTING,
        by="ada",
        consent_source="form",
        created_at=timezone.now(),
    )


def last_seen(client: Client) -> float:
    return float(client.session[sessions.SEEN])


def unattended() -> list[tuple[str, dict[str, str]]]:
    job, distribution = a_running_job(), a_planned_distribution(timezone.now())
    progress, page = (
        reverse(name, args=[job.pk]) for name in (PROGRESS, "admin:subscribers_importjob_change")
    )
    return [
        (progress, {}),
        (f"{page}?by-itself=1", {}),
        (reverse("signed_in"), {}),
        (reverse("dashboard:board"), {}),
        (reverse("admin:distribution_figures", args=[distribution.pk]), {}),
        ("/admin/distribution/content/", {"HTTP_SEC_FETCH_DEST": "empty"}),
        ("/admin/distribution/content/", HTMX),
    ]


def test_what_a_page_asks_by_itself_does_not_prolong_the_session(client):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        addresses = unattended()
        client.get("/admin/")
        began = last_seen(client)
        clock.shift(timedelta(minutes=5))
        for address, headers in addresses:
            assert client.get(address, **headers).status_code == 200, address
            assert last_seen(client) == began, address
        client.get("/admin/")
        assert last_seen(client) == pytest.approx(began + 300, abs=1)


def test_an_import_that_never_ends_does_not_keep_anybody_signed_in(client):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        progress = reverse(PROGRESS, args=[a_running_job().pk])
        client.get("/admin/")
        for _ in range(5):
            clock.shift(timedelta(minutes=5))
            assert client.get(progress).status_code == 200
        clock.shift(timedelta(minutes=6))
        assert client.get(progress).status_code == 302


def test_who_types_is_there(client):
    """A preview is asked for by what somebody writes, not by a timer."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        key = token(client, ADD)
        began = last_seen(client)
        clock.shift(timedelta(minutes=5))
        client.post(reverse(PREVIEW), words(csrfmiddlewaretoken=key), **HTMX)
        assert last_seen(client) == pytest.approx(began + 300, abs=1)


def sources(*endings: str) -> list[tuple[str, str]]:
    """Our own templates and scripts."""
    folders = ("templates", "config", "distribution", "phonepool", "subscribers", "webhooks")
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text())
        for folder in folders
        for ending in endings
        for path in sorted((ROOT / folder).rglob(f"*.{ending}"))
    ]


def test_all_that_asks_on_a_timer_is_known_to_be_unattended():
    polled = set()
    for name, text in sources("html"):
        for tag in re.findall(r"<[^>]*hx-trigger=[^>]*>", text):
            if re.search(r"\bevery\s|\bload\b|\bpolling\b", tag):
                assert "hx-get" in tag, name  # a POST counts as somebody who types
        for refresh in re.findall(r"<meta http-equiv=.refresh[^>]*>", text, re.I):
            assert f"?{sessions.BY_ITSELF}=" in refresh, name
        polled |= set(re.findall(r"data-(?:progress|[a-z-]+-url)=\"{% url '([\w:]+)'", text))
    assert polled == sessions.UNATTENDED_VIEWS - {"signed_in"}


def test_scripts_on_a_timer_ask_only_what_the_template_gives_them():
    on_a_timer = {}
    for name, text in sources("js"):
        assert not re.search(r"XMLHttpRequest\(|sendBeacon|EventSource|WebSocket", text), name
        asked = set(re.findall(r"fetch\(\s*([\w.]+)", text))
        if re.search(r"setTimeout|setInterval", text):
            if asked or "fetch" in text:
                on_a_timer[name] = asked
            assert not re.search(r"location\.reload", text), name
    assert on_a_timer == {
        "distribution/static/distribution/live.js": {"live.dataset.fragmentUrl"},
        "subscribers/static/subscribers/progress.js": {"panel.dataset.progress"},
    }
