"""What is deleted by time: each after its own days, not a day before, without being asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from config.settings import environment
from config.timetable import timetable
from distribution import tasks as distribution_tasks
from distribution.ledger import retention
from distribution.ledger.integrity.check import check_ledger
from distribution.models import Certainty, Delivery, Duplicate
from distribution.reporting import subscriber_history
from subscribers import tasks as subscriber_tasks
from subscribers.consent import erased_phones
from subscribers.models import Erasure, ImportJob, Status, Subscriber
from subscribers.people import registration
from tests import builders
from tests.subscribers.decide import opt_out
from webhooks import tasks as webhook_tasks
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db
DAYS = timedelta(days=1)


def deliveries_of(days: float, people: int = 2) -> list[Delivery]:
    """Accepted deliveries of a distribution so many days ago."""
    at = timezone.now() - days * DAYS
    day = builders.an_open_distribution(people, now=at)
    rows = list(Delivery.objects.filter(distribution=day).order_by("pk"))
    for row in rows:
        Delivery.objects.filter(pk=row.pk).update(
            state="ACCEPTED", accepted_at=at, wamid=f"wamid.{row.pk}", attempt_no=1
        )
    type(day).objects.filter(pk=day.pk).update(state="COMPLETED", completed_at=at)
    return rows


def test_numbers_of_old_deliveries_are_blanked_and_all_else_of_them_stays() -> None:
    old, young = deliveries_of(402), deliveries_of(398)
    Duplicate.objects.create(
        delivery=old[0],
        certainty=Certainty.SUSPECT,
        earlier_attempt="1",
        earlier_wamid="wamid.x",
        later_attempt="2",
        found_at=timezone.now(),
    )
    before = {row.pk: row.subscriber_id for row in old}

    assert distribution_tasks.forget_numbers() == 2
    assert distribution_tasks.forget_numbers() == 0

    rows = Delivery.objects.filter(pk__in=before)
    assert {row.pk: row.subscriber_id for row in rows} == before
    assert {row.phone for row in rows} == {f"+0{pk:014d}" for pk in before.values()}
    assert {row.wamid for row in rows} == {f"erased:{pk}" for pk in before}
    kept = Duplicate.objects.get()
    assert (kept.earlier_wamid, kept.later_wamid) == (f"erased:{kept.pk}", "")
    assert all(
        row.phone.startswith("+91") for row in Delivery.objects.filter(pk__in=[r.pk for r in young])
    )
    told = subscriber_history.deliveries_of(old[0].subscriber_id, today=timezone.localdate())
    assert told[0].text.startswith("Sent on")
    broken = {result.rule for result in check_ledger(now=timezone.now()) if result.broken}
    assert not broken & {"one_delivery_a_phone", "accepted_has_message_id"}


def test_many_numbers_are_blanked_in_batches_and_within_the_time(monkeypatch: Any) -> None:
    deliveries_of(402, people=7)
    monkeypatch.setattr(retention, "ROWS_TOGETHER", 3)
    assert retention.hide_old_numbers(timezone.now(), seconds=0) == 0
    assert retention.hide_old_numbers(timezone.now(), seconds=60) == 7


def test_who_left_long_ago_is_erased_and_stays_out() -> None:
    now = timezone.now()
    gone, lately, here = (builders.a_subscriber() for _ in range(3))
    for person, days in ((gone, 401), (lately, 399)):
        opt_out(person, source="whatsapp:STOP", at=now - days * DAYS, now=now - days * DAYS)
    phone = gone.phone

    subscriber_tasks.forget()

    gone.refresh_from_db()
    assert gone.phone.startswith("+0")
    assert Erasure.objects.get().subscriber_id == gone.pk
    assert erased_phones.find_erased([phone]) == {phone}
    with pytest.raises(registration.Erased):
        registration.register(phone, {}, source="x", notice="", actor="x", now=now)
    left = Subscriber.objects.filter(pk__in=[lately.pk, here.pk]).order_by("pk")
    assert [row.status for row in left] == [Status.UNSUBSCRIBED, Status.ACTIVE]
    assert all(row.phone.startswith("+91") for row in left)


def test_rows_that_checks_show_go_after_a_month() -> None:
    now = timezone.now()
    for days in (31, 29):
        ImportJob.objects.create(
            filename=f"{days}.csv",
            digest="0" * 64,
            state="DONE",
            by="x",
            created_at=now - days * DAYS,
            samples={"new": [{"line": 2, "phone": "+91******5678", "name": "Asha"}]},
            counts={"new": 1},
        )

    subscriber_tasks.forget()

    kept = dict(ImportJob.objects.values_list("filename", "samples"))
    assert kept["31.csv"] == {}
    assert kept["29.csv"] != {}
    assert ImportJob.objects.get(filename="31.csv").counts == {"new": 1}


def test_dead_letters_go_after_ninety_days() -> None:
    now = timezone.now()
    for days in (91, 89):
        WebhookEvent.objects.create(
            body=b"{", digest=f"{days:064d}", secret_no=0, received_at=now - days * DAYS,
            dead_at=now - days * DAYS,
        )  # fmt: skip

    webhook_tasks.prune_inbox()

    assert [row.digest for row in WebhookEvent.objects.all()] == [f"{89:064d}"]


def test_sessions_go_a_day_after_their_end() -> None:
    now = timezone.now()
    for hours in (25, 23, -1):
        ended = now - timedelta(hours=hours)
        Session.objects.create(session_key=f"k{hours}", session_data="", expire_date=ended)

    distribution_tasks.forget_answers()

    assert set(Session.objects.values_list("pk", flat=True)) == {"k23", "k-1"}


def test_all_of_it_is_in_the_timetable() -> None:
    tasks = {entry["task"] for entry in timetable().values()}
    assert tasks >= {
        "distribution.tasks.forget_numbers",
        "distribution.tasks.forget_answers",
        "subscribers.tasks.forget",
        "webhooks.tasks.prune_inbox",
    }


@pytest.mark.parametrize("value", ["0", "3651", "x", "-1"])
def test_a_wrong_number_of_days_is_refused_with_one_sentence(monkeypatch: Any, value: str) -> None:
    monkeypatch.setenv("WITHDRAWN_KEEP_DAYS", value)
    with pytest.raises(ImproperlyConfigured, match=r"^WITHDRAWN_KEEP_DAYS=[^.]*\.$"):
        environment.integer("WITHDRAWN_KEEP_DAYS", 400, low=1, high=3650)
