"""What a browser complains of while pages are shown: errors, refusals, words to strangers."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, ViewportSize

DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
TELLING = ("moderate", "serious", "critical")  # what axe calls minor is left to taste


def figure(page: Page, tile: str) -> Locator:
    """The large figure under a heading of a board."""
    heading = page.get_by_role("heading", name=tile, exact=True)
    return page.locator(".tile", has=heading).locator(".figure")


class Eyes:
    """Watches one page from its first request to its last."""

    def __init__(self, page: Page, home: str) -> None:
        self.page, self._home = page, home
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on("request", self._request)

    def visit(self, path: str, *, status: int = 200) -> None:
        """Open a page and wait until it has loaded everything; it must answer with `status`."""
        answer = self.page.goto(path)
        assert answer is not None
        self.page.wait_for_load_state("networkidle")
        assert answer.status == status, path

    def assert_clean(self) -> None:
        """No script failed, nothing was refused by the policy, nobody else was asked."""
        assert self.complaints == []

    def barriers(self) -> list[str]:
        """What axe finds moderate or worse on the page as it stands, one line a rule."""
        found: dict[str, Any] = Axe().run(self.page).response
        return [
            f"{one['id']}: {one['help']} {[node['html'][:160] for node in one['nodes'][:3]]}"
            for one in found["violations"]
            if one["impact"] in TELLING
        ]

    def barriers_light_and_dark(self, dark_on: ViewportSize = PHONE) -> list[str]:
        """The same of a desk's light page and, without loading it again, of the dark one, by
        default a phone's."""
        found = self.barriers()
        size = self.page.viewport_size
        self.page.emulate_media(color_scheme="dark")
        self.page.set_viewport_size(dark_on)
        self.page.evaluate("document.documentElement.classList.add('dark')")
        found += [f"dark, {dark_on['width']} px wide: {one}" for one in self.barriers()]
        self.page.emulate_media(color_scheme="light")
        if size is not None:
            self.page.set_viewport_size(size)
        return found

    def barriers_on(self, paths: list[str]) -> dict[str, list[str]]:
        """What axe finds on each page, light and dark; pages without anything are left out."""
        found = {}
        for path in paths:
            self.visit(path)
            found[path] = self.barriers_light_and_dark()
        return {path: lines for path, lines in found.items() if lines}

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self._note(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._home, "data:", "blob:")):
            self._note(f"asked somebody else: {request.url}")

    def _note(self, complaint: str) -> None:
        self.complaints.append(f"{self.page.url}: {complaint}")
