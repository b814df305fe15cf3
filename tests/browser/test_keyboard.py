"""The acts of a day without a mouse: Tab, Enter, and what is typed."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from distribution.content import approval
from distribution.runtime import india_time
from tests import builders
from tests.browser.conftest import PASSWORD
from tests.mornings import a_morning

MOST_TABS = 80  # the navigation on the left has some thirty
FOCUSED = "document.activeElement.innerText || document.activeElement.id"


def reach(page: Page, name: str) -> None:
    """Press Tab until the link, button or field of that name (a field's id) has the focus."""
    for _ in range(MOST_TABS):
        if str(page.evaluate(FOCUSED)).splitlines()[-1:] == [name]:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{name} cannot be reached by the Tab key.")


def press(page: Page, name: str) -> None:
    reach(page, name)
    page.keyboard.press("Enter")


def test_signing_in_and_going_to_a_page(eyes, page, live_house):
    user = User.objects.create_user("keys", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    eyes.visit(reverse("admin:login"))
    reach(page, "id_username")
    page.keyboard.type("keys")
    reach(page, "id_password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_title("Today | Daybreak")

    press(page, "Alerts")
    page.wait_for_url(f"**{reverse('admin:distribution_alert_changelist')}")


def test_approving(eyes, page, sign_in):
    sign_in("Approver")
    content = builders.a_draft()
    approval.submit(content, by=content.author, now=timezone.now())

    eyes.visit(reverse("admin:distribution_content_queue"))
    press(page, "Review")
    page.wait_for_url("**/change/")
    reach(page, "id_reason")
    page.keyboard.type("Read and right.")
    press(page, "Approve")

    expect(page.locator(".c-state")).to_have_text("Approved")


def test_pausing_and_retrying(eyes, page, sign_in):
    sign_in("Operator")
    now = timezone.now()
    morning = a_morning(200, now=now, local_date=india_time.local_date(now))

    eyes.visit(reverse("admin:distribution_distribution_change", args=[morning.pk]))
    press(page, "Pause")
    expect(page.get_by_text("Distribution paused.").first).to_be_visible()
    press(page, "Retry failed")
    page.wait_for_url("**/do/**")
    reach(page, "id_reason")  # where the cursor is already, if the browser gave it the focus
    page.keyboard.type("The second line looks wrong.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Retrying").first).to_be_visible()
