"""From an empty database to a delivered test message, through the *Set up* page alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from config.demo.environment import ACCOUNT
from config.demo.journal_verdict import SandboxClient
from config.processes.launcher import Launcher
from config.processes.programs import SandboxOptions as StandIn
from tests.browser.conftest import PASSWORD, a_browser
from tests.browser.house import CALM

pytestmark = pytest.mark.slow
ENVIRONMENT = {
    "DATABASE_URL": "",
    "REDIS_URL": "",
    "HTTPS": "false",
    "TWO_FACTOR": "off",
    "ALLOWED_HOSTS": "127.0.0.1,localhost",
    "WHATSAPP_BUSINESS_ID": ACCOUNT,
    "TEST_RECIPIENTS": "+919812345678",
    "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
}
NUMBERS = ("106540352240001:+91 90000 00001:80:GREEN", "106540352240002:+91 90000 00002:80:GREEN")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Launcher]:
    """All processes on an empty database; Meta has the account, but no webhook address."""
    options = ["--profile", "fast", "--waba-id", ACCOUNT, "--settings", json.dumps(CALM)]
    options += [f"--number={number}" for number in NUMBERS]
    stand_in = StandIn(
        numbers=(), templates=("daily_update:en:2:UTILITY",), options=[*options, "--webhook-url="]
    )
    with Launcher(tmp_path / "var", ENVIRONMENT, sandbox=stand_in, fresh=True) as house:
        house.manage("createsuperuser", "--noinput", "--username=boss", "--email=b@example.org")
        yield house


def check_of(page: Page, key: str) -> str:
    return page.locator(f"#check-{key}").inner_text()


def test_an_empty_database_becomes_an_account_that_sends(
    empty: Launcher, chromium: Browser
) -> None:
    with a_browser(chromium, empty.web_url) as eyes:
        page = eyes.page
        page.goto("/admin/")
        page.get_by_label("Username").fill("boss")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Open Set up").click()
        expect(page).to_have_title(re.compile("Set up"))
        assert "Account 102290129340398 of Daybreak can send." in check_of(page, "account")
        assert "does not expire" in check_of(page, "token")
        assert "no webhook address" in check_of(page, "webhook")
        assert "The pool is empty. Meta lists 2." in check_of(page, "numbers")

        page.get_by_role("link", name="Connect webhook").click()
        expect(page.get_by_text(f"{empty.web_url}/webhooks/whatsapp")).to_be_visible()
        expect(page.get_by_text(empty.env["WHATSAPP_VERIFY_TOKEN"])).to_be_visible()
        page.get_by_role("button", name="Connect webhook").click()
        expect(page.get_by_text("Webhook connected.")).to_be_visible()
        assert "Needs action" not in check_of(page, "webhook")

        page.get_by_role("button", name="Add phone numbers").click()
        expect(page.get_by_text("Added 2 phone numbers.")).to_be_visible()
        assert "2 of 2 phone numbers can send." in check_of(page, "numbers")
        assert "daily_update (en, utility)" in check_of(page, "templates")

        page.get_by_role("button", name="Send test message").click()
        expect(page.get_by_text("Test message delivered to +91******5678.")).to_be_visible()
        assert "Delivered: daily_update" in check_of(page, "test_message")

        page.get_by_role("link", name="System status").click()
        expect(page.get_by_text("2 of 2 phone numbers can send.").first).to_be_visible()
        page.goto("/admin/")
        expect(page.get_by_text("First content")).to_be_visible()

    journal = SandboxClient(empty.sandbox_url).journal()
    assert [accepted.to for accepted in journal] == ["919812345678"]
