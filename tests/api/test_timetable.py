"""The daily time and blackout dates, set by a program under the rules of the admin's pages."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from distribution.models import BlackoutDate, DailyTime, Kind
from tests import builders
from tests.api.tokens import a_key, a_program
from tests.distribution.staff import a_member

pytestmark = pytest.mark.django_db
DAILY, DARK = "/api/distribution/daily-times", "/api/distribution/blackout-dates"


def day(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def send(url: str, body: Any) -> Any:
    return a_program("distribute").post(url, body, headers=a_key())


def test_a_daily_time_is_set_listed_and_deleted_before_its_day() -> None:
    body = {"from_day": day(1), "time": "06:30", "reason": "The market opens later"}
    made = send(DAILY, body)
    assert made.status_code == 201
    assert DailyTime.objects.get().time == time(6, 30)
    shown = a_program("read").get(DAILY).json()["results"]
    assert [(row["from_day"], row["time"]) for row in shown] == [(day(1), "06:30")]
    assert send(DAILY, body).json()["code"] == "day_taken"
    assert a_program("distribute").delete(f"{DAILY}/{made.json()['id']}").status_code == 204
    assert not DailyTime.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from_day": day(0)}, "from_day"),
        ({"from_day": "2020-01-01"}, "from_day"),
        ({"time": "6:30"}, "time"),
        ({"time": "25:00"}, "time"),
        ({"time": "06:30:00"}, "time"),
        ({"time": 630}, "time"),
        ({"reason": " "}, "reason"),
    ],
)
def test_a_wrong_daily_time_is_refused(change: dict[str, Any], field: str) -> None:
    answer = send(DAILY, {"from_day": day(1), "time": "06:30", "reason": "x", **change})
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (400, [field])
    assert not DailyTime.objects.exists()


def test_a_time_that_is_in_force_stays() -> None:
    row = DailyTime.objects.create(from_day=day(0), time=time(6, 30))
    answer = a_program("distribute").delete(f"{DAILY}/{row.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert DailyTime.objects.exists()


def test_a_blackout_date_is_added_listed_and_deleted() -> None:
    body = {"day": day(3), "reason": "Diwali"}
    made = send(DARK, body)
    assert made.status_code == 201
    shown = a_program("read").get(DARK).json()["results"]
    assert [(row["day"], row["reason"]) for row in shown] == [(day(3), "Diwali")]
    assert send(DARK, body).json()["code"] == "day_taken"
    assert a_program("distribute").delete(f"{DARK}/{made.json()['id']}").status_code == 204
    assert not BlackoutDate.objects.exists()


def test_a_day_that_is_over_or_has_started_is_no_blackout_date() -> None:
    builders.an_open_distribution(1, kind=Kind.DAILY)
    for wrong in (date(2020, 1, 1).isoformat(), day(0)):
        answer = send(DARK, {"day": wrong, "reason": "Diwali"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "day")
    assert not BlackoutDate.objects.exists()


def test_a_role_that_cannot_in_the_admin_cannot_here() -> None:
    owner = a_member("Approver")
    owner.user_permissions.set(Permission.objects.filter(codename="start_distribution"))
    client = a_program("distribute", user=owner)
    for url, body in (
        (DAILY, {"from_day": day(1), "time": "06:30", "reason": "x"}),
        (DARK, {"day": day(3), "reason": "Diwali"}),
    ):
        answer = client.post(url, body, headers=a_key())
        assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
