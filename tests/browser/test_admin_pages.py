"""Every page of the admin in a real browser: no error, no refusal."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.admin.routes import MAKERS, OTHERS, PAGES
from tests.browser.conftest import PHONE

# Words, pieces of other pages, files.
NO_PAGES = (
    "health/live",
    "admin:jsi18n",
    "admin:search",
    "signed_in",
    "dashboard:board",
    "admin:distribution_delivery_export",
    "admin:subscribers_importjob_sample",
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


def test_the_day_s_board_and_the_page_of_each_row_fit_a_phone(eyes, page, sign_in):
    sign_in("Administrator")
    page.set_viewport_size(PHONE)
    paths = [reverse("admin:index"), reverse("dashboard:page")]
    paths += [reverse(f"admin:{model}_change", args=[MAKERS[model]().pk]) for model in MAKERS]
    wide = []
    for path in paths:
        eyes.visit(path)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(path)
    assert wide == []
