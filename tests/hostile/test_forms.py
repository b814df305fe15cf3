"""No form of a page breaks it: every field of every form, and every action of every list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import cycle, islice
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import helpers
from django.db import transaction
from django.urls import reverse

from tests.admin.routes import MAKERS, PAGES
from tests.hostile.asking import Asking
from tests.hostile.values import VALUES, each, share

pytestmark = [pytest.mark.django_db, pytest.mark.each_database]
VALUES_EACH = 3  # of each field: the forms of the admin take all of them together
CHOSEN = helpers.ACTION_CHECKBOX_NAME


class Fields(HTMLParser):
    """The fields of the forms of a page that are sent by POST, with what stands in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._posting = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self._posting = (told.get("method") or "").lower() == "post"
        name = told.get("name")
        if self._posting and name and tag in ("input", "select", "textarea"):
            self.fields.setdefault(name, told.get("value") or "")


def forms_of(model: str) -> Iterator[str]:
    """The pages of a model that hold forms."""
    row = MAKERS[model]()
    yield reverse(f"admin:{model}_add")
    for page in ("change", "delete"):
        yield reverse(f"admin:{model}_{page}", args=[row.pk])
    for name, arguments in _buttons(model):
        if "template_pk" in arguments:
            yield reverse(f"admin:{name}", args=[row.pk, row.templates.earliest("pk").pk])
        else:
            yield reverse(f"admin:{name}", args=[row.pk])


def _buttons(model: str) -> list[tuple[str, list[str]]]:
    """The pages behind the buttons of one row, with the names of their arguments."""
    found = {str(one.name): list(one.pattern.converters) for one in _admin_patterns()}
    endings = rf"{model}_(.*_)?(person|rest|promote|demote|able|use|automatic)"
    return sorted((name, names) for name, names in found.items() if re.fullmatch(endings, name))


def admin_names() -> list[str]:
    return [str(one.name) for one in _admin_patterns()]


def _admin_patterns() -> Iterator[Any]:
    yield from _all_patterns(admin.site.get_urls())


def _all_patterns(patterns: Any) -> Iterator[Any]:
    for one in patterns:
        if hasattr(one, "url_patterns"):
            yield from _all_patterns(one.url_patterns)
        else:
            yield one


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", sorted(PAGES))
def test_no_field_of_a_form_breaks_it(model: str) -> None:
    asking, values = Asking(), cycle(VALUES)
    for url in forms_of(model):
        with transaction.atomic():
            page = asking.client.get(url)
            transaction.set_rollback(True)
        if page.status_code != 200:
            continue
        fields = Fields(page.content.decode()).fields
        fields.pop("csrfmiddlewaretoken", None)
        for name in fields:
            for value in islice(values, each(VALUES_EACH)):
                asking.ask("post", url, data={**fields, name: value})
            next(values)
    assert asking.verdict() == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", sorted(PAGES))
def test_no_choice_of_rows_breaks_an_action(model: str) -> None:
    asking, row = Asking(), MAKERS[model]()
    url = reverse(f"admin:{model}_changelist")
    page = next(
        page
        for one, page in admin.site._registry.items()
        if f"{one._meta.app_label}_{one._meta.model_name}" == model
    )
    actions = [*page.actions, "delete_selected", "bogus"] if page.actions is not None else ["bogus"]
    names = [one if isinstance(one, str) else one.__name__ for one in actions]
    for turn, name in enumerate(names):
        for value in share(VALUES, turn):
            sent = {"action": name, CHOSEN: value, "index": "0"}
            asking.ask("post", url, data=sent)
            asking.ask("post", url, data={**sent, "confirmed": "1", "reason": value})
        sent = {"action": name, CHOSEN: str(row.pk)}
        asking.ask("post", url, data={**sent, "index": "abc", "select_across": "abc"})
        asking.ask("post", url, data={**sent, "index": "9" * 30, "select_across": "1"})
    assert asking.verdict() == {}
