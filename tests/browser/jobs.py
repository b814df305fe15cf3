"""Clicks and seconds of the frequent jobs, for the table in docs/operations.md.

    manage.py demo --subscribers 2000 --serve          # prints address and password
    python -m tests.browser.jobs http://127.0.0.1:8000 PASSWORD

Each job begins on Today, signed in; typing takes no time here. Jobs change the demo: each can be
run a few times only.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Locator, Page, ViewportSize, sync_playwright

INDIA = ZoneInfo("Asia/Kolkata")
DESK: ViewportSize = {"width": 1440, "height": 900}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Hand:
    """Somebody who works on a page: clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def click(self, target: Locator) -> None:
        self.clicks += 1
        target.click()
        self.page.wait_for_load_state("load")

    def link(self, words: str | re.Pattern[str]) -> None:
        self.click(self.page.get_by_role("link", name=words).first)

    def button(self, words: str | re.Pattern[str]) -> None:
        self.click(self.page.get_by_role("button", name=words).first)

    def reason(self) -> None:
        self.page.get_by_label("Reason").first.fill("Measured")


def write(hand: Hand) -> None:
    hand.link(re.compile("^Write content for"))
    page = hand.page
    page.get_by_label("Title").fill("Measured")
    for box in page.locator("#slots textarea").all():
        box.fill("Nifty opens flat.")
    hand.button("Submit for review")


def approve(hand: Hand) -> None:
    hand.link(re.compile("^Review “"))
    hand.button("Approve")


def find(hand: Hand) -> None:
    hand.link("Subscribers")
    search = hand.page.locator("input[name=q]").first
    search.fill(f"{random.randrange(10, 400):04}")
    search.press("Enter")
    hand.page.wait_for_load_state("load")
    hand.click(hand.page.locator("#result_list tbody a").first)


def unsubscribe(hand: Hand) -> None:
    find(hand)
    hand.link("Unsubscribe")
    hand.reason()
    hand.button("Unsubscribe")


def schedule(hand: Hand) -> None:
    hand.link("One-time distributions")
    hand.click(hand.page.locator("a[href$='/onetime/add/']").first)
    page, at = hand.page, datetime.now(INDIA) + timedelta(days=6)
    page.locator("[name=at_0]").fill(f"{at:%Y-%m-%d}")
    page.locator("[name=at_1]").fill("10:00")
    page.locator("[name=content]").select_option(index=1)
    hand.click(page.locator("form button[type=submit]:visible").last)


def confirm(hand: Hand) -> None:
    hand.link("Check and confirm")
    hand.button("Confirm")


def holiday(hand: Hand) -> None:
    hand.link("Blackout dates")
    hand.link(re.compile("^Add [A-Z]"))
    hand.click(hand.page.locator("[name=_save]").first)


def export(hand: Hand) -> None:
    hand.link("Deliveries")
    hand.click(hand.page.get_by_role("link", name=re.compile(r"\(CSV\)")).first)
    hand.reason()
    with hand.page.expect_download():
        hand.clicks += 1
        hand.page.get_by_role("button", name="Export").click()


def note(hand: Hand) -> None:
    find(hand)
    hand.page.get_by_label("Add a note").fill("Measured")
    hand.button("Add note")


# The job, whose it is, how it is done, and what the page says in the end.
JOBS: list[tuple[str, str, Callable[[Hand], None], str]] = [
    ("is tomorrow ready", "operator", lambda hand: hand.page.goto("/admin/") and None, "Next:"),
    ("write and submit content", "editor", write, "submitted for review"),
    ("approve", "approver", approve, "approved."),
    ("did this client get it", "operator", find, "Messages to this person"),
    ("unsubscribe a person", "operator", unsubscribe, "Person unsubscribed."),
    ("note something about a person", "operator", note, "Note added."),
    ("schedule a one-time distribution", "operator", schedule, "Scheduled."),
    ("confirm one", "approver", confirm, "Distribution confirmed."),
    ("add a holiday", "operator", holiday, "was added"),
    ("export a day's deliveries", "operator", export, "Export"),
]


def signed_in(browser: Browser, home: str, name: str, password: str) -> Page:
    page = browser.new_context(viewport=DESK, base_url=home).new_page()
    page.set_default_timeout(30_000)
    page.goto("/admin/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.click("[type=submit]")
    page.wait_for_load_state("load")
    return page


def main(home: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for job, name, act, said in JOBS:
            page = signed_in(browser, home, name, password)
            hand, began = Hand(page), time.monotonic()
            act(hand)
            page.get_by_text(said).first.wait_for()
            took = time.monotonic() - began
            sys.stdout.write(f"| {job} | {name} | {hand.clicks} | {took:.1f} |\n")
            sys.stdout.flush()
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
