"""Follow a distribution, steer it, and see what became of each person."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from distribution.api.resources import status
from distribution.lifecycle import control
from distribution.models import Delivery, Distribution, DistributionState, Kind, Progress, State
from distribution.runtime import caches
from phonepool.errors import BY_SLUG
from tests.api.tokens import a_program
from tests.builders import a_planned_distribution, an_open_distribution

pytestmark = pytest.mark.django_db
STATUS = "/api/distribution/status"


@pytest.fixture(autouse=True)
def nothing_reckoned() -> None:
    status.shared.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Each look at the time is a moment later, so that a reckoning takes one."""
    now = [100.0]

    def look() -> float:
        now[0] += 0.1
        return now[0]

    monkeypatch.setattr(caches, "monotonic", look)
    return now


def _settle(distribution: Distribution, ways: list[dict[str, Any]]) -> None:
    rows = list(Delivery.objects.filter(distribution=distribution).order_by("pk"))
    for row, fields in zip(rows, ways, strict=False):
        Delivery.objects.filter(pk=row.pk).update(**fields)


def test_counts_of_a_status_add_up_to_its_recipients() -> None:
    one, now = an_open_distribution(6), timezone.now()
    accepted = {"state": State.ACCEPTED, "accepted_at": now}
    delivered = {**accepted, "progress": Progress.DELIVERED, "delivered_at": now}
    failed = {"state": State.FAILED, "reason": "not_on_whatsapp", "failed_at": now}
    _settle(one, [accepted, delivered, {**delivered, "progress": Progress.READ}, failed])
    told = a_program("read").get(STATUS, {"id": one.pk}).json()
    counts = told["counts"]
    assert counts["states"] == {"ACCEPTED": 3, "FAILED": 1, "PENDING": 2}
    assert sum(counts["states"].values()) == counts["recipients"] == 6
    assert (counts["accepted"], counts["delivered"], counts["read"]) == (3, 2, 1)
    assert [(row["state"], row["count"]) for row in counts["reasons"]] == [("FAILED", 1)]
    assert told["distribution"]["state"] == "SENDING"
    assert (told["sla"]["basis"], told["sla"]["deadline"]) == (
        "accepted",
        timezone.localtime(one.sla_deadline).isoformat(),
    )
    assert len(told["numbers"]) == 1


def test_without_an_id_it_is_the_one_that_runs_else_the_last() -> None:
    client = a_program("read")
    missing = client.get(STATUS)
    assert (missing.status_code, missing.json()["code"]) == (404, "none_yet")
    one = an_open_distribution(1)
    assert client.get(STATUS).json()["distribution"]["id"] == one.pk
    assert client.get(STATUS, {"id": one.pk + 1}).status_code == 404
    for bad in ("0", "-1", "x", "9" * 30, "1.5"):
        assert client.get(STATUS, {"id": bad}).status_code == 400, bad


