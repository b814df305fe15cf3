"""A masked number is nowhere to be read for them, and each reading of a whole one is logged."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from distribution.models import Delivery
from subscribers.consent import decisions
from subscribers.consent.decisions import Decision, Kind
from subscribers.consent.suppressions import Preference, remember
from subscribers.models import Subscriber, Suppression
from tests import builders
from tests.api.tokens import a_program
from tests.distribution.staff import a_client, a_member

pytestmark = pytest.mark.django_db
PHONE = "+919812345601"
WAMID = "wamid." + base64.b64encode(b"\x1c\x0c919812345601\x15\x02\x00\x12\x18\x0a1234").decode()
LIST = "/api/distribution/subscribers"


@pytest.fixture
def person() -> Subscriber:
    """Somebody who wrote STOP, with Meta's id of that message as its evidence."""
    now = timezone.now()
    asha = builders.a_subscriber(phone=PHONE, name="Asha")
    stop = Decision(asha.pk, Kind.OPT_OUT, "whatsapp:STOP", now, evidence=WAMID)
    told = Decision(asha.pk, Kind.PAUSE, "admin:x", now, evidence="call +91 98123 45601 (now)")
    decisions.record([stop, told], now=now)
    return asha


def readings() -> list[dict[str, Any]]:
    told = [json.loads(entry.change_message) for entry in LogEntry.objects.order_by("pk")]
    return [parts[0] | parts[-1] for parts in told if "phone number in full" in parts[0]["act"]]


def tells(answer: Any) -> bool:
    """Whether the number, or what contains it, stands in it."""
    text = answer.content.decode()
    return any(part in text for part in ("9812345601", "98123 45601", WAMID[:24]))


@pytest.mark.parametrize(
    ("role", "whole"), [("Editor", False), ("Administrator", True)], ids=["masked", "whole"]
)
def test_the_api_answers_staff_by_their_role(person: Subscriber, role: str, whole: bool) -> None:
    client = a_client(role)
    for path in (f"{LIST}/{person.pk}", f"{LIST}/{person.pk}/history"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert tells(answer) is whole, path
    assert len(readings()) == (2 if whole else 0)
    assert not tells(client.get(LIST))
    for entry in readings():
        assert entry["ip"] == "127.0.0.1"
        assert entry["reason"].startswith("GET /api/distribution/subscribers/")


def test_a_token_reads_no_further_than_the_person_it_acts_for(person: Subscriber) -> None:
    editor = a_member("Editor")
    assert not tells(a_program("subscribers", user=editor).get(f"{LIST}/{person.pk}"))
    assert tells(a_program("subscribers").get(f"{LIST}/{person.pk}"))
    assert [entry["ip"] for entry in readings()] == ["127.0.0.1"]


def test_a_change_is_answered_masked(person: Subscriber) -> None:
    program = a_program("subscribers")
    change = program.patch(f"{LIST}/{person.pk}", {"name": "Asha Rao"}, format="json")
    asked = {"status": "UNSUBSCRIBED", "reason": "Asked"}
    status = program.patch(f"{LIST}/{person.pk}/status", asked, format="json")
    for answer in (change, status):
        assert answer.status_code == 200
        assert not tells(answer)


@pytest.mark.parametrize(
    ("role", "status"), [("Editor", 403), ("Operator", 200), ("Administrator", 200)]
)
def test_the_api_exports_deliveries_for_who_may_and_logs_it(role: str, status: int) -> None:
    distribution = builders.an_open_distribution(2)
    url = f"/api/distribution/{distribution.pk}/deliveries"
    query = {"state": "PENDING", "reason": "The audit of 2026, asked by +919812345601"}
    answer = a_client(role).get(url, query, headers={"Accept": "text/csv"})
    assert answer.status_code == status
    if status == 200:
        assert "******" in b"".join(answer).decode()
        told = json.loads(LogEntry.objects.get().change_message)
        assert told[0]["act"] == "Deliveries exported. (API)"
        assert told[0]["reason"].startswith("The audit of 2026, asked by ")
        assert "9812345601" not in told[0]["reason"]
        assert told[0]["after"] == {"filters": {"state": "PENDING"}, "full_phones": False}
        assert told[-1]["ip"] == "127.0.0.1"
    else:
        assert not LogEntry.objects.exists()


@pytest.mark.parametrize("reason", ["", " \u200b", "x" * 151, None])
def test_the_api_exports_nothing_without_a_reason(reason: str | None) -> None:
    distribution = builders.an_open_distribution(2)
    query = {} if reason is None else {"reason": reason}
    url = f"/api/distribution/{distribution.pk}/deliveries"
    answer = a_client("Administrator").get(url, query, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "reason")
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("role", "whole"), [("Viewer", False), ("Editor", False), ("Operator", True)]
)
def test_the_page_of_a_person_shows_message_ids_to_who_may_see_numbers(
    person: Subscriber, role: str, whole: bool
) -> None:
    page = a_client(role).get(reverse("admin:subscribers_subscriber_change", args=[person.pk]))
    assert tells(page) is whole
    assert "wamid.…" in page.content.decode() or whole
    assert [entry["ip"] for entry in readings()] == (["127.0.0.1"] if whole else [])


def test_what_an_unknown_person_said_is_shown_without_the_message_id() -> None:
    now = timezone.now()
    remember(
        Preference(PHONE, wants=False, source="whatsapp:STOP", evidence=WAMID, at=now), now=now
    )
    url = reverse("admin:subscribers_suppression_change", args=[Suppression.objects.get().pk])
    for role in ("Editor", "Administrator"):
        assert not tells(a_client(role).get(url))


@pytest.mark.parametrize("typed", [PHONE, "98123 45601", "098123-45601"])
def test_a_search_for_a_number_is_posted_and_its_result_names_rows_by_id(
    person: Subscriber, typed: str
) -> None:
    builders.a_subscriber(phone="+919812345602")
    client = a_client("Viewer")
    url = reverse("admin:subscribers_subscriber_changelist")
    assert 'method="post"' in client.get(url).content.decode()

    answer = client.post(url, {"q": typed, "status__exact": "UNSUBSCRIBED"})

    assert answer["Location"] == f"{url}?q=~{person.pk}&status__exact=UNSUBSCRIBED"
    found = client.get(answer["Location"])
    assert [row.pk for row in found.context["cl"].result_list] == [person.pk]
    assert not tells(found)


def test_deliveries_and_opt_outs_are_searched_for_in_the_same_way() -> None:
    builders.an_open_distribution(2)
    delivery, client = Delivery.objects.latest("pk"), a_client("Editor")
    url = reverse("admin:distribution_delivery_changelist")
    answer = client.post(url, {"q": delivery.phone}, follow=True)
    assert answer.redirect_chain == [(f"{url}?q=~{delivery.subscriber_id}", 302)]
    assert [row.pk for row in answer.context["cl"].result_list] == [delivery.pk]

    now = timezone.now()
    remember(Preference(PHONE, wants=False, source="x", evidence="", at=now), now=now)
    url = reverse("admin:subscribers_suppression_changelist")
    answer = client.post(url, {"q": PHONE[1:]}, follow=True)
    assert answer.redirect_chain == [(f"{url}?q=~{Suppression.objects.get().pk}", 302)]
    assert answer.context["cl"].result_count == 1
    assert client.post(url, {"q": "+919812345699"}, follow=True).context["cl"].result_count == 0
