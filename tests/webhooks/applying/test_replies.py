"""What people write back: kept once, seen on their page, counted on the home page, deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from subscribers import tasks
from subscribers.consent import erased_phones
from subscribers.models import Reply
from subscribers.people import erasure
from tests.builders import a_subscriber
from tests.distribution.staff import a_client
from tests.webhooks.posts import (
    NUMBER,
    apply,
    envelope,
    messages,
    pool_number,
    post,
    serial,
    text_message,
)
from webhooks.applying import inbox

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
PHONE = "+919812345678"


@pytest.fixture(autouse=True)
def _pool() -> None:
    pool_number()


def item(kind: str, **content: Any) -> bytes:
    """Another kind of message from the person."""
    fields = {
        "from": PHONE[1:],
        "id": f"wamid.in.{next(serial)}",
        "timestamp": str(int(NOW.timestamp())),
        "type": kind,
        kind: content,
    }
    return envelope(messages(NUMBER, messages=[fields]))


def kept() -> list[tuple[str, str]]:
    return list(Reply.objects.order_by("pk").values_list("kind", "text"))


def html(client: Client, address: str) -> str:
    return str(client.get(address).content.decode())


def test_an_answer_posted_by_meta_is_on_the_persons_page_in_the_list_and_on_the_home_page():
    person = a_subscriber(phone=PHONE, name="Asha Rao")
    client = a_client("Viewer")
    assert "in the last 24 hours" not in html(client, "/admin/")

    post(Client(), text_message(PHONE, "Please call me on 9898989898", at=NOW))
    inbox.drain(now=NOW)

    page = html(client, reverse("admin:subscribers_subscriber_change", args=[person.pk]))
    listed = html(client, reverse("admin:subscribers_reply_changelist"))
    for text in (page, listed):
        assert "Please call me on " in text
        assert "9898989898" not in text
    assert "Asha Rao · +91******5678" in listed
    assert "1 reply in the last 24 hours" in html(client, "/admin/")


def test_stop_and_start_are_consent_and_no_replies():
    a_subscriber(phone=PHONE)
    apply(text_message(PHONE, "STOP", at=NOW), text_message(PHONE, "start", at=NOW))
    assert kept() == []


def test_a_button_says_its_label_and_a_file_its_type():
    a_subscriber(phone=PHONE)
    apply(item("button", payload="thanks:7", text="Thanks"), item("image", id="1"))
    apply(item("reaction", emoji="👍"))
    assert kept() == [("button", "Thanks"), ("image", "")]


def test_a_message_that_comes_twice_is_kept_once_and_one_of_nobody_not_at_all():
    a_subscriber(phone=PHONE)
    body = text_message(PHONE, "Hello\0 there" + " x" * 900, at=NOW)
    apply(body, text_message("+919800000009", "Hello", at=NOW))
    apply(body)

    ((kind, text),) = kept()
    assert (kind, text[:13], len(text)) == ("text", "Hello there x", 1000)


def test_replies_go_with_the_webhooks_they_came_by(settings: Any):
    person = a_subscriber(phone=PHONE)
    for days in (89, 91):
        Reply.objects.create(
            subscriber=person, at=NOW - timedelta(days=days), kind="text", digest=str(days)
        )
    tasks.forget()
    assert list(Reply.objects.values_list("digest", flat=True)) == ["89"]


def test_replies_of_an_erased_person_are_deleted():
    person = a_subscriber(phone=PHONE)
    apply(text_message(PHONE, "Hello", at=NOW))
    asked = erasure.request_erasure(person, reason="she wrote", by="x", now=NOW)
    erasure.purge(asked, now=NOW)

    assert kept() == []
    assert erased_phones.find_erased([PHONE])


def test_the_stored_digest_says_nothing_about_the_number():
    a_subscriber(phone=PHONE)
    apply(text_message(PHONE, "Hello", at=NOW))
    assert "wamid" not in Reply.objects.get().digest
