"""On a phone a list is a column of cards that can be read whole."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone

from distribution.models import Alert, Severity
from tests.browser.eyes import PHONE
from tests.builders import some_subscribers

LOW = 160  # pixels: a card of three or four lines
LONG = "The daily distribution was paused: 31 of 40 failed with 131026, which Meta explains. " * 3


def test_people_are_low_cards_and_an_alert_shows_its_whole_message(eyes, page, sign_in):
    sign_in("Operator")
    some_subscribers(3, name="Meera Iyer of a rather long family name")
    Alert.objects.create(
        rule="overrun",
        scope="distribution 1",
        severity=Severity.CRITICAL,
        message=LONG.strip(),
        opened_at=timezone.now(),
    )
    page.set_viewport_size(PHONE)

    eyes.visit(reverse("admin:subscribers_subscriber_changelist"))
    cards = page.locator("#result_list tr.data-row")
    assert cards.count() == 3
    assert all(card.bounding_box()["height"] < LOW for card in cards.all())
    assert "Meera Iyer of a rather long family name" in cards.first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    eyes.visit(reverse("admin:distribution_alert_changelist"))
    message = page.locator("#result_list .field-message").first
    assert LONG.strip() in " ".join(message.inner_text().split())
    assert message.evaluate("cell => cell.scrollHeight <= cell.clientHeight + 1")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
