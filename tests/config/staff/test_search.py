"""Ctrl-K finds pages, people and ids, by POST only, masked, and within what a role may view."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Attempt, AttemptOutcome, Delivery
from tests.builders import a_number, a_subscriber, an_open_distribution
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db
SEARCH = "/admin/search/?extended=1"
PHONE, WAMID, TRACE = "+919812345678", "wamid.HBgMOTE5ODEyMzQ1Njc4", "AbCdEf123_x"


@pytest.fixture
def delivery() -> Delivery:
    a_subscriber(phone=PHONE, name="Asha Rao")
    an_open_distribution(0)
    found = Delivery.objects.get(phone=PHONE)
    Delivery.objects.filter(pk=found.pk).update(wamid=WAMID)
    Attempt.objects.create(
        delivery=found,
        attempt_id=str(AttemptKey(found.pk, 1, 10)),
        number=a_number(),
        outcome=AttemptOutcome.REJECTED,
        reason="x",
        fbtrace_id=TRACE,
        ended_at=timezone.now(),
    )
    return found


def results(client: Any, term: str) -> str:
    answer = client.post(SEARCH, {"s": term})
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize("term", ["Asha", "5678", PHONE, "098123 45678", "919812345678"])
def test_a_person_is_found_by_name_last_digits_and_any_spelling_of_the_phone(
    delivery: Delivery, term: str
) -> None:
    shown = results(a_client("Viewer"), term)

    assert f"/admin/subscribers/subscriber/{delivery.subscriber_id}/change/" in shown
    assert "Asha Rao · +91******5678" in shown
    assert PHONE not in shown


def test_a_delivery_is_found_by_message_id_attempt_id_and_trace_id(delivery: Delivery) -> None:
    client, link = a_client("Viewer"), f"/admin/distribution/delivery/{delivery.pk}/change/"

    for term in (WAMID, str(AttemptKey(delivery.pk, 3, 255)), TRACE, f"  {TRACE} "):
        shown = results(client, term)
        assert link in shown
        assert WAMID not in shown
        assert PHONE not in shown


@pytest.mark.parametrize("term", [PHONE, WAMID, "Asha"])
def test_an_address_finds_no_person_and_no_message(delivery: Delivery, term: str) -> None:
    shown = a_client("Viewer").get(SEARCH, {"s": term}).content.decode()
    assert "/change/" not in shown


@pytest.mark.parametrize("term", ["45678", "9812", "As", "wamid.", "daybreak:1", "\0", "x" * 600])
def test_parts_of_numbers_and_ids_find_nobody(delivery: Delivery, term: str) -> None:
    assert "/change/" not in results(a_client("Viewer"), term)


def test_who_may_not_view_people_finds_none(delivery: Delivery) -> None:
    assert "/change/" not in results(a_client(None), "Asha")
    outsider = get_user_model().objects.create_user("outsider")
    refused = a_client(None, outsider).post(SEARCH, {"s": "Asha"})
    assert refused.status_code == 401
    assert "/change/" not in refused.content.decode()


def test_pages_are_found_by_their_names_in_the_sidebar_if_the_role_has_them() -> None:
    assert "/admin/admin/logentry/" in results(a_client("Administrator"), "audit")
    assert "/admin/admin/logentry/" not in results(a_client("Viewer"), "audit")
    assert "/admin/distribution/alert/" in results(a_client("Viewer"), "alert")


def test_the_box_posts_what_is_typed() -> None:
    page = a_client("Viewer").get("/admin/").content.decode()
    assert 'hx-post="/admin/search/?extended=1"' in page
    assert 'hx-get="/admin/search/' not in page
