"""Phones that said STOP before anybody knew them, in the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from subscribers.consent import suppressions
from tests.subscribers.moments import NOW
from tests.subscribers.roles import a_client

pytestmark = pytest.mark.django_db
LIST = "admin:subscribers_suppression_changelist"
LEFT, BACK = "+919812345678", "+919887654321"


@pytest.fixture(autouse=True)
def wishes(db) -> None:
    for phone, wants in ((LEFT, False), (BACK, True)):
        said = suppressions.Preference(phone, wants, "whatsapp", "wamid.1", NOW)
        suppressions.remember(said, now=NOW)


def listed(query: str = "") -> str:
    answer = a_client("Editor").get(reverse(LIST), {"q": query} if query else {})
    assert answer.status_code == 200
    html: str = answer.content.decode()
    return html


def test_the_list_shows_wishes_with_masked_numbers():
    html = listed()
    assert "+91******5678" in html
    assert "+91******4321" in html
    assert LEFT not in html
    assert "STOP" in html


@pytest.mark.parametrize("query", ["9812345678", "098123 45678", "+91-98123-45678", "5678"])
def test_a_phone_is_found_in_any_spelling(query):
    html = listed(query)
    assert "+91******5678" in html
    assert "+91******4321" not in html


def test_what_is_no_phone_finds_nobody():
    assert "******" not in listed("asha")


def test_nobody_adds_or_changes_a_wish_here(admin_client):
    row = suppressions.find_suppressed([LEFT])[LEFT]
    change = reverse("admin:subscribers_suppression_change", args=[row.pk])
    assert admin_client.get(change).status_code == 200
    assert admin_client.post(change, {"holds": ""}).status_code == 403
    assert admin_client.get(reverse("admin:subscribers_suppression_add")).status_code == 403
    assert suppressions.find_suppressed([LEFT])
