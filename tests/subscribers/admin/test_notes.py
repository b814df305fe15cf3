"""Notes on a person's page: who writes, sees, finds and deletes them."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from subscribers.models import Note, Subscriber
from tests.builders import a_subscriber
from tests.distribution.staff import a_client, a_member
from tests.shown_forms import confirm, form_with

pytestmark = pytest.mark.django_db
PEOPLE = reverse("admin:subscribers_subscriber_changelist")


@pytest.fixture
def person() -> Subscriber:
    return a_subscriber(name="Meera Iyer")


def page_of(person: Subscriber) -> str:
    return reverse("admin:subscribers_subscriber_change", args=[person.pk])


def shown(client: Client, path: str) -> str:
    return unescape(client.get(path).content.decode())


def note(client: Client, person: Subscriber, text: str) -> Any:
    """Typed into the form of the person's page."""
    page = client.get(page_of(person))
    address = reverse("admin:subscribers_subscriber_add_note", args=[person.pk])
    return client.post(address, form_with(page, "note", note=text))


def test_a_note_says_who_wrote_it_and_when_and_is_seen_by_who_sees_the_person(person):
    writer = a_client(None, a_member("Operator", "asha"))

    answer = note(writer, person, "  Prefers  Hindi.\nCall +91 98123 45678 after six ")

    assert (answer.status_code, answer["Location"]) == (302, page_of(person))
    row = Note.objects.get()
    assert (row.text, row.by) == ("Prefers Hindi. Call +91 98123 45678 after six", "asha")
    assert "Prefers Hindi. Call +91 98123 45678 after six" in shown(writer, page_of(person))
    viewer = shown(a_client("Viewer"), page_of(person))
    assert "Prefers Hindi. Call" in viewer
    assert "98123 45678" not in viewer  # masked, as everywhere
    assert "Add note" not in viewer
    logged = LogEntry.objects.get(change_message__contains="add note").change_message
    assert "Hindi" not in logged  # what is in the log cannot be taken back


def test_the_same_form_twice_keeps_one_note_and_an_empty_one_none(person):
    client = a_client("Editor")
    page = client.get(page_of(person))
    address = reverse("admin:subscribers_subscriber_add_note", args=[person.pk])
    for _ in range(2):
        client.post(address, form_with(page, "note", note="Called today"))
    note(client, person, "   ")
    assert list(Note.objects.values_list("text", flat=True)) == ["Called today"]

    note(client, person, "x" * 2000)
    assert len(Note.objects.latest("pk").text) == 1000


def test_who_may_not_change_the_person_writes_none(person):
    address = reverse("admin:subscribers_subscriber_add_note", args=[person.pk])
    for role in ("Viewer", "Approver"):
        assert a_client(role).post(address, {"note": "No"}).status_code == 403
    assert a_client("Operator").get(address).status_code == 405
    missing = reverse("admin:subscribers_subscriber_add_note", args=[person.pk + 1])
    assert a_client("Operator").post(missing, {"note": "No"}).status_code == 404
    assert not Note.objects.exists()


def test_only_its_author_deletes_a_note_after_a_look_at_it(person):
    author, other = a_client("Operator"), a_client("Administrator")
    note(author, person, "On the wrong person")
    row = Note.objects.get()
    address = reverse("admin:subscribers_subscriber_delete_note", args=[person.pk, row.pk])
    assert address not in shown(other, page_of(person))
    assert other.get(address).status_code == 403
    assert other.post(address).status_code == 403
    assert address in shown(author, page_of(person))
    assert "On the wrong person" in shown(author, address)

    confirm(author, address)

    assert not Note.objects.exists()
    assert author.get(address).status_code == 404


def test_people_are_found_by_a_word_of_a_note(person):
    other = a_subscriber(name="Kabir Shah")
    client = a_client("Operator")
    note(client, person, "Asked about the Budget fund")

    found = shown(client, f"{PEOPLE}?q=budget")
    assert ("Meera Iyer" in found, other.name in found) == (True, False)
    assert "Meera Iyer" in shown(client, f"{PEOPLE}?q=meera")
    assert "Meera Iyer" not in shown(client, f"{PEOPLE}?q=equity")
