"""WhatsApp's spelling and user ids are found, exported and shown: in full to who may see that."""

from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from subscribers.models import Subscriber, WhatsAppIdentity
from subscribers.people import export, search
from tests.api.tokens import a_program
from tests.builders import a_subscriber
from tests.subscribers.imports import counts, run
from tests.subscribers.moments import NOW
from tests.subscribers.roles import a_client

pytestmark = pytest.mark.django_db
PHONE, WA_ID, USER_ID = "+525512345678", "5215512345678", "MX.13491208655302741918"
NEW_USER_ID = "MX.a1B2c3D4e5"
LIST = "/api/distribution/subscribers"


@pytest.fixture
def ana() -> Subscriber:
    person = a_subscriber(phone=PHONE, name="Ana")
    a_subscriber(phone="+919812345601", name="Ravi")
    facts = {"wa_id": WA_ID, "user_id": USER_ID, "moved_user_id": NEW_USER_ID, "moved_at": NOW}
    WhatsAppIdentity.objects.create(subscriber=person, portfolio_id="900", seen_at=NOW, **facts)
    return person


WAYS = [PHONE, WA_ID, f"+{WA_ID}", "+52 1 55 1234 5678", USER_ID, f" {NEW_USER_ID} ", "5678", "An"]


@pytest.mark.parametrize("term", WAYS)
def test_somebody_is_found_by_whatever_whatsapp_calls_them(ana, term):
    assert list(search.search(Subscriber.objects.all(), term)) == [ana]
    found = a_client("Viewer").get(reverse("admin:subscribers_subscriber_changelist"), {"q": term})
    assert list(found.context["cl"].result_list) == [ana]
    rows = a_program("subscribers").get(LIST, {"search": term}).json()["results"]
    assert [row["id"] for row in rows] == [ana.pk]


def test_a_number_that_only_statuses_tell_finds_its_person():
    """Benin: no rule leads from one spelling to the other."""
    person = a_subscriber(phone="+2290197654321")
    WhatsAppIdentity.objects.create(subscriber=person, wa_id="22997654321", seen_at=NOW)

    assert list(search.search(Subscriber.objects.all(), "22997654321")) == [person]


@pytest.mark.parametrize("term", ["MX.1", "Dr.Asha1", "IN.99999999", "52155123456789"])
def test_what_is_nobodys_finds_nobody(ana, term):
    assert list(search.search(Subscriber.objects.all(), term)) == []


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        ("Operator", [WA_ID, USER_ID, NEW_USER_ID], []),
        (
            "Viewer",
            ["52******5678", "MX.******1918", "MX.******D4e5"],
            [WA_ID, USER_ID, NEW_USER_ID],
        ),
    ],
)
def test_the_page_shows_the_ids_in_full_to_whoever_may_see_full_numbers(ana, role, shown, hidden):
    page = a_client(role).get(reverse("admin:subscribers_subscriber_change", args=[ana.pk]))

    text = page.content.decode()
    assert "WhatsApp identities" in text
    assert [word for word in shown if word not in text] == []
    assert [word for word in hidden if word in text] == []


def test_the_api_tells_them_masked_in_a_list_and_in_full_of_one(ana, django_assert_max_num_queries):
    program = a_program("subscribers")

    with django_assert_max_num_queries(12):
        rows = program.get(LIST).json()["results"]
    told = {row["id"]: row["identities"] for row in rows}
    masked = {"portfolio_id": "900", "wa_id": "52******5678", "user_id": "MX.******1918"}
    assert told.pop(ana.pk) == [masked]
    assert list(told.values()) == [[]]
    one = program.get(f"{LIST}/{ana.pk}").json()
    assert one["identities"] == [{"portfolio_id": "900", "wa_id": WA_ID, "user_id": USER_ID}]


def test_an_export_holds_them_and_comes_back_without_them(ana):
    text = "".join(export.as_csv(Subscriber.objects.all())).removeprefix("\ufeff")

    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["whatsapp_ids"], row["whatsapp_user_ids"]) for row in rows] == [
        (WA_ID, USER_ID),
        ("", ""),
    ]
    assert counts(run(text)) == {"total": 2, "unchanged": 2}
    assert not any(Subscriber.objects.values_list("attributes", flat=True))


def test_an_export_without_any_has_no_empty_columns():
    a_subscriber(phone=PHONE)

    assert next(iter(export.rows(Subscriber.objects.all()))) == list(export.DETAILS)
