"""How the house stands, asked by a program: each part that fails is named, and nothing hangs."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as house
from django.utils import timezone
from pytest_django import Settings

from config.setup import registry
from distribution.models import Heartbeat, SetupResult, Worker
from phonepool.models import PhoneNumber, Portfolio
from tests.api.tokens import a_program
from tests.builders import a_number
from webhooks.models import WebhookEvent

ADDRESS = "/api/distribution/health"


@pytest.fixture
def a_sound_house(transactional_db: None, settings: Settings, broker_url: str) -> None:
    settings.REDIS_URL = broker_url
    now = timezone.now()
    for name in ("keeper", "tick", "beat"):
        Heartbeat.record(name, now)
    for queue in house.QUEUE_CONCURRENCY:
        Worker.objects.create(name=queue, queues=[queue], concurrency=1, at=now)
    a_number(seen_at=now)
    a_number(role="BACKUP", state="STANDBY", seen_at=now)


def ask() -> tuple[int, Any]:
    answer = a_program("read").get(ADDRESS)
    return answer.status_code, answer.json()


def a_webhook(**fields: Any) -> None:
    WebhookEvent.objects.create(body=b"{}", digest="d", secret_no=0, **fields)


def long_ago() -> Any:
    return timezone.now() - timedelta(minutes=10)


def test_a_sound_house_is_live_ready_and_ok(a_sound_house: None) -> None:
    status, told = ask()

    assert status == 200, told
    assert {check["name"]: check["status"] for check in told.pop("checks")} == dict.fromkeys(
        (
            "database",
            "broker",
            "workers",
            "beat",
            "tick",
            "keeper",
            "cloud_api",
            "numbers",
            "inbox",
        ),
        "ok",
    )
    unchecked = {"result": "not checked", "at": None}
    set_up = told.pop("set_up")
    assert [row["key"] for row in set_up] == list(registry.CHECKS)
    assert all({**row, **unchecked} == row for row in set_up)
    assert told == {"live": True, "ready": True, "status": "ok"}


def test_the_stored_results_of_the_set_up_are_told_and_change_no_status(
    a_sound_house: None,
) -> None:
    at = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    SetupResult.objects.create(key="token", result="fails", seen="Secret words.", to_do="-", at=at)

    told = ask()[1]

    (row,) = [row for row in told["set_up"] if row["key"] == "token"]
    assert row == {
        "key": "token",
        "title": "App and access token",
        "result": "fails",
        "at": "2026-11-23T06:00:00+05:30",
    }
    assert told["status"] == "ok"


@pytest.mark.parametrize(
    ("name", "status", "spoil"),
    [
        ("workers", "down", lambda: Worker.objects.filter(pk="webhooks").update(at=long_ago())),
        ("beat", "down", lambda: Heartbeat.objects.filter(pk="beat").update(at=long_ago())),
        ("tick", "down", lambda: Heartbeat.objects.filter(pk="tick").delete()),
        ("keeper", "down", lambda: Heartbeat.objects.filter(pk="keeper").update(at=long_ago())),
        ("cloud_api", "degraded", lambda: PhoneNumber.objects.update(seen_at=long_ago())),
        ("cloud_api", "down", lambda: Portfolio.objects.update(breaker="OPEN")),
        ("numbers", "down", lambda: PhoneNumber.objects.update(state="DISABLED")),
        ("numbers", "degraded", lambda: a_number(breaker="OPEN")),
        ("inbox", "degraded", lambda: a_webhook(received_at=long_ago())),
        ("inbox", "degraded", lambda: a_webhook(received_at=long_ago(), dead_at=long_ago())),
    ],
)
def test_a_part_that_fails_is_named_and_we_are_still_asked(
    a_sound_house: None, name: str, status: str, spoil: Any
) -> None:
    spoil()

    code, told = ask()

    assert (code, told["ready"], told["status"]) == (200, True, "degraded")
    wrong = [
        (check["name"], check["status"]) for check in told["checks"] if check["status"] != "ok"
    ]
    assert wrong == [(name, status)]


def test_a_backup_on_standby_counts_among_those_that_can_send(a_sound_house: None) -> None:
    """As on *Set up*: one figure for one pool."""
    told = {check["name"]: check["told"] for check in ask()[1]["checks"]}
    assert told["numbers"] == "2 of 2 phone numbers can send."


def test_what_was_never_asked_is_unknown_and_no_fault(a_sound_house: None) -> None:
    PhoneNumber.objects.update(seen_at=None)

    _, told = ask()

    assert told["status"] == "ok"
    assert [check["status"] for check in told["checks"] if check["name"] == "cloud_api"] == [
        "unknown"
    ]


def test_with_a_broker_that_hangs_we_are_not_ready_and_say_so(
    a_sound_house: None, settings: Settings
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        settings.REDIS_URL = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        code, told = ask()

    assert (code, told["live"], told["ready"], told["status"]) == (503, True, False, "down")
    assert [check["name"] for check in told["checks"] if check["status"] != "ok"] == ["broker"]


def test_without_a_database_anybody_is_told() -> None:
    # pytest-django refuses the connection, as a database that is away would.
    answer = a_program().get(ADDRESS)

    assert answer.status_code == 503
    told = {check["name"]: check["status"] for check in answer.json()["checks"]}
    assert (told["database"], told["keeper"], told["numbers"]) == ("down", "unknown", "unknown")
