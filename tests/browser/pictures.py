"""Takes the pictures of docs/images again: `python -m tests.browser.pictures`.

`--all FOLDER` takes every page there is instead, wide and narrow, light and dark, to be looked at,
and says which barriers axe finds, moderate or worse, in each of the four.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import django
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.demo.environment import STAFF_PHONES  # noqa: E402
from tests.browser.conftest import CHROMIUM, a_browser  # noqa: E402
from tests.browser.eyes import DESK, PHONE, Eyes, figure  # noqa: E402
from tests.browser.house import PASSWORD, Place, open_house  # noqa: E402

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
LARGEST = 200_000  # bytes of a picture
WITH_STAFF_PHONES = {"TEST_RECIPIENTS": ",".join(STAFF_PHONES)}  # so that set-up is complete
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
LISTS = (
    "distribution/content",
    "distribution/approval",
    "distribution/messagetemplate",
    "distribution/distribution",
    "distribution/delivery",
    "distribution/attempt",
    "distribution/alert",
    "subscribers/subscriber",
    "subscribers/importjob",
    "phonepool/phonenumber",
    "phonepool/portfolio",
    "distribution/dailytime",
    "distribution/onetime",
    "distribution/blackoutdate",
    "webhooks/webhookevent",
    "admin/logentry",
    "auth/user",
    "auth/group",
    "axes/accessattempt",
)
ONLY = {"distribution/distribution": "?kind__exact=DAILY"}  # a one-time one is still to come
OTHERS = (
    "/dashboard/",
    "/admin/",
    "/admin/login/",
    "/admin/distribution/content/add/",
    "/admin/distribution/content/calendar/",
    "/admin/distribution/content/queue/",
    "/admin/distribution/distribution/latest/do/retry/",
    "/admin/distribution/distribution/latest/do/cancel/",
    "/admin/subscribers/subscriber/import-file",
    "/admin/subscribers/importjob/add/",
    "/admin/phonepool/phonenumber/1/rest",
    "/admin/distribution/onetime/add/",
    "/admin/distribution/dailytime/add/",
    "/admin/distribution/blackoutdate/add/",
    "/admin/password_change/",
    "/admin/auth/user/add/",
    "/admin/subscribers/subscriber/add/",
    "/admin/subscribers/subscriber/1/erase_person",
)


def main() -> int:
    """Take them; 0."""
    parser = argparse.ArgumentParser(prog="pictures", description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page, to be looked at")
    folder: Path | None = parser.parse_args().all
    with (
        tempfile.TemporaryDirectory() as var,
        open_house(Path(var), "tests.browser.prepare_pictures", WITH_STAFF_PHONES) as place,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with signed_in(browser, place) as eyes:
            if folder is None:
                take_the_six(eyes.page)
            else:
                take_all(eyes, folder)
        browser.close()
    return 0


@contextmanager
def signed_in(browser: Browser, place: Place) -> Iterator[Eyes]:
    with a_browser(browser, place.url) as eyes:
        eyes.page.goto("/admin/")
        eyes.page.get_by_label("Username").fill("administrator")
        eyes.page.get_by_label("Password").fill(PASSWORD)
        eyes.page.keyboard.press("Enter")
        expect(eyes.page).to_have_title(re.compile("Today"))
        yield eyes


def latest(page: Page, model: str) -> str:
    """The address of the first in a model's list; empty without any."""
    page.goto(f"/admin/{model}/{ONLY.get(model, '')}")
    links = page.locator("#result_list tbody a")
    return str(links.first.get_attribute("href")) if links.count() else ""


def until_it_is_over(page: Page) -> None:
    page.goto("/dashboard/")
    expect(page.locator(".state")).to_have_text("Completed")


def take_the_six(page: Page) -> None:
    """What the README shows."""
    page.goto("/dashboard/")
    expect(figure(page, "Delivered")).to_have_text(re.compile(r"1,[2-9]\d\d"))
    snap(page, "board")
    snap(page, "board-phone", PHONE, "dark")
    until_it_is_over(page)
    page.emulate_media(color_scheme="light")  # the admin asks once, when a page is opened
    page.set_viewport_size(DESK)
    page.goto("/admin/")
    snap(page, "today")
    page.goto("/admin/distribution/content/?state__exact=DRAFT")
    page.locator("#result_list tbody a").first.click()
    snap(page, "content")
    page.goto(latest(page, "subscribers/importjob"))
    snap(page, "import")
    page.goto(latest(page, "distribution/distribution"))
    page.get_by_role("link", name="Retry failed").click()
    expect(page.get_by_label("Reason")).to_be_visible()
    snap(page, "retry")


def snap(page: Page, name: str, size: ViewportSize = DESK, theme: Theme = "light") -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size(size)
    page.wait_for_load_state("load")
    file = IMAGES / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    assert file.stat().st_size <= LARGEST, f"{file} is larger than {LARGEST} bytes."


def take_all(eyes: Eyes, folder: Path) -> None:
    page = eyes.page
    folder.mkdir(parents=True, exist_ok=True)
    page.goto("/dashboard/")
    expect(figure(page, "Delivered")).not_to_have_text("0")
    for name, size in (("wide", DESK), ("narrow", PHONE)):
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size(size)
            page.screenshot(path=folder / f"live.{name}.{theme}.png", full_page=True)
    until_it_is_over(page)
    for path in addresses(page):
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size(DESK)
            page.goto(path)
            page.wait_for_load_state("networkidle")
            for name, size in (("wide", DESK), ("narrow", PHONE)):
                page.set_viewport_size(size)
                for barrier in eyes.barriers():
                    sys.stdout.write(f"{path} {theme} {name}: {barrier}\n")
                file = path.strip("/").replace("/", "-") or "root"
                page.screenshot(path=folder / f"{file}.{name}.{theme}.png", full_page=True)
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                sys.stdout.write(f"{path}: wider than a phone\n")


def addresses(page: Page) -> list[str]:
    """Every list, the first one in it and its history, and the pages beside them."""
    found = []
    for model in LISTS:
        found.append(f"/admin/{model}/")
        one = latest(page, model)
        if one:
            found += [one.partition("?")[0], one.partition("?")[0].replace("change/", "history/")]
    one = latest(page, "distribution/distribution").partition("change/")[0]
    return found + [
        path.replace("/admin/distribution/distribution/latest/", one) for path in OTHERS
    ]


if __name__ == "__main__":
    sys.exit(main())
