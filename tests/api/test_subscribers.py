"""Subscribers over the API: lists, one added, one decided on, one person's story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from distribution.models import Delivery
from subscribers.models import ConsentEvent, Subscriber
from subscribers.people import erasure as erasing
from tests.api.tokens import a_key, a_program
from tests.builders import a_subscriber, an_open_distribution, some_subscribers
from tests.subscribers.decide import opt_in, opt_out

pytestmark = pytest.mark.django_db
LIST = "/api/distribution/subscribers"
ADD = f"{LIST}/add"


def names(query: str = "") -> list[str]:
    answer = a_program("subscribers").get(f"{LIST}?{query}")
    assert answer.status_code == 200, answer.json()
    return [row["name"] for row in answer.json()["results"]]


def an_addition(**fields: Any) -> dict[str, Any]:
    return {"phone": "98123 45601", "consent_source": "Form of June", **fields}


def add(**fields: Any) -> Any:
    return a_program("subscribers").post(ADD, an_addition(**fields), headers=a_key())


def set_status(person: Subscriber, status: str, **more: str) -> Any:
    body = {"status": status, "reason": "Asked on the phone", **more}
    return a_program("subscribers").patch(f"{LIST}/{person.pk}/status", body)


def test_a_list_masks_phones_and_one_alone_shows_it() -> None:
    person = a_subscriber(phone="+919812345601", name="Asha", attributes={"city": "Pune"})
    program = a_program("subscribers")

    row = program.get(LIST).json()["results"][0]
    assert (row["id"], row["phone"], row["attributes"]) == (
        person.pk,
        "+91******5601",
        {"city": "Pune"},
    )
    assert program.get(f"{LIST}/{person.pk}").json()["phone"] == "+919812345601"


def test_filters_narrow_each_other() -> None:
    a_subscriber(name="Asha", tier="PRO", language="hi", attributes={"city": "Pune"})
    a_subscriber(name="Ravi", tier="PRO", status="PAUSED", attributes={"city": "Pune"})
    a_subscriber(name="Mina", tier="BASIC", attributes={"city": "Delhi"}, phone="+919812345601")

    assert names("tier=PRO") == ["Asha", "Ravi"]
    assert names("tier=PRO&status=ACTIVE") == ["Asha"]
    assert names("language=hi") == ["Asha"]
    assert names("attribute=city:Pune&ordering=-id") == ["Ravi", "Asha"]
    assert names("search=098123 45601") == ["Mina"]
    assert names("search=mi") == ["Mina"]
    assert names("tier=BASIC&updated_since=2001-01-01T00:00:00-19:02") == ["Mina"]
    assert names("updated_since=2101-01-01T00:00:00%2B19:02") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tier=GOLD", "tier"),
        ("status=active", "status"),
        ("updated_since=yesterday", "updated_since"),
        ("updated_since=2026-11-28", "updated_since"),
        ("updated_since=2026-11-28T00:00:00", "updated_since"),
        ("updated_since=2026-11-28T00:00:00+05:30", "updated_since"),  # the plus is a blank here
        ("updated_since=0001-01-01T00:00:00%2B05:30", "updated_since"),
        ("ordering=phone", "ordering"),
        ("search=%00", "search"),
        ("status=", "status"),
        ("tier=PRO&tier=BASIC", "tier"),
        ("attribute=Pune", "attribute"),
        ("page_size=201", "page_size"),
        ("cursor=abc", "cursor"),
    ],
)
def test_a_wrong_filter_is_named(query: str, field: str) -> None:
    answer = a_program("subscribers").get(f"{LIST}?{query}")

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("ordering", ["id", "-id", "updated_at", "-updated_at"])
def test_pages_hold_everybody_once_forward_and_back_although_times_tie(ordering: str) -> None:
    moment = timezone.now()
    some_subscribers(7, updated_at=moment)
    some_subscribers(4, updated_at=moment - timedelta(days=1))
    program = a_program("subscribers")
    address, pages = f"{LIST}?page_size=2&ordering={ordering}", []
    while address:
        page = program.get(address).json()
        pages.append([row["id"] for row in page["results"]])
        address, last = page["next"], page

    field = ordering.removeprefix("-")
    rows = sorted(Subscriber.objects.values_list(field, "pk"))
    expected = [pk for _, pk in (rows[::-1] if ordering.startswith("-") else rows)]
    assert [pk for page in pages for pk in page] == expected
    before = program.get(last["previous"]).json()
    assert [row["id"] for row in before["results"]] == pages[-2]
    assert program.get(before["next"]).json()["results"] == last["results"]


def test_a_page_misses_nobody_when_people_come_and_change_meanwhile() -> None:
    people = some_subscribers(4)
    program = a_program("subscribers")
    first = program.get(f"{LIST}?page_size=2").json()
    Subscriber.objects.filter(pk=people[0].pk).update(name="changed")
    some_subscribers(1)

    second = program.get(first["next"]).json()
    assert [row["id"] for row in second["results"]] == [people[2].pk, people[3].pk]
    assert second["next"]


def test_somebody_is_added_once_with_the_proof() -> None:
    program, key = a_program("subscribers"), a_key()

    answer = program.post(ADD, an_addition(name=" Asha  Rao ", tier="PRO"), headers=key)
    again = program.post(ADD, an_addition(name=" Asha  Rao ", tier="PRO"), headers=key)

    assert (answer.status_code, again.status_code) == (201, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == answer.json()
    person = Subscriber.objects.get()
    assert answer["Location"] == f"{LIST}/{person.pk}"
    assert (person.phone, person.name, person.tier) == ("+919812345601", "Asha Rao", "PRO")
    event = ConsentEvent.objects.get()
    assert (event.kind, event.notice) == ("OPT_IN", "Form of June")
    assert event.source.startswith("api:program ")
    assert event.actor.startswith("user-")


@pytest.mark.parametrize("phone", ["+5215512345678", "+52 55 1234 5678"])
def test_who_is_here_in_another_spelling_is_not_added_and_is_named_masked(phone: str) -> None:
    known = a_subscriber(phone="+525512345678")

    answer = add(phone=phone)

    assert (answer.status_code, answer.json()["code"]) == (409, "subscriber_exists")
    assert answer.json()["detail"] == (
        f"This phone number already belongs to subscriber {known.pk} (+52******5678). "
        "Edit that one."
    )


def test_who_is_here_or_was_erased_is_not_added() -> None:
    known = a_subscriber(phone="+919812345601")
    answer = add()
    assert (answer.status_code, answer.json()["code"]) == (409, "subscriber_exists")
    assert f"subscriber {known.pk} " in answer.json()["detail"]

    erasing.request_erasure(known, reason="letter", by="esha", now=timezone.now())
    Subscriber.objects.filter(pk=known.pk).update(phone="+000000000000001")
    assert add().json()["code"] == "subscriber_erased"
    assert a_program("subscribers").get(f"{LIST}/{known.pk}").status_code == 404
    assert names() == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"consent_source": " "}, "consent_source"),
        ({"name": "see www.example.org"}, "name"),
        ({"tier": "GOLD"}, "tier"),
        ({"language": "english please"}, "language"),
        ({"email": "asha"}, "email"),
        ({"attributes": {"phone": "1"}}, "attributes"),
        ({"attributes": {"City": "a", "city": "b"}}, "attributes"),
        ({"attributes": {"city": ["Pune"]}}, "attributes.city"),
    ],
)
def test_a_wrong_field_is_named_and_nobody_is_added(fields: dict[str, Any], field: str) -> None:
    answer = add(**fields)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Subscriber.objects.exists()


def test_a_status_is_set_with_a_reason_and_twice_is_once() -> None:
    person = a_subscriber()

    assert set_status(person, "PAUSED").json()["status"] == "PAUSED"
    assert set_status(person, "PAUSED").status_code == 200
    assert set_status(person, "ACTIVE").json()["status"] == "ACTIVE"
    assert list(ConsentEvent.objects.order_by("pk").values_list("kind", flat=True)) == [
        "PAUSE",
        "RESUME",
    ]


def test_only_new_consent_brings_back_who_unsubscribed() -> None:
    person = a_subscriber()
    past = timezone.now() - timedelta(hours=1)
    opt_out(person, source="whatsapp:STOP", at=past, now=past)

    refused = set_status(person, "ACTIVE")
    assert (refused.status_code, refused.json()["code"]) == (409, "status_refused")
    assert "consent_source" in refused.json()["detail"]
    assert set_status(person, "ACTIVE", consent_source="Form of July").status_code == 200
    assert ConsentEvent.objects.get(kind="OPT_IN").notice == "Form of July"


def test_a_moment_without_its_zone_is_refused_with_what_to_write() -> None:
    answer = a_program("subscribers").get(f"{LIST}?updated_since=2026-11-28T00:00:00")
    assert answer.json()["errors"][0]["detail"].startswith(
        "Add the time zone: 2026-11-24T06:00:00Z."
    )


def test_a_status_that_nobody_may_ask_for_is_refused() -> None:
    assert set_status(a_subscriber(), "INVALID").json()["errors"][0]["field"] == "status"
    missing = a_program("subscribers").patch(f"{LIST}/999/status", {"status": "PAUSED"})
    assert missing.json()["errors"][0]["field"] == "reason"


def test_a_persons_story_is_told_in_pages() -> None:
    person = a_subscriber(phone="+919812345601")
    opt_in(person, source="api:crm", at=timezone.now(), now=timezone.now())
    for _ in range(3):
        an_open_distribution(0)
    assert Delivery.objects.filter(subscriber=person).count() == 3
    program = a_program("subscribers")

    first = program.get(f"{LIST}/{person.pk}/history?page_size=2").json()
    second = program.get(first["next"]).json()

    assert [event["kind"] for event in first["consent"]] == ["OPT_IN"]
    told = [*first["deliveries"], *second["deliveries"]]
    assert [row["id"] for row in told] == sorted((row["id"] for row in told), reverse=True)
    assert len(told) == 3
    assert second["next"] is None
    assert (told[0]["state"], told[0]["progress"]) == ("PENDING", "none")
    assert told[0]["told"].startswith("On its way on ")
    assert program.get(f"{LIST}/999999/history").status_code == 404


def change(person: Subscriber, **body: Any) -> Any:
    return a_program("subscribers").patch(f"{LIST}/{person.pk}", body)


def test_details_are_corrected_and_what_is_left_out_stays() -> None:
    person = a_subscriber(name="Asha", language="hi", attributes={"city": "Pune", "desk": "4"})
    before = person.updated_at

    told = change(person, tier="PREMIUM", attributes={"City": " Mumbai ", "desk": "", "team": "A"})
    assert told.status_code == 200, told.json()
    assert (told.json()["name"], told.json()["tier"], told.json()["language"]) == (
        *("Asha", "PREMIUM", "hi"),
    )
    assert told.json()["attributes"] == {"city": "Mumbai", "team": "A"}
    person.refresh_from_db()
    assert person.updated_at > before
    (entry,) = LogEntry.objects.filter(object_id=str(person.pk))
    assert "attributes, tier" in entry.change_message
    assert "Mumbai" not in entry.change_message

    assert change(person, tier="PREMIUM").json() == told.json()  # nothing, so nothing is noted
    assert LogEntry.objects.filter(object_id=str(person.pk)).count() == 1
    assert not ConsentEvent.objects.filter(subscriber=person).exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"phone": "9812345601"}, "phone"),
        ({"status": "ACTIVE"}, "status"),
        ({"tier": "GOLD"}, "tier"),
        ({"email": "nobody"}, "email"),
        ({"language": "Klingon"}, "language"),
        ({"attributes": {"phone": "1"}}, "attributes"),
    ],
)
def test_neither_phone_nor_status_nor_nonsense_is_taken_over(
    body: dict[str, Any], field: str
) -> None:
    person = a_subscriber(tier="PRO")
    answer = change(person, **body)
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_nothing_is_written_down_about_who_asked_to_be_erased() -> None:
    person = a_subscriber()
    erasing.request_erasure(person, reason="By mail.", by="asha", now=timezone.now())
    answer = change(person, name="Asha")
    assert (answer.status_code, answer.json()["code"]) == (409, "subscriber_erased")
    assert change(Subscriber(pk=10**9), name="Asha").status_code == 404


def test_a_kept_answer_goes_with_the_person_it_tells_of() -> None:
    program, key = a_program("subscribers"), a_key()
    first = program.post(ADD, an_addition(), headers=key).json()
    erasure = erasing.request_erasure(
        Subscriber.objects.get(pk=first["id"]), reason="By mail.", by="asha", now=timezone.now()
    )
    assert program.post(ADD, an_addition(), headers=key).json() == first
    erasing.purge(erasure, now=timezone.now())
    again = program.post(ADD, an_addition(), headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "subscriber_erased")


def test_evidence_that_nobody_can_see_is_none() -> None:
    person = a_subscriber()
    for answer in (
        add(consent_source="\u200b\u2060"),
        set_status(person, "PAUSED", reason="\u200b"),
    ):
        assert answer.status_code == 400
        assert [one["code"] for one in answer.json()["errors"]] == ["blank"]
