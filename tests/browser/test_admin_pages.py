"""Every page of the admin in a real browser: no error, no refusal, no barrier in light or dark."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.admin.routes import MAKERS, OTHERS, PAGES
from tests.browser.eyes import PHONE, Eyes

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


@pytest.mark.parametrize("model", sorted(PAGES))
def test_pages_of_a_model_open_without_a_complaint(model, eyes, sign_in):
    sign_in("Administrator")
    row = MAKERS[model]()
    paths = [
        reverse(f"admin:{model}_changelist"),
        reverse(f"admin:{model}_change", args=[row.pk]),
        reverse(f"admin:{model}_history", args=[row.pk]),
    ]
    if "A" in PAGES[model][1]:
        paths.append(reverse(f"admin:{model}_add"))
    assert barriers(eyes, paths) == {}


def test_other_pages_open_without_a_complaint(eyes, sign_in):
    user = sign_in("Administrator")
    names = sorted(name for name, who in OTHERS.items() if who and name not in NO_PAGES)
    args = {"admin:auth_user_password_change": [user.pk]}
    paths = [reverse(name, args=args.get(name, [])) for name in names]
    assert barriers(eyes, paths) == {}


def barriers(eyes: Eyes, paths: list[str]) -> dict[str, list[str]]:
    """What axe finds on each of them, those without anything left out."""
    found = {}
    for path in paths:
        eyes.visit(path)
        found[path] = eyes.barriers_light_and_dark()
    return {path: lines for path, lines in found.items() if lines}


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
