"""Start one now, plan one, take it back: one effect however often it is sent."""

from __future__ import annotations

from datetime import date, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.utils import timezone

from distribution import tasks
from distribution.lifecycle import confirmation, schedule
from distribution.models import BlackoutDate, Distribution, DistributionState, KeptAnswer, Kind
from tests.api.tokens import a_key, a_program
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_user,
    an_approved_content,
    some_subscribers,
)

pytestmark = pytest.mark.django_db
TRIGGER, SCHEDULE = "/api/distribution/trigger", "/api/distribution/schedule"


def test_a_trigger_is_opened_by_the_next_look_after_its_confirmation(
    django_capture_on_commit_callbacks: Any,
) -> None:
    some_subscribers(3)
    a_number()
    content = an_approved_content(day=timezone.localdate() + timedelta(days=3))
    client = a_program("distribute")
    with django_capture_on_commit_callbacks() as published:
        answer = client.post(TRIGGER, {"content": content.pk}, headers=a_key())
    started = Distribution.objects.get()
    assert answer.status_code == 202
    assert answer.json()["id"] == started.pk
    assert answer["Location"] == f"/api/distribution/status?id={started.pk}"
    assert (started.kind, started.content) == (Kind.MANUAL, content)
    assert answer.json()["state"] == started.state == "AWAITING_CONFIRMATION"
    assert published == []
    assert schedule.open_due(timezone.now()) == []
    confirmation.confirm(started.pk, by=a_user(), now=timezone.now())
    assert started.pk in schedule.open_due(timezone.now())
    started.refresh_from_db()
    assert (started.state, started.recipients) == (DistributionState.SENDING, 3)
    assert "API token" in LogEntry.objects.latest("pk").change_message


def test_without_a_content_it_says_the_days() -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    ahead, client = an_approved_content(day=tomorrow), a_program("distribute")
    assert client.post(TRIGGER, {}, headers=a_key()).json()["code"] == "content_missing"
    today = an_approved_content()
    assert client.post(TRIGGER, {}, headers=a_key()).json()["content"] == today.pk
    asked = {"date": tomorrow.isoformat()}
    assert client.post(TRIGGER, asked, headers=a_key()).json()["content"] == ahead.pk


def test_the_content_of_a_day_that_is_over_is_sent_only_by_its_id() -> None:
    """A morning's words are stale the day after (case O4)."""
    yesterday = timezone.localdate() - timedelta(days=1)
    content, client = an_approved_content(day=yesterday), a_program("distribute")

    answer = client.post(TRIGGER, {"date": yesterday.isoformat()}, headers=a_key())

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "past")
    assert not Distribution.objects.exists()
    by_id = client.post(TRIGGER, {"content": content.pk}, headers=a_key())
    assert by_id.status_code == 202


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "application/json"), (b"", ""), (b"", "application/x-www-form-urlencoded")],
)
def test_a_body_that_was_lost_begins_nothing(body: bytes, kind: str) -> None:
    an_approved_content()
    answer = a_program("distribute").generic(
        "POST", TRIGGER, body, content_type=kind, headers=a_key()
    )
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("The request has no body. Send a JSON object")
    assert not Distribution.objects.exists()


@pytest.mark.parametrize("body", ["[]", "null", '"today"', "7", "true", '[{"dry_run": true}]'])
def test_a_body_that_is_no_object_begins_nothing(body: str) -> None:
    an_approved_content()
    answer = a_program("distribute").generic(
        "POST", TRIGGER, body.encode(), content_type="application/json", headers=a_key()
    )
    assert answer.status_code == 400
    assert "Send an object" in answer.json()["errors"][0]["detail"]
    assert not Distribution.objects.exists()


