"""No typed text is lost: Submit saves it, and leaving a page with changes asks."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Dialog, Page, expect

from distribution.models import Content, Distribution
from tests.distribution.content_staff import a_plain_template
from tests.mornings import a_morning

ADD = "/admin/distribution/content/add/"


class Asked:
    """Answers "Leave the page?" with no, and counts how often it was asked."""

    def __init__(self, page: Page) -> None:
        self.times = 0
        page.on("dialog", self._stay)

    def _stay(self, dialog: Dialog) -> None:
        assert dialog.type == "beforeunload"
        self.times += 1
        dialog.dismiss()


def test_submit_keeps_what_is_typed_and_leaving_asks(eyes, page, sign_in):
    sign_in("Editor")
    a_plain_template()
    asked = Asked(page)
    eyes.visit(ADD)
    page.get_by_role("link", name="Calendar").first.click()  # nothing typed: nothing is asked
    page.wait_for_url("**/calendar/")

    eyes.visit(ADD)
    page.get_by_label("Title").fill("Budget day")
    page.get_by_label("Send date").fill((timezone.localdate() + timedelta(days=2)).isoformat())
    page.locator("#id_body-0").click()
    page.get_by_role("group", name="Insert into Variable 1").get_by_text("{name}").click()
    expect(page.locator("#id_body-0")).to_have_value("{name}")
    page.locator("#id_body-1").fill("OLD TEXT")
    page.get_by_role("link", name="Calendar").first.click(no_wait_after=True)
    page.wait_for_function("() => true")
    assert asked.times == 1
    assert page.url.endswith(ADD)

    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("saved as a draft").first).to_be_visible()
    page.locator("#id_body-1").fill("NEW TEXT")
    page.get_by_role("button", name="Submit for review").click()

    expect(page.get_by_text("submitted for review").first).to_be_visible()
    expect(page.locator(".c-state")).to_have_text("Submitted")
    assert Content.objects.get().body_variables == ["{name}", "NEW TEXT"]
    assert asked.times == 1  # neither Save nor Submit asks

    page.get_by_label("Comment").fill("Half a sent")
    page.get_by_role("button", name="Withdraw").click(no_wait_after=True)  # another form's text
    page.wait_for_function("() => true")
    assert asked.times == 2
    page.get_by_label("Comment").fill("")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator(".c-state")).to_have_text("Draft")


def test_a_row_s_form_asks_too_also_after_an_error(eyes, page, sign_in):
    sign_in("Administrator")
    asked = Asked(page)
    eyes.visit(reverse("admin:distribution_blackoutdate_add"))
    page.get_by_label("Reason").fill("Diwali")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Reason")).to_have_value("Diwali")  # refused: the day is missing
    page.get_by_label("Reason").click()
    page.get_by_role("link", name="Calendar").first.click(no_wait_after=True)
    page.wait_for_function("() => true")
    assert asked.times == 1


def test_one_click_on_the_dashboard_pauses(eyes, page, sign_in):
    sign_in("Operator")
    now = timezone.now()
    morning = a_morning(20, now=now, local_date=timezone.localdate(now))
    eyes.visit(reverse("dashboard:page"))

    page.get_by_role("button", name="Pause").click()

    expect(page.locator(".state")).to_have_text("Paused")
    assert Distribution.objects.get(pk=morning.pk).state == "PAUSED"
    page.get_by_label("Why did you pause?").fill("Wrong picture")
    page.get_by_role("button", name="Save reason").click()
    expect(page.get_by_text("operator: Wrong picture").first).to_be_visible()
    assert eyes.barriers() == []
    page.get_by_role("link", name="Resume").click()
    page.get_by_label("Reason").fill("It is right")
    page.get_by_role("button", name="Resume").click()
    page.wait_for_url("**/dashboard/")
    expect(page.locator(".state")).to_have_text("Sending")
