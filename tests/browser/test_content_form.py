"""The content form in the browser: a slow answer takes nothing away that was typed meanwhile."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.distribution.content_staff import a_plain_template, a_rich_template

ADD = "/admin/distribution/content/add/"
FIELDS = "**/admin/distribution/content/fields/"
TEXT = "Typed before the fields of the template arrived"


def held(page: Page) -> list[Route]:
    """The requests for the fields of a template, kept back until each is continued."""
    routes: list[Route] = []
    page.route(FIELDS, lambda route: routes.append(route))
    return routes


def release(page: Page, routes: list[Route]) -> None:
    page.wait_for_function("() => document.querySelector('#slots.htmx-request')")
    with page.expect_response(FIELDS):
        routes.pop().continue_()
    page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-settling')")


def test_what_was_typed_before_the_fields_arrived_stays(eyes, page, sign_in):
    sign_in("Editor")
    a_plain_template(name="before")
    chosen = a_plain_template(name="chosen")
    eyes.visit(ADD)
    routes = held(page)
    page.get_by_label("Message template").select_option(str(chosen.pk))
    page.locator("[name=body-0]").fill("{name}")
    page.locator("[name=body-1]").fill(TEXT)

    release(page, routes)

    expect(page.locator("[name=body-0]")).to_have_value("{name}")
    expect(page.locator("[name=body-1]")).to_have_value(TEXT)
    expect(page.locator("[name=fields_of]")).to_have_value(str(chosen.pk))
    expect(page.locator(".c-body")).to_contain_text(TEXT)


def test_a_file_chosen_before_the_fields_arrived_stays(eyes, page, sign_in, tmp_path: Path):
    sign_in("Editor")
    a_rich_template(name="before")
    chosen = a_rich_template(name="chosen")
    picture = tmp_path / "chart.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    eyes.visit(ADD)
    routes = held(page)
    page.get_by_label("Message template").select_option(str(chosen.pk))
    page.locator("[name=media_file]").set_input_files(picture)

    release(page, routes)

    names = page.locator("[name=media_file]").evaluate("field => [...field.files].map(f => f.name)")
    assert names == ["chart.png"]