def test_the_same_content_goes_out_twice_only_if_that_is_said() -> None:
    content, client = an_approved_content(), a_program("distribute")
    asked = {"content": content.pk}
    assert client.post(TRIGGER, asked, headers=a_key()).status_code == 202
    refused = client.post(TRIGGER, asked, headers=a_key())
    assert (refused.status_code, refused.json()["code"]) == (409, "not_now")
    assert "people would get it twice" in refused.json()["detail"]
    assert (
        client.post(
            TRIGGER, {**asked, "again": True, "reason": "A correction."}, headers=a_key()
        ).status_code
        == 202
    )
    assert Distribution.objects.count() == 2


def test_sending_the_same_again_needs_a_reason() -> None:
    content, client = an_approved_content(), a_program("distribute")
    for reason in ({}, {"reason": ""}, {"reason": "  "}):
        asked = {"content": content.pk, "again": True, **reason}
        assert client.post(TRIGGER, asked, headers=a_key()).status_code == 400
    assert not Distribution.objects.exists()


@pytest.mark.parametrize("asked", [{}, {"date": "2026-11-24"}, {"content": "today's"}])
def test_before_the_daily_time_todays_content_brings_the_daily_one_forward(asked: Any) -> None:
    some_subscribers(3)
    a_number()
    with time_machine.travel("2026-11-23T23:30:00Z", tick=False):  # 05:00 in India
        content, client = an_approved_content(), a_program("distribute", "read")
        asked = {"content": content.pk} if "content" in asked else asked
        told = client.post(TRIGGER, asked, headers=a_key()).json()
        early = Distribution.objects.get(pk=told["id"])
        assert (early.kind, early.planned_at) == (Kind.DAILY, timezone.now())
        assert told["state"] == "SCHEDULED"  # two people have seen it for today
        assert early.pk in schedule.open_due(timezone.now())
        following = schedule.next_due(timezone.now())
        assert following is not None
        assert following.local_date == date(2026, 11, 25)
    with time_machine.travel("2026-11-24T00:30:01Z", tick=False):  # 06:00
        assert schedule.open_due(timezone.now()) == []
    assert list(Distribution.objects.all()) == [early]


def test_after_the_daily_time_todays_content_is_sent_by_hand() -> None:
    with time_machine.travel("2026-11-24T00:30:01Z", tick=False):
        content, client = an_approved_content(), a_program("distribute")
        told = client.post(TRIGGER, {"content": content.pk}, headers=a_key()).json()
    assert Distribution.objects.get(pk=told["id"]).kind == Kind.MANUAL


def test_a_dry_run_tells_and_does_nothing() -> None:
    some_subscribers(4)
    content, client = an_approved_content(), a_program("distribute")
    asked = {"content": content.pk, "dry_run": True}
    told = client.post(TRIGGER, asked, headers=a_key()).json()
    assert (told["would_start"], told["recipients"]) == (False, 4)
    assert [one["rule"] for one in told["findings"]] == ["no_number"]
    a_number()
    assert client.post(TRIGGER, asked, headers=a_key()).json()["would_start"] is True
    assert not Distribution.objects.exists()


