"""Every list and page of the admin: one name each, no stock phrases, no machine's times."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.staff import empty_lists, names
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Attempt
from tests import builders
from tests.admin.routes import MAKERS, PAGES
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db
MODELS = sorted(PAGES)
STOCK = re.compile(
    r"This page yielded|Select \w[\w -]* to (?:view|change)|Change history\b|"
    r"Nothing waits|Must be mended|The house|Authentication and Authorization|Opted-out strangers"
)
MACHINE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d(?::\d\d)? ?(?:UTC|Z)\b|\+00:00")
BLANK_PERCENT = re.compile(r"\d %")


def sidebar() -> dict[str, str]:
    """The names in the navigation by `app_model`, of lists only."""
    from config.settings import admin_theme

    sections = json.loads(
        admin_theme.Path(admin_theme.__file__).with_name("navigation.json").read_text("utf-8")
    )
    pages = [page for section in sections for page in section["pages"]]
    return {
        page["model"].replace(".", "_"): page["title"]
        for page in pages
        if page.get("model") and not page.get("route")
    }


def visible(html: str) -> str:
    """What a person reads: no scripts, styles, attributes or kept forms."""
    html = re.sub(r"(?s)<(script|style|textarea|option|pre)\b.*?</\1>", " ", html)
    return " ".join(unescape(re.sub(r"(?s)<[^>]*>", " ", html)).split())


def read(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


def check(html: str, url: str) -> None:
    words = visible(html)
    for pattern in (STOCK, MACHINE_TIME, BLANK_PERCENT):
        found = pattern.search(words)
        assert found is None, (url, found and words[max(0, found.start() - 60) : found.end() + 30])
    assert len(re.findall(r"<main\b", html)) == 1, url
    assert len(re.findall(r"<h1\b", html)) == 1, url
    title = re.search(r"(?s)<title>(.*?)</title>", html)
    assert title is not None
    assert re.fullmatch(r"\S.* \| Daybreak", " ".join(title[1].split())), url


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_list_and_a_full_one_and_a_row_speak_plainly(model):
    client = a_client("Administrator")
    url = reverse(f"admin:{model}_changelist")
    apps_model = apps.get_model(*model.split("_", 1))
    if not apps_model._default_manager.exists():
        empty = read(client, url)
        check(empty, url)
        assert empty_lists.words(apps_model._meta.label_lower) in unescape(empty)
    row = MAKERS[model]()
    check(read(client, url), url)
    change = reverse(f"admin:{model}_change", args=[row.pk])
    check(read(client, change), change)


@pytest.mark.parametrize("model", MODELS)
def test_a_page_has_one_name_in_sidebar_title_heading_and_search(model):
    name = sidebar()[model]
    options = apps.get_model(*model.split("_", 1))._meta
    plural = str(options.verbose_name_plural)
    assert plural[:1].upper() + plural[1:] == name
    client = a_client("Administrator")
    html = read(client, reverse(f"admin:{model}_changelist"))
    heading = re.search(r"(?s)<h1[^>]*>(.*?)(?:<span|</h1>)", html)
    assert heading is not None
    assert visible(heading[1]) == name
    assert f'<span aria-current="page">{name}</span>' in html
    found = client.get(reverse("admin:search"), {"s": name, "extended": 1}).content.decode()
    assert f'data-title="{name}"' in found


def test_the_search_finds_pages_that_are_no_lists_and_nothing_that_is_refused():
    viewer = a_client("Viewer")
    for words, name in (("calen", "Calendar"), ("live", "Live dashboard"), ("today", "Today")):
        found = viewer.get(reverse("admin:search"), {"s": words, "extended": 1})
        assert f'data-title="{name}"' in found.content.decode()
    found = viewer.get(reverse("admin:search"), {"s": "staf", "extended": 1})
    assert 'data-title="Staff"' not in found.content.decode()


def test_of_pages_below_each_other_only_the_open_one_is_lit():
    html = read(a_client("Editor"), reverse("admin:distribution_content_calendar"))
    lit = re.findall(r'<a href="([^"]+)" class="flex h-\[38px\][^"]* active"', html)
    assert lit == [reverse("admin:distribution_content_calendar")]


def test_permissions_that_were_stored_under_a_former_name_get_the_present_one():
    permission = Permission.objects.get(codename="view_suppression")
    Permission.objects.filter(pk=permission.pk).update(name="Can view suppression")
    names.rename_permissions()
    permission.refresh_from_db()
    assert str(permission) == "Subscribers | suppressed phone | Can view suppressed phone"


def test_an_alert_leads_to_what_it_is_about_and_says_what_to_do():
    morning = builders.an_open_distribution(1)
    incidents.raise_alert(
        AlertRule.DISTRIBUTION_PAUSED, morning.pk, message="Paused.", now=timezone.now()
    )
    alert = Alert.objects.get()
    html = read(a_client("Viewer"), reverse("admin:distribution_alert_change", args=[alert.pk]))
    page = reverse("admin:distribution_distribution_change", args=[morning.pk])
    assert f'<a href="{page}">{morning}</a>' in html
    assert AlertRule.DISTRIBUTION_PAUSED.remedy in unescape(html)
    listed = read(a_client("Viewer"), reverse("admin:distribution_alert_changelist"))
    assert "(just now)" in listed


def test_attempts_are_told_in_words():
    row: Any = MAKERS["distribution_attempt"]()
    html = visible(
        read(a_client("Viewer"), reverse("admin:distribution_attempt_change", args=[row.pk]))
    )
    assert Attempt.objects.get(pk=row.pk).get_outcome_display() in html
    assert not re.search(r"\b(?:REJECTED|REPORTED|NOT_SENT|undeliverable)\b", html)


@pytest.mark.parametrize("path", ["/nothing/", "/admin/nothing/", "/admin/auth/user/"])
def test_pages_of_errors_have_a_name_and_a_way_back(path):
    html = a_client("Viewer").get(path).content.decode()
    assert "| Daybreak</title>" in html
    assert '<a class="way-back" href="/admin/">' in html
    assert "<main>" in html


def test_the_page_of_a_failure_needs_no_database(django_assert_num_queries, rf):
    from config.web import error_pages

    with django_assert_num_queries(0):
        answer = error_pages.server_error(rf.get("/admin/"))
    assert answer.status_code == 500
    assert b"way-back" in answer.content


def test_the_deliveries_say_of_which_distribution_they_are():
    morning = builders.an_open_distribution(1)
    html = read(a_client("Viewer"), reverse("admin:distribution_delivery_changelist"))
    assert f"Distribution: <strong>{morning}</strong>" in html
