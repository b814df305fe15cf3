"""One morning as three people live it, in a real browser, over a house of real processes."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import a_browser
from tests.browser.eyes import figure
from tests.browser.house import INDIA, PASSWORD, Place, open_house

PEOPLE, REFUSED_BY_META, NOT_ON_WHATSAPP = 240, 4, 1
BAD_ROWS = (",No Number,PRO", "9.19812E+11,Excel Was Here,BASIC")
# Messages a second of each number: two minutes for the pause to come in time on a busy machine.
SLOW, FAST = 1, 80
pytestmark = pytest.mark.slow


def phone(place: int) -> str:
    return f"98{place:08d}"


@dataclass
class Person:
    """Somebody at a browser of their own."""

    name: str
    page: Page
    place: Place

    def sign_in(self) -> None:
        self.page.goto("/admin/")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page).to_have_title(re.compile("Today"))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("link", name=name).first.click()

    def sees(self, words: str) -> None:
        expect(self.page.get_by_text(words).first).to_be_visible()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_house(tmp_path / "var") as house:
        yield house


@pytest.fixture
def people(chromium: Browser, place: Place) -> Iterator[tuple[Person, Person, Person]]:
    with ExitStack() as stack:
        editor, approver, operator = (
            Person(name, stack.enter_context(a_browser(chromium, place.url)).page, place)
            for name in ("editor", "approver", "operator")
        )
        yield editor, approver, operator


def test_a_day_of_an_editor_an_approver_and_an_operator(people, place):
    editor, approver, operator = people
    ill = [phone(n) for n in range(REFUSED_BY_META)]
    place.sandbox.post("/control/faults", [_refusal(ill)])
    place.sandbox.post(f"/control/recipient/91{phone(PEOPLE - 1)}", {"outcome": "invalid"})
    place.allow(SLOW)
    for person in people:
        person.sign_in()

    import_people(editor)
    content = write_content(editor)
    cannot_approve(editor, content)

    operator.page.goto("/dashboard/")
    operator.sees("No content is approved")
    approve(approver)
    watch_it_begin(operator)
    pause_and_resume(operator)
    place.allow(FAST)
    watch_it_end(operator)

    place.sandbox.delete("/control/faults")
    retry_the_failed(operator)
    read_about(operator, ill[0], r"Delivered on \d+ \w+ at \d\d:\d\d:\d\d")
    read_about(operator, phone(PEOPLE - 1), "Not delivered on .*: the number is not on WhatsApp.")

    reached = Counter(entry.to for entry in place.sandbox.journal())
    assert reached == Counter({f"91{phone(n)}": 1 for n in range(PEOPLE)})


def _refusal(phones: list[str]) -> dict[str, object]:
    """WhatsApp finds fault with these people's values, and says that it sent nothing."""
    match = {"to": [f"91{one}" for one in phones]}
    return {"match": match, "do": "error", "code": 132018, "status": 400, "for_seconds": 3600}


