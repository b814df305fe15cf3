"""A session ends while somebody writes: the text stays, a line says so, and Save works after it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from distribution.models import Content
from subscribers.models import ImportJob, ImportState
from tests.browser.conftest import PASSWORD
from tests.distribution.content_staff import a_plain_template

ADD = "/admin/distribution/content/add/"
SIGNED_OUT = "You were signed out. Sign in in another tab, then save."
TEXT = "Nifty opens flat, and nobody wants to write this twice"


@pytest.fixture
def writing(eyes, page, sign_in) -> Page:
    """Somebody in the middle of a content."""
    sign_in("Editor")
    template = a_plain_template()
    eyes.visit(ADD)
    page.get_by_label("Message template").select_option(str(template.pk))
    page.get_by_label("Title").fill("Budget day")
    page.get_by_label("Send date").fill(timezone.localdate().isoformat())
    page.locator("[name=body-0]").fill("{name}")
    page.locator("[name=body-1]").fill(TEXT)
    expect(page.locator(".c-body")).to_contain_text(TEXT)
    return page


def sign_in_in_another_tab(page: Page, live_house: str, *, link: bool = True) -> None:
    if link:
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Sign in in another tab").click()
        other = opened.value
    else:
        other = page.context.new_page()
        other.goto(f"{live_house}/admin/login/")
    other.get_by_label("Username").fill("editor")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_text("Username")).to_have_count(0)
    other.close()


def the_content() -> Content:
    content = Content.objects.get()
    assert content.body_variables == ["{name}", TEXT + "!"]
    return content


def test_the_preview_never_shows_the_sign_in_page_and_save_works_after_signing_in(
    writing, live_house, eyes
):
    page = writing
    Session.objects.all().delete()

    page.locator("[name=body-1]").press_sequentially("!")

    expect(page.get_by_role("alert")).to_contain_text(SIGNED_OUT)
    expect(page.get_by_label("Username")).to_have_count(0)
    expect(page.locator("[name=body-1]")).to_have_value(TEXT + "!")
    expect(page.locator("[name=body-1]")).to_be_focused()

    page.get_by_role("button", name="Save draft").click()  # nothing is sent: the line stays
    expect(page.get_by_role("alert")).to_contain_text(SIGNED_OUT)
    assert page.url.endswith(ADD)
    assert not Content.objects.exists()

    sign_in_in_another_tab(page, live_house)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("saved as a draft")).to_be_visible()
    the_content()
    allowed(eyes, 401)


def test_a_form_sent_with_an_ended_session_comes_back_to_be_sent_again(writing, live_house, eyes):
    page = writing
    page.locator("[name=body-1]").press_sequentially("!")
    expect(page.locator(".c-body")).to_contain_text(TEXT + "!")
    Session.objects.all().delete()

    page.get_by_role("button", name="Save draft").click()

    expect(page.get_by_role("alert")).to_contain_text(SIGNED_OUT)
    expect(page.locator("dd", has_text=TEXT + "!")).to_be_visible()
    assert eyes.barriers() == []
    sign_in_in_another_tab(page, live_house)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("saved as a draft")).to_be_visible()
    the_content()
    allowed(eyes, 401)


def test_signing_in_again_in_another_tab_does_not_matter(writing, live_house, eyes):
    """The token of the page is that of the session before: it is renewed before it is sent."""
    page = writing
    Session.objects.all().delete()
    page.context.clear_cookies(name="daybreak")
    sign_in_in_another_tab(page, live_house, link=False)

    page.locator("[name=body-1]").press_sequentially("!")
    expect(page.locator(".c-body")).to_contain_text(TEXT + "!")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("saved as a draft")).to_be_visible()
    the_content()
    allowed(eyes, 401)  # the change of a field may be asked about before


def test_without_scripts_an_older_token_costs_one_more_click(writing, live_house, eyes):
    page = writing
    page.locator("[name=body-1]").press_sequentially("!")
    expect(page.locator(".c-body")).to_contain_text(TEXT + "!")
    # Sent by a script's `submit`, of which no listener hears, as without scripts.
    page.evaluate(
        "() => { const form = document.getElementById('content_form');"
        " form.elements.csrfmiddlewaretoken.value = 'x'.repeat(64); form.submit(); }"
    )

    expect(page.get_by_role("alert")).to_contain_text("Save again.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("saved as a draft")).to_be_visible()
    the_content()
    allowed(eyes, 403)


def test_the_page_of_an_import_says_that_it_is_signed_out(eyes, page, sign_in):
    sign_in("Editor")
    job = ImportJob.objects.create(
        filename="list.csv",
        state=ImportState.IMPORTING,
        by="editor",
        consent_source="form",
        created_at=timezone.now(),
        lease_until=timezone.now() + timedelta(hours=1),
    )
    page.goto(reverse("admin:subscribers_importjob_change", args=[job.pk]))
    expect(page.get_by_role("status")).not_to_be_empty()
    Session.objects.all().delete()
    expect(page.get_by_role("status")).to_contain_text("You were signed out")


def test_nobody_lands_on_a_refusal_after_signing_in(eyes, page, live_house, sign_in):
    sign_in("Editor")
    page.context.clear_cookies()
    page.goto("/admin/login/?next=/admin/distribution/content/preview/")
    page.get_by_label("Username").fill("editor")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/admin/distribution/content/$"))


def allowed(eyes, status: int) -> None:
    """The browser itself writes down each refusal, and so does htmx."""
    words = (f"status of {status}", f"Status Error Code {status}")
    eyes.complaints = [one for one in eyes.complaints if not any(word in one for word in words)]
