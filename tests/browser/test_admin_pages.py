"""Every page of the admin in a real browser: no error, no refusal, no barrier, no mouse."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from tests import builders
from tests.admin.routes import MAKERS, OTHERS, PAGES
from tests.browser.conftest import PASSWORD, PHONE

MAIN = ("distribution_content", "distribution_distribution", "distribution_alert")

# Words, pieces of other pages, files.
NO_PAGES = (
    *("health/live", "admin:jsi18n", "admin:search"),
    *("dashboard:board", "admin:distribution_delivery_export"),
)


@pytest.mark.parametrize("model", sorted(PAGES))
def test_pages_of_a_model_open_without_a_complaint(model, eyes, sign_in):
    sign_in("Administrator")
    row = MAKERS[model]()
    eyes.visit(reverse(f"admin:{model}_changelist"))
    eyes.visit(reverse(f"admin:{model}_change", args=[row.pk]))
    eyes.visit(reverse(f"admin:{model}_history", args=[row.pk]))
    if "A" in PAGES[model][1]:
        eyes.visit(reverse(f"admin:{model}_add"))


def test_other_pages_open_without_a_complaint(eyes, sign_in):
    user = sign_in("Administrator")
    for name in sorted(name for name, who in OTHERS.items() if who and name not in NO_PAGES):
        args = [user.pk] if name == "admin:auth_user_password_change" else []
        eyes.visit(reverse(name, args=args))


def test_the_day_s_board_fits_a_phone(eyes, page, sign_in):
    sign_in("Viewer")
    MAKERS["distribution_alert"]()
    page.set_viewport_size(PHONE)
    eyes.visit(reverse("admin:index"))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_signing_in_and_going_to_a_page_needs_no_mouse(eyes, page, live_house):
    user = User.objects.create_user("keys", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    eyes.visit(reverse("admin:login"))
    if page.evaluate("document.activeElement.id") != "id_username":
        page.keyboard.press("Tab")
    page.keyboard.type("keys")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")

    wanted = reverse("admin:distribution_alert_changelist")
    here = "document.activeElement.getAttribute('href')"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(here) == wanted:
            break
    else:
        pytest.fail("Alerts cannot be reached by the Tab key.")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{wanted}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_main_pages_have_no_serious_barrier(theme, eyes, page, sign_in):
    sign_in("Administrator")
    page.emulate_media(color_scheme=theme)
    builders.an_approved_content()
    MAKERS["distribution_alert"]()
    found = {}
    for path in ["admin:index", *(f"admin:{model}_changelist" for model in MAIN)]:
        eyes.visit(reverse(path))
        found[path] = eyes.barriers()
    assert found == {path: [] for path in found}


def test_signing_in_has_no_serious_barrier(eyes):
    eyes.visit(reverse("admin:login"))
    assert eyes.barriers() == []
