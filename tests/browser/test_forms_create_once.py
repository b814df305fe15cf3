"""Each creating form in a real browser: clicked twice, gone back to and sent again (case P10)."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import Locator, Page

from tests.admin.creating_forms import FORMS, add, created, rows


def fill_in(page: Page, values: dict[str, Any]) -> None:
    """Type what a person types; fields that the page has filled in itself stay."""
    for name, value in values.items():
        field = page.locator(f"form [name='{name}']:not([type=hidden])").first
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
            content = {"name": value.name, "mimeType": "text/csv", "buffer": value.read()}
            field.set_input_files(content)  # type: ignore[arg-type]
        elif not field.count():
            continue
        elif isinstance(value, list):
            field.select_option([str(one) for one in value])
        elif field.get_attribute("type") == "checkbox":
            field.set_checked(True)
        elif field.input_value() == str(value):
            continue
        elif field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(str(value))
        else:
            field.fill(str(value))


def the_button(page: Page, field: str) -> Locator:
    """The one that sends the form: Django's own offers others beside it."""
    own = page.locator("[name='_save']:visible").first
    form = page.locator("form", has=page.locator(f"[name='{field}']")).first
    return own if own.count() else form.locator("button[type=submit]").first


@pytest.mark.parametrize("route", sorted(FORMS))
def test_two_clicks_and_going_back_create_one_row(route, eyes, page, sign_in):
    user = sign_in("Administrator")
    type(user).objects.filter(pk=user.pk).update(username="boss", is_superuser=True)
    _, field, typed = FORMS[route]
    values = typed()
    eyes.visit(add(route))
    before = rows(route)
    fill_in(page, values)

    # The second click may abort the navigation of the first one: wait for another document.
    page.evaluate("window.isForm = true")
    the_button(page, field).dblclick(no_wait_after=True)
    page.wait_for_function("!window.isForm")
    page.wait_for_load_state("networkidle")
    assert created(route, before) == 1

    page.go_back(wait_until="networkidle")
    fill_in(page, values)
    with page.expect_navigation(wait_until="networkidle"):
        the_button(page, field).click()
    assert created(route, before) == 1
