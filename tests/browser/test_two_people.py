"""Two people at one content, each in a browser of their own (cases P11 and P12)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from distribution.content import approval
from distribution.models import Content, ContentState
from tests import builders
from tests.distribution.content_staff import a_plain_template

CHANGED = "This changed since you opened it"


def enter(page: Page, home: str, name: str, role: str) -> None:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": home}])


@pytest.fixture
def pages(chromium, live_house) -> Iterator[tuple[Page, Page]]:
    """Two windows; a refusal is a 409, of which a browser's console complains, so none is read."""
    contexts = [chromium.new_context(base_url=live_house) for _ in range(2)]
    yield contexts[0].new_page(), contexts[1].new_page()
    for context in contexts:
        context.close()


def address(content: Content) -> str:
    return reverse("admin:distribution_content_change", args=[content.pk])


def test_two_editors_lose_no_text(pages, live_house):
    content = builders.a_draft(
        message_template=a_plain_template(), body_variables=["{name}", "ORIGINAL"]
    )
    for page, name in zip(pages, ("asha", "ravi"), strict=True):
        enter(page, live_house, name, "Editor")
        page.goto(address(content))
    first, second = pages
    first.locator("#id_body-1").fill("ASHA'S FIGURES")
    first.get_by_role("button", name="Save draft").click()
    expect(first.get_by_text("saved as a draft").first).to_be_visible()

    second.get_by_label("Title").fill("Ravi's title")
    second.get_by_role("button", name="Save draft").click()

    expect(second.get_by_text(CHANGED).first).to_be_visible()
    expect(second.get_by_text("ASHA'S FIGURES").first).to_be_visible()
    expect(second.get_by_label("Title")).to_have_value("Ravi's title")
    content.refresh_from_db()
    assert content.body_variables[1] == "ASHA'S FIGURES"
    assert content.title != "Ravi's title"


def test_two_approvers_decide_once_and_on_what_they_saw(pages, live_house):
    content = builders.a_draft()
    approval.submit(content, by=content.author, now=timezone.now())
    for page, name in zip(pages, ("asha", "ravi"), strict=True):
        enter(page, live_house, name, "Approver")
        page.goto(address(content))
    first, second = pages
    first.locator("#id_reason").fill("A wrong figure.")
    first.get_by_role("button", name="Reject").click()
    expect(first.locator(".c-state")).to_have_text("Rejected")
    content.refresh_from_db()
    now, texts = timezone.now(), ["{name}", "UNSEEN"]
    approval.edit(content, by=content.author, now=now, body_variables=texts)
    approval.submit(content, by=content.author, now=now)

    second.locator("#id_reason").fill("Read and right.")
    second.get_by_role("button", name="Approve").click()

    expect(second.get_by_text(CHANGED).first).to_be_visible()
    expect(second.get_by_text("UNSEEN").first).to_be_visible()
    content.refresh_from_db()
    assert content.state == ContentState.SUBMITTED
    second.get_by_role("button", name="Approve").click()
    expect(second.locator(".c-state")).to_have_text("Approved")
