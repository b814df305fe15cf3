"""A key and a signing secret are created, shown once on a page of their own, and copied."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from distribution.access import tokens
from distribution.models import ApiToken, EventSubscription
from tests.browser.eyes import PHONE

pytestmark = pytest.mark.django_db(transaction=True)
COPIED = "navigator.clipboard.readText()"


def test_a_key_and_a_secret_are_copied_from_the_page_that_shows_them(
    eyes, page, sign_in, live_house, monkeypatch
):
    # A hyphen, which half of all keys have, is a place where a browser breaks a line by itself.
    key_of = tokens.key_of
    monkeypatch.setattr(tokens, "key_of", lambda _secret: key_of(bytes(32)))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    boss = sign_in("Administrator")
    eyes.visit(reverse("admin:distribution_apitoken_add"))
    page.fill("[name=name]", "CRM")
    page.select_option("[name=user]", str(boss.pk))
    page.locator("[name=read]").check(force=True)
    page.click("text=Create token")
    expect(page).to_have_title("Your new API key | Daybreak")
    page.click("button:has-text('Copy')")
    expect(page.locator("button:has-text('Copied')")).to_be_visible()
    key = page.evaluate(COPIED)
    assert page.locator("pre").inner_text() == (
        f'curl --header "Authorization: Bearer {key}" {live_house}/api/distribution/status'
    )
    assert ApiToken.objects.get().prefix == key[:12]
    page.set_viewport_size(PHONE)
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")

    eyes.visit(reverse("admin:distribution_eventsubscription_add"))
    page.fill("[name=name]", "CRM")
    page.fill("[name=url]", "https://8.8.8.8/hook")
    page.click("[name=_save]")
    expect(page).to_have_title("Your new signing secret | Daybreak")
    page.click("button:has-text('Copy')")
    expect(page.locator("button:has-text('Copied')")).to_be_visible()
    assert page.evaluate(COPIED) == EventSubscription.objects.get().secret
    page.click("text=Done")
    assert "whsec_" not in page.content()
    eyes.visit(reverse("api:problem", args=["role_missing"]))
    expect(page.locator("h1")).to_have_text("The owner's role does not allow this")
