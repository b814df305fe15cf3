"""Somebody who came by every path is erased, and then found nowhere: not in any encoding."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import models
from django.urls import reverse
from django.utils import timezone

from distribution.ledger.integrity.check import check_ledger
from distribution.models import Delivery
from evidence import verifying
from evidence.linking import Linker
from subscribers import tasks
from subscribers.consent.erased_phones import opaque_id
from subscribers.models import ConsentEvent, Erasure, ImportFile, Subscriber
from subscribers.people import erasure as erasing
from subscribers.people import personal_data
from tests import builders
from tests.distribution.staff import a_client
from tests.flows.somebody import (
    DIGITS,
    OUT,
    PHONE,
    came_by_every_path,
    erase,
    places_that_name_them,
    post,
)
from tests.shown_forms import confirm
from tests.webhooks import posts
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Subscriber:
    return came_by_every_path()


def broken_rules() -> set[str]:
    """The ledger's promises that do not hold: this delivery was put together by hand."""
    return {result.rule for result in check_ledger(now=timezone.now()) if result.broken}


def test_nothing_names_who_was_erased(person: Subscriber) -> None:
    named = places_that_name_them()
    for table in (
        *("subscribers_importjob", "subscribers_importfile", "subscribers_consentevent"),
        *("distribution_delivery", "distribution_duplicate", "distribution_verdict"),
        *("distribution_keptanswer", "webhooks_webhookevent", "django_admin_log"),
        *("distribution_alert", "distribution_outgoingevent", "subscribers_whatsappidentity"),
        "subscribers_note",
    ):
        assert any(place.startswith(f"{table}.") for place in named), table  # the search finds them

    broken = broken_rules()
    erase(person)

    assert places_that_name_them() == {}
    assert "Signed in." in set(LogEntry.objects.values_list("change_message", flat=True))
    assert not ImportFile.objects.exists()
    assert ConsentEvent.objects.filter(subscriber=person).count() >= 4  # moments stay
    assert broken_rules() == broken
    Linker().link()
    assert not [found for result in verifying.verify() for found in result.findings]


def test_a_late_report_still_finds_the_delivery_and_brings_nothing_back(person: Subscriber) -> None:
    erase(person)
    report = {"id": OUT, "status": "read", "recipient_id": DIGITS, "timestamp": "1764396100"}
    number = Delivery.objects.get(subscriber=person).number
    assert number is not None

    post(posts.statuses(report, number=number.meta_id))

    delivery = Delivery.objects.get(subscriber=person)
    assert (delivery.progress, delivery.wamid) == (3, opaque_id(OUT))
    tasks.forget()  # the regular task goes on with the search
    assert places_that_name_them() == {}


def test_others_in_the_same_webhook_and_list_stay() -> None:
    asha, ravi = (builders.a_subscriber(phone=f"+91984501236{end}") for end in (5, 6))
    reports = [
        {"id": f"wamid.{end}", "status": "sent", "recipient_id": f"91984501236{end}"}
        for end in (5, 6)
    ]
    post(posts.statuses(*reports))
    erasing.purge(
        erasing.request_erasure(asha, reason="asked", by="omar", now=timezone.now()),
        now=timezone.now(),
    )
    body = bytes(WebhookEvent.objects.get().body)
    assert ravi.phone[1:].encode() in body
    assert b"wamid.6" in body
    assert asha.phone[1:].encode() not in body


def test_an_erasure_reads_no_table_of_deliveries_but_by_its_index(
    person: Subscriber, django_assert_max_num_queries: Any
) -> None:
    erasing.request_erasure(person, reason="asked", by="omar", now=timezone.now())
    with django_assert_max_num_queries(200) as caught:
        erasing.purge(Erasure.objects.get(), now=timezone.now())
    for query in (one["sql"] for one in caught.captured_queries):
        if re.search(r'FROM "(distribution_delivery|subscribers_consentevent)"', query):
            assert re.search(r'"(subscriber_id|id|wamid)" (=|IN)', query), query


def test_every_column_of_text_is_in_the_map_of_personal_data() -> None:
    mapped = [f"{row.table}.{name}" for row in personal_data.data_map() for name in row.columns]
    texts = models.CharField | models.TextField | models.JSONField | models.BinaryField
    there = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_fields
        if isinstance(field, texts)
    }
    assert len(mapped) == len(set(mapped))
    assert there - set(mapped) == set(), "say in data_map.csv what they hold, and how it is erased"
    assert set(mapped) - there == set()
    holding = {row.table for row in personal_data.data_map() if row.erased != personal_data.NOTHING}
    assert holding == {place.table for place in personal_data.places()}


def test_everything_about_a_person_is_one_file_for_who_may_export_it(person: Subscriber) -> None:
    url = reverse("admin:subscribers_subscriber_export_person", args=[person.pk])
    for role in ("Viewer", "Editor", "Approver", "Operator"):
        assert a_client(role).get(url).status_code == 403
    admin = a_client("Administrator")
    assert confirm(admin, url, reason="").status_code == 200  # asks again

    answer = confirm(admin, url, reason="They wrote to us")

    assert answer["Content-Disposition"] == f'attachment; filename="subscriber-{person.pk}.json"'
    tables = json.loads(answer.content)["tables"]
    empty = {table for table, told in tables.items() if not told["rows"]}
    assert empty <= {
        *("subscribers_suppression", "subscribers_erasure", "subscribers_importundo"),
        "subscribers_importpiece",
        *("distribution_approval", "distribution_distribution", "distribution_eventdelivery"),
        *(
            "distribution_rotationchange",
            "distribution_ladder",
            "distribution_templatedraft",
            "distribution_draftstep",
        ),
    }
    assert all(told["holds"] for told in tables.values())
    (delivery,) = tables["distribution_delivery"]["rows"]
    assert (delivery["phone"], delivery["wamid"], delivery["state"]) == (PHONE, OUT, "ACCEPTED")
    webhooks = tables["webhooks_webhookevent"]["rows"]
    assert [item["items"][0].get("status") for item in webhooks][:1] == ["delivered"]
    entry = LogEntry.objects.filter(object_id=str(person.pk)).latest("pk")
    told = json.loads(entry.change_message)
    assert (told[0]["act"], told[0]["reason"]) == ("export all about them", "They wrote to us")
    assert told[-1]["ip"] == "127.0.0.1"


def test_nobody_else_is_in_that_file(person: Subscriber) -> None:
    other = builders.a_subscriber(phone="+919845012399", name="Ravi Menon")
    number = builders.a_number()
    reports = [
        {"id": f"wamid.{n}", "status": "sent", "recipient_id": phone[1:]}
        for n, phone in enumerate((PHONE, other.phone))
    ]
    post(posts.statuses(*reports, number=number.meta_id))
    url = reverse("admin:subscribers_subscriber_export_person", args=[person.pk])

    told = confirm(a_client("Administrator"), url, reason="They wrote").content.decode()

    assert "9845012399" not in told
    assert "Ravi" not in told