def test_pause_resume_and_cancel_may_each_be_sent_twice() -> None:
    one, client = an_open_distribution(2), a_program("distribute")
    for step, state in (("pause", "PAUSED"), ("resume", "SENDING"), ("cancel", "CANCELLED")):
        for _ in range(2):
            answer = client.post(f"/api/distribution/{one.pk}/{step}", {"reason": "a test"})
            assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert Delivery.objects.filter(state=State.SKIPPED).count() == 2
    refused = client.post(f"/api/distribution/{one.pk}/resume", {"reason": "a test"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_possible")


def test_who_follows_shares_a_reckoning_but_never_a_state_that_is_over(clock: Any) -> None:
    one, client = an_open_distribution(2), a_program("read", "distribute")

    def told() -> tuple[str, int]:
        body = client.get(STATUS, {"id": one.pk}).json()
        return body["distribution"]["state"], body["counts"]["accepted"]

    assert told() == ("SENDING", 0)
    _settle(one, [{"state": State.ACCEPTED, "accepted_at": timezone.now()}])
    assert told() == ("SENDING", 0)
    client.post(f"/api/distribution/{one.pk}/pause", {"reason": "a test"})
    assert told() == ("PAUSED", 1)
    clock[0] += caches.MAX_AGE_SECONDS
    client.post(f"/api/distribution/{one.pk}/resume", {"reason": "a test"})
    assert told() == ("SENDING", 1)


def test_a_pause_names_the_cause_that_keeps_everybody_waiting() -> None:
    one, client = an_open_distribution(1), a_program("read")
    control.pause_for(one.pk, BY_SLUG["payment_problem"], now=timezone.now())

    shown = client.get(f"/api/distribution/status?id={one.pk}").json()["distribution"]
    (listed,) = client.get("/api/distribution/distributions?state=PAUSED").json()["results"]

    assert shown["pause_cause"] == listed["pause_cause"] == "payment_problem"
    control.resume(one.pk, now=timezone.now())
    again = client.get(f"/api/distribution/status?id={one.pk}").json()["distribution"]
    assert again["pause_cause"] == ""


def test_all_kinds_are_listed_the_latest_first() -> None:
    now, client = timezone.now(), a_program("read")
    kinds = [Kind.DAILY, Kind.ONE_TIME, Kind.MANUAL]
    made = [
        a_planned_distribution(now - timedelta(days=days), kind=kind, content=None)
        for days, kind in enumerate(kinds)
    ]

    def listed(query: str = "") -> list[int]:
        answer = client.get(f"/api/distribution/distributions?{query}")
        assert answer.status_code == 200, answer.json()
        return [row["id"] for row in answer.json()["results"]]

    today, first, second, third = timezone.localdate(now), *(one.pk for one in made)
    assert listed() == [first, second, third]
    assert listed("kind=ONE_TIME") == [second]
    assert listed("state=SENDING") == []
    assert listed(f"since={today - timedelta(days=1)}") == [first, second]
    assert listed(f"since={today - timedelta(days=1)}&until={today - timedelta(days=1)}") == [
        second
    ]
    assert client.get("/api/distribution/distributions?since=24.11.2026").status_code == 400


def test_a_step_needs_a_reason_and_a_distribution_that_can_take_it() -> None:
    waiting, client = a_planned_distribution(timezone.now()), a_program("distribute")
    url = f"/api/distribution/{waiting.pk}/pause"
    for body in ({}, {"reason": ""}, {"reason": 7}, {"reason": "x", "why": "y"}, []):
        assert client.post(url, body).status_code == 400, body
    assert client.post(url, {"reason": "x"}).status_code == 409
    waiting.refresh_from_db()
    assert waiting.state == DistributionState.SCHEDULED


def test_deliveries_are_listed_masked_and_by_state() -> None:
    one, client = an_open_distribution(5), a_program("subscribers")
    failed = {"state": State.FAILED, "reason": "not_on_whatsapp", "failed_at": timezone.now()}
    _settle(one, [failed])
    url = f"/api/distribution/{one.pk}/deliveries"
    first = client.get(url, {"page_size": 3}).json()
    rest = client.get(first["next"]).json()
    everyone = first["results"] + rest["results"]
    assert len({row["subscriber"] for row in everyone}) == 5
    phones = set(Delivery.objects.values_list("phone", flat=True))
    assert not phones & {row["phone"] for row in everyone}
    (row,) = client.get(url, {"state": "FAILED"}).json()["results"]
    assert (row["state"], row["reason"], row["progress"]) == ("FAILED", "not_on_whatsapp", "none")
    assert row["words"]


def test_deliveries_as_csv_are_the_same_rows() -> None:
    one, client = an_open_distribution(3), a_program("subscribers")
    url = f"/api/distribution/{one.pk}/deliveries"
    answer = client.get(url, {"reason": "Audit"}, headers={"Accept": "text/csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(int(row["delivery"]), int(row["subscriber"])) for row in rows] == [
        (row["id"], row["subscriber"]) for row in client.get(url).json()["results"]
    ]
    assert not set(Delivery.objects.values_list("phone", flat=True)) & {r["phone"] for r in rows}
    assert client.get(url, headers={"Accept": "text/html"}).status_code == 406
    gone = client.get("/api/distribution/0/deliveries", headers={"Accept": "text/csv"})
    assert (gone.status_code, gone["Content-Type"]) == (404, "application/problem+json")
