from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import NoReverseMatch, reverse

from distribution.models import MessageTemplate
from distribution.runtime import india_time
from tests.builders import an_approved_content
from tests.distribution.content_staff import (
    PLAIN,
    VIEWER,
    a_plain_template,
    a_rich_template,
    a_staff_member,
    browser,
)

pytestmark = pytest.mark.django_db
LIST = reverse("admin:distribution_messagetemplate_changelist")
SYNC = reverse("admin:distribution_messagetemplate_sync")


def page(template: MessageTemplate) -> str:
    return reverse("admin:distribution_messagetemplate_change", args=[template.pk])


def test_a_message_template_shows_what_it_asks_for_and_how_it_looks():
    template = a_rich_template(status="PAUSED", quality="RED", category="MARKETING")

    shown = browser(a_staff_member(*VIEWER)).get(page(template)).content.decode()

    for part in (
        "Good morning Asha.<br><strong>Today:</strong> Nifty opens flat",
        "Marketing · quality red",
        "This template cannot be sent now.",
        "Address of button 2",
        "Reply STOP to leave",
    ):
        assert part in shown, part
    assert "Sync with Meta" not in shown


def test_a_change_at_meta_since_approval_is_shown_on_both_pages_and_the_list():
    template, client = a_plain_template(), browser(a_staff_member(*VIEWER, "view_content"))
    tomorrow = india_time.local_date(datetime.now(UTC)) + timedelta(days=1)
    content = an_approved_content(message_template=template, day=tomorrow)
    pages = [page(template), reverse("admin:distribution_content_change", args=[content.pk])]
    assert not any("Meta changed" in client.get(url).content.decode() for url in pages)
    assert "since approval" not in client.get(LIST).content.decode()

    template.components = [{**PLAIN[0], "text": "Other words for {{1}}: {{2}}"}]
    template.save()

    assert all("Meta changed" in client.get(url).content.decode() for url in pages)
    assert "since approval" in client.get(LIST).content.decode()


def test_no_page_promises_that_message_templates_take_turns():
    template, other = (a_plain_template(rotation_group="morning") for _ in range(2))
    client = browser(a_staff_member(*VIEWER, "change_messagetemplate"))

    shown = client.get(page(template)).content.decode()

    assert "otation" not in shown
    assert str(other) not in shown
    with pytest.raises(NoReverseMatch):
        reverse("admin:distribution_messagetemplate_group", args=[template.pk])


def test_fetching_needs_its_permission_and_says_what_is_missing(settings):
    settings.WHATSAPP_BUSINESS_ID = ""
    client = browser(a_staff_member(*VIEWER, "sync_templates"))

    assert client.get(SYNC).status_code == 405
    response = client.post(SYNC)

    (told,) = get_messages(response.wsgi_request)
    assert str(told) == "WHATSAPP_BUSINESS_ID is not set. See Set up."
    assert browser(a_staff_member(*VIEWER)).post(SYNC).status_code == 403


def test_a_meta_that_is_away_is_told_and_changes_nothing(settings):
    settings.WHATSAPP_BUSINESS_ID, settings.WHATSAPP_API_BASE = "900", "http://127.0.0.1:9"
    template = a_plain_template()

    response = browser(a_staff_member(*VIEWER, "sync_templates")).post(SYNC)

    (told,) = get_messages(response.wsgi_request)
    assert "could not be synced: no_connection" in str(told)
    assert MessageTemplate.objects.get().status == template.status
