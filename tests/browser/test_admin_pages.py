"""Pages of no model, and those of the day on a phone, in a real browser: no error, no refusal, no
barrier in light or dark. `test_pages_of_models` has the others."""

from __future__ import annotations

from django.urls import reverse

from tests.admin.routes import MAKERS, OTHERS
from tests.browser.eyes import PHONE

# Words, pieces of other pages, files.
NO_PAGES = (
    "health/live",
    "admin:jsi18n",
    "admin:search",
    "find",
    "signed_in",
    "dashboard:board",
    "admin:distribution_delivery_export",
    "admin:distribution_cost_csv",
    "admin:subscribers_importjob_sample",
)


def test_other_pages_open_without_a_complaint(eyes, sign_in):
    user = sign_in("Administrator")
    names = sorted(name for name, who in OTHERS.items() if who and name not in NO_PAGES)
    args = {"admin:auth_user_password_change": [user.pk]}
    paths = [reverse(name, args=args.get(name, [])) for name in names]
    assert eyes.barriers_on(paths) == {}


def test_the_day_s_board_and_the_page_of_each_row_fit_a_phone(eyes, page, sign_in):
    sign_in("Administrator")
    page.set_viewport_size(PHONE)
    paths = [reverse("admin:index"), reverse("dashboard:page")]
    paths += [
        reverse("setup"),
        reverse("setup_webhook"),
        reverse("system_status"),
        reverse("preflight"),
    ]
    paths += [reverse(f"admin:{model}_change", args=[MAKERS[model]().pk]) for model in MAKERS]
    wide = []
    for path in paths:
        eyes.visit(path)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(path)
    assert wide == []
