"""The forms of a page as a browser has them: what it would post, with the hidden fields."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, list[str]]]] = []
        self.area = self.choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif self.forms and tag == "input" and given.get("name") and "disabled" not in given:
            chosen = given.get("type", "").lower() not in ("checkbox", "radio")
            if given["name"] != "csrfmiddlewaretoken" and (chosen or "checked" in given):
                self.add(given["name"], given.get("value", "" if chosen else "on"))
        elif self.forms and tag == "textarea":
            self.area = given["name"]
            self.add(self.area, "")
        elif self.forms and tag == "select":
            self.choice = given.get("name", "")
        elif self.forms and tag == "option" and self.choice and "selected" in given:
            self.add(self.choice, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = ""
        elif tag == "select":
            self.choice = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            fields = self.forms[-1][1][self.area]
            fields[-1] = (fields[-1] + data).removeprefix("\n")

    def add(self, name: str, value: str) -> None:
        self.forms[-1][1].setdefault(name, []).append(value)


def form_with(response: Any, field: str, **typed: Any) -> dict[str, Any]:
    """What the first form with this field posts; `typed` is what a person wrote into it."""
    reader = _Forms()
    reader.feed(response.content.decode())
    for _, fields in reader.forms:
        if field in fields:
            return {**fields, **typed}
    raise AssertionError(f"no form of the page has the field {field}")


def form_to(response: Any, address: str, **typed: Any) -> dict[str, Any]:
    """What the first form that posts to this address posts."""
    reader = _Forms()
    reader.feed(response.content.decode())
    for action, fields in reader.forms:
        if action == address:
            return {**fields, **typed}
    raise AssertionError(f"no form of the page posts to {address}")


def marks_of(response: Any) -> dict[str, Any]:
    """The hidden fields with which a page that asks for a confirmation names what it displayed."""
    names = ("form_key", "shown_version", "shown_rows")
    context = response.context or {}  # of a refusal there is none
    return {name: context[name] for name in names if name in context}


def confirm(client: Any, url: str, *, follow: bool = False, **typed: Any) -> Any:
    """Open the page of an action and confirm what it displays."""
    return client.post(url, {**marks_of(client.get(url)), **typed}, follow=follow)


def confirm_rows(
    client: Any, url: str, chosen: dict[str, Any], *, follow: bool = False, **typed: Any
) -> Any:
    """Choose an action in a list, and confirm what its page displays."""
    marks = marks_of(client.post(url, chosen))
    return client.post(url, {**chosen, **marks, "confirmed": "yes", **typed}, follow=follow)
