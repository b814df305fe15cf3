"""A Chromium and a house that serves real pages to it; skipped by name where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from config.staff import roles
from tests.browser.eyes import DESK, Eyes

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASSWORD = "long enough for everybody"
PATIENCE_MS = 60_000  # the machine may be busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="there is no chromium on this machine"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread; the tests' own queries are harmless in it.
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def a_browser(chromium: Browser, home: str) -> Iterator[Eyes]:
    """Somebody's own window, with nobody signed in; what went wrong in it fails at the end."""
    context = chromium.new_context(viewport=DESK, base_url=home, locale="en-IN")
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    seen = Eyes(context.new_page(), home)
    yield seen
    context.close()
    seen.assert_clean()


@pytest.fixture
def live_house(live_server) -> str:
    """The address of a web process on the tests' database, with the five roles."""
    roles.create_roles()
    return str(live_server.url)


@pytest.fixture
def eyes(chromium: Browser, live_house: str) -> Iterator[Eyes]:
    """What a page showed and what went wrong in it; asserts at the end that nothing did."""
    with a_browser(chromium, live_house) as seen:
        yield seen


@pytest.fixture
def page(eyes: Eyes) -> Page:
    return eyes.page


@pytest.fixture
def sign_in(page: Page, live_house: str) -> Callable[[str], User]:
    """Puts the browser into the place of somebody of that role, who is made for it."""

    def enter(role: str) -> User:
        user = User.objects.create_user(role.lower(), password=PASSWORD, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        page.context.clear_cookies()
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_house}])
        return user

    return enter