def import_people(editor: Person) -> None:
    rows = [f"{phone(n)},Person {n},PRO" for n in range(PEOPLE)]
    rows[2:2] = BAD_ROWS
    file = "\n".join(("Mobile Number,Name,Plan", *rows)).encode()
    page = editor.page
    editor.follow("Subscribers")
    editor.follow("Import a file")
    page.get_by_label("File (CSV, XLSX or JSON lines)").set_input_files(
        {"name": "advisers.csv", "mimeType": "text/csv", "buffer": file}
    )
    editor.press("Upload and check")
    editor.sees("Rejected rows")
    editor.follow(re.compile("Download all rejected rows"))
    page.get_by_label("Reason").fill("To correct them")
    with page.expect_download() as download:
        editor.press("Download")
    refused = list(csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [row[-2:] for row in refused[1:]] == [row.split(",")[1:] for row in BAD_ROWS]
    editor.follow("Back")
    page.get_by_label("How did these people consent?").fill("sign-up form of June")
    editor.press("Import")
    editor.sees("Imported by editor")
    expect(page.locator(".db-card", has_text="New")).to_contain_text(str(PEOPLE))


def write_content(editor: Person) -> str:
    """Today's message, submitted; the address of its page."""
    page = editor.page
    page.goto("/admin/distribution/content/add/")
    page.get_by_label("Title").fill("Markets this morning")
    page.get_by_label("Send date").fill(f"{datetime.now(INDIA):%Y-%m-%d}")
    page.locator("#id_body-0").fill("{name}")
    page.locator("#id_body-1").fill("Nifty opens flat.")
    editor.press("Submit for review")
    editor.sees("submitted for review")
    return page.url


def cannot_approve(editor: Person, content: str) -> None:
    page = editor.page
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    answer = page.request.post(
        re.sub("change/$", "step/approve/", content),
        form={"csrfmiddlewaretoken": token, "reason": "I wrote it myself"},
        headers={"Referer": content},
    )
    assert answer.status == 403
    page.reload()
    expect(page.locator(".c-state")).to_have_text("Submitted")


def approve(approver: Person) -> None:
    approver.follow("Waiting for review")
    approver.follow(re.compile("^Review$"))
    approver.page.get_by_label("Reason").fill("Read and right; the day is today.")
    approver.press("Approve")
    approver.sees("” approved.")


def watch_it_begin(operator: Person) -> None:
    """Nobody touches the page: it comes to life by itself."""
    expect(operator.page.locator(".state")).to_have_text("Sending")
    expect(figure(operator.page, "Recipients")).to_have_text(str(PEOPLE))
    expect(figure(operator.page, "Delivered")).not_to_have_text("0")


def pause_and_resume(operator: Person) -> None:
    operator.press("Pause")
    operator.sees("Distribution paused. Calls already made to WhatsApp will finish.")
    expect(operator.page.locator(".state")).to_have_text("Paused")
    operator.page.get_by_label("Why did you pause?").fill("The second line looks wrong.")
    operator.press("Save reason")
    operator.sees("operator: The second line looks wrong.")
    act(operator, "Resume", "It is right after all.")
    operator.sees("Distribution resumed.")


def watch_it_end(operator: Person) -> None:
    operator.follow("Live dashboard")
    expect(operator.page.locator(".state")).to_have_text("Completed")
    failed = REFUSED_BY_META + NOT_ON_WHATSAPP
    expect(figure(operator.page, "Failed")).to_have_text(str(failed))
    expect(figure(operator.page, "Delivered")).to_have_text(str(PEOPLE - failed))


def retry_the_failed(operator: Person) -> None:
    act(operator, "Retry failed", "Their names are corrected.", sure=shows_the_sorts)
    operator.sees(f"Retrying {REFUSED_BY_META} failed deliver")
    operator.follow("Live dashboard")
    expect(figure(operator.page, "Failed")).to_have_text(str(NOT_ON_WHATSAPP))
    expect(figure(operator.page, "Delivered")).to_have_text(str(PEOPLE - NOT_ON_WHATSAPP))


def shows_the_sorts(operator: Person) -> None:
    sorts = {"Safe: will be sent again": REFUSED_BY_META, "Pointless: left alone": NOT_ON_WHATSAPP}
    for tile, people in {**sorts, "Unsafe: left alone": 0}.items():
        expect(figure(operator.page, tile)).to_have_text(str(people))


def act(operator: Person, name: str, reason: str, sure=lambda _: None) -> None:
    """From any page to the distribution's, and there one act with its reason."""
    operator.follow("Distributions")
    operator.page.locator("#result_list tbody").get_by_role("link").first.click()
    operator.follow(name)
    sure(operator)
    operator.page.get_by_label("Reason", exact=True).fill(reason)
    operator.page.locator(".db-form button[type=submit]").click()


def read_about(operator: Person, number: str, sentence: str) -> None:
    page = operator.page
    page.goto(f"/admin/subscribers/subscriber/?q={number}")
    page.locator("#result_list tbody").get_by_role("link").first.click()
    expect(page.get_by_text(re.compile(sentence))).to_be_visible()
