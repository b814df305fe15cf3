from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from config.preflight import run
from distribution.models import OutgoingEvent, Preflight
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db


def test_one_that_broke_off_is_finished_and_never_green() -> None:
    now = timezone.now()
    Preflight.objects.create(slot="a", sends=True, started_at=now - timedelta(minutes=10))

    assert run.settle(now) == 1
    assert Preflight.objects.get().verdict == "AMBER"
    told = OutgoingEvent.objects.get(kind="preflight.completed").data["preflight"]
    assert (told["verdict"], told["failing"]) == ("AMBER", [])
    assert told["doubtful"] == ["preflight"]


def test_the_history_says_of_how_many_it_shows_the_first() -> None:
    now = timezone.now()
    Preflight.objects.bulk_create(
        Preflight(
            slot=str(ago),
            sends=False,
            state="DONE",
            verdict="GREEN",
            started_at=now - timedelta(hours=ago),
        )
        for ago in range(32)
    )
    page = a_client("Operator").get(reverse("preflight"))
    assert "The first 30 of 32." in page.content.decode()
    rest = a_client("Operator").get(reverse("preflight"), {"from": "30"}).content.decode()
    assert "31 to 32 of 32." in rest
    assert rest.count("<td><a href=") == 2
