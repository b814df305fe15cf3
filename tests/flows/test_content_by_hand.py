"""Media and test sends over the admin's pages, through the real client to the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from distribution.content import media
from distribution.mirror import template_sync
from distribution.models import Attempt, Content, Delivery, MessageTemplate
from distribution.runtime import india_time
from phonepool.cloud_api import client
from phonepool.cloud_api.media import MediaRefusedError
from tests.builders import a_number, a_subscriber
from tests.distribution.content_staff import EDITOR, RICH, a_staff_member, browser
from tests.sandbox.harness import ONE, TOKEN, TWO, WABA, SandboxProcess, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50
STAFF = ["+919811111111", "+919822222222"]


@pytest.fixture
def meta(settings) -> Iterator[SandboxProcess]:
    """The sandbox, which our client takes for Meta, with a message template that has it all."""
    sandbox = start()
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = sandbox.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID, settings.TEST_RECIPIENTS = WABA, STAFF
    sandbox.control("POST", "template/morning", {"components": RICH})
    template_sync.sync(client.client(), now=datetime.now(UTC))
    yield sandbox
    client.client().close()
    sandbox.stop()


@pytest.fixture
def numbers(meta, db) -> None:
    a_number(meta_id=ONE, rate_per_second=400)
    a_number(meta_id=TWO, rate_per_second=400, state="STANDBY", role="BACKUP")


def words(file: bytes, name: str = "chart.png") -> dict[str, object]:
    template = MessageTemplate.objects.get(name="morning")
    return {
        "message_template": template.pk,
        "fields_of": template.pk,
        "title": "Budget day",
        "day": (india_time.local_date(datetime.now(UTC)) + timedelta(days=2)).isoformat(),
        "body-0": "{name}",
        "body-1": "Nifty opens flat",
        "button-1": "today",
        "media_file": SimpleUploadedFile(name, file, "image/png"),
    }


ADD = reverse("admin:distribution_content_add")


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_picture_is_left_with_meta_for_every_number_and_goes_out_in_a_test(meta, numbers):
    person, editor = a_subscriber(name="Meera Iyer"), a_staff_member(*EDITOR)

    browser(editor).post(ADD, words(PNG))
    content = Content.objects.get()

    assert (content.media["type"], content.media["filename"]) == ("image", "chart.png")
    assert set(content.media["ids"]) == {ONE, TWO}
    for media_id in content.media["ids"].values():
        facts = meta.get(media_id).json()
        assert (facts["mime_type"], facts["file_size"]) == ("image/png", str(len(PNG)))

    step = reverse("admin:distribution_content_step", args=[content.pk, "test"])
    response = browser(editor).post(step, {"phone": ["0", "1"], "person": person.pk})

    assert said(response) == [
        "Test to +91******1111: WhatsApp accepted it.",
        "Test to +91******2222: WhatsApp accepted it.",
    ]
    journal = meta.journal()
    assert sorted(entry["to"] for entry in journal) == ["919811111111", "919822222222"]
    assert {tuple(entry["parameters"]) for entry in journal} == {("Meera Iyer", "Nifty opens flat")}
    assert (Delivery.objects.count(), Attempt.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("file", "words_of_refusal"),
    [
        (b"GIF89a and so on", "This file is image/gif; the image must be JPEG or PNG."),
        (b"", "empty"),
        (PNG + b"0" * 5 * 1024 * 1024, "takes at most 5 MB"),
    ],
    ids=["a gif", "nothing", "too large"],
)
def test_what_meta_would_refuse_is_refused_at_the_form(meta, numbers, file, words_of_refusal):
    response = browser(a_staff_member(*EDITOR)).post(ADD, words(file))

    assert words_of_refusal in response.content.decode()
    assert not Content.objects.exists()


def test_a_refusal_by_meta_is_told_at_the_form(meta, numbers, settings):
    settings.WHATSAPP_ACCESS_TOKEN = "a-token-that-has-expired"

    response = browser(a_staff_member(*EDITOR)).post(ADD, words(PNG))

    shown = response.content.decode()
    assert "Meta refused the image for" in shown
    assert "Set a valid access token." in shown
    assert not Content.objects.exists()


def test_without_a_number_nothing_can_be_uploaded(meta, db):
    with pytest.raises(MediaRefusedError, match="No phone number"):
        media.upload("image", "a.png", PNG, api=client.client(), now=datetime.now(UTC))


def test_message_templates_are_fetched_on_request(meta, numbers):
    MessageTemplate.objects.all().delete()
    sync = reverse("admin:distribution_messagetemplate_sync")
    assert browser(a_staff_member("view_messagetemplate")).post(sync).status_code == 403

    response = browser(a_staff_member("view_messagetemplate", "sync_templates")).post(sync)

    assert said(response) == ["Synced with Meta. 3 message templates found."]
    assert MessageTemplate.objects.get(name="morning").components[0]["type"] == "BODY"