def test_sent_again_with_its_key_it_is_answered_as_before() -> None:
    content, client, key = an_approved_content(), a_program("distribute"), a_key()
    first = client.post(TRIGGER, {"content": content.pk, "dry_run": False}, headers=key)
    again = client.post(TRIGGER, {"dry_run": False, "content": content.pk}, headers=key)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Location"] == first["Location"]
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    other = client.post(TRIGGER, {"content": content.pk, "again": True, "reason": "x"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert Distribution.objects.count() == 1


def test_keys_of_two_programs_are_not_each_others() -> None:
    key, content = a_key(), an_approved_content()
    for again in (False, True):
        asked = {"content": content.pk, "again": again, "reason": "A correction."}
        assert a_program("distribute").post(TRIGGER, asked, headers=key).status_code == 202
    assert Distribution.objects.count() == 2


def test_a_refusal_is_not_kept_so_the_same_key_may_try_again() -> None:
    client, key = a_program("distribute"), a_key()
    assert client.post(TRIGGER, {}, headers=key).status_code == 409
    assert not KeptAnswer.objects.exists()
    an_approved_content()
    assert client.post(TRIGGER, {}, headers=key).status_code == 202


def test_kept_answers_are_forgotten_after_two_days() -> None:
    now = timezone.now()
    for key, hours in (("old", 49), ("young", 47)):
        at = now - timedelta(hours=hours)
        KeptAnswer.objects.create(holder="token:1", key=key, asked="", created_at=at)
    assert tasks.forget_answers() == 1
    assert KeptAnswer.objects.get().key == "young"


def test_without_a_key_nothing_is_created() -> None:
    an_approved_content()
    answer = a_program("distribute").post(TRIGGER, {})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert not Distribution.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_fifty_of_one_trigger_at_once_are_one_distribution() -> None:
    some_subscribers(2)
    a_number()
    key = a_key()
    asked: dict[str, Any] = {"content": an_approved_content().pk}
    asked |= {"again": True, "reason": "x"}  # nothing but the key holds it
    clients = [a_program("distribute")]
    clients += [type(clients[0])(**clients[0]._credentials) for _ in range(49)]  # the same token
    gate, answers = Barrier(50), []

    def send(client: Any) -> None:
        try:
            connection.ensure_connection()  # fifty at once may take a loaded server its time
        finally:
            gate.wait()
        try:
            answers.append(client.post(TRIGGER, asked, headers=key))
        finally:
            connection.close()

    threads = [Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Distribution.objects.count() == 1
    told = {answer.status_code for answer in answers}
    assert 202 in told
    assert told <= {202, 409, 503}  # who waited for too long is told to ask again
    bodies = {answer.content for answer in answers if answer.status_code == 202}
    assert len(bodies) == 1


def test_one_is_planned_listed_and_taken_back() -> None:
    at = timezone.localtime() + timedelta(days=2)
    client = a_program("distribute", "read")
    planned = client.post(SCHEDULE, {"at": at.isoformat()}, headers=a_key())
    assert (planned.status_code, planned.json()["state"]) == (202, "AWAITING_CONFIRMATION")
    one = planned.json()["id"]
    a_planned_distribution(timezone.now())  # no one-time one
    assert [row["id"] for row in client.get(SCHEDULE).json()["results"]] == [one]
    for _ in range(2):  # what is so already is no error
        assert client.delete(f"{SCHEDULE}/{one}").status_code == 204
    assert Distribution.objects.get(pk=one).state == DistributionState.CANCELLED
    assert client.get(SCHEDULE, {"state": "SCHEDULED"}).json()["results"] == []


def test_a_time_needs_its_zone_a_future_and_no_blackout() -> None:
    client, at = a_program("distribute"), timezone.localtime() + timedelta(days=2)
    BlackoutDate.objects.create(day=at.date(), reason="Diwali")
    told = {
        text: client.post(SCHEDULE, {"at": text}, headers=a_key()).json()
        for text in ("2100-01-01T06:00:00", "2020-01-01T06:00:00Z", at.isoformat())
    }
    naive, past, dark = told.values()
    assert naive["errors"][0]["code"] == "zone"
    assert past["errors"] == [
        {"field": "at", "code": "past", "detail": "Choose a time in the future."}
    ]
    assert (dark["status"], dark["code"]) == (409, "blackout_date")
    assert not Distribution.objects.exists()


def test_pages_of_the_schedule_miss_nobody_while_rows_are_added() -> None:
    now, client = timezone.now(), a_program("read")
    rows = [
        a_planned_distribution(now + timedelta(hours=n), kind=Kind.ONE_TIME, content=None).pk
        for n in range(5)
    ]
    seen, url = [], f"{SCHEDULE}?page_size=2"
    while url:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
        a_planned_distribution(now + timedelta(days=1), kind=Kind.ONE_TIME, content=None)
    assert seen == rows[::-1]
    for bad in ("cursor=x", "page_size=0", "page_size=201", "page_size=ten", "state=NONE"):
        assert client.get(f"{SCHEDULE}?{bad}").status_code == 400, bad
