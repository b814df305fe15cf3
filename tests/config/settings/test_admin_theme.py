"""The navigation: every page of the admin has a line, and nobody sees a line they may not open."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from config.settings.admin_theme import NAVIGATION
from tests.admin.routes import PAGES

pytestmark = pytest.mark.django_db
LINE = re.compile(r'<a href="(/admin/[^"]*)" class="flex h-\[38px\][^"]*?( active)?"')


def lines(role: str, at: str) -> dict[str, bool]:
    """Address → whether it is marked as the page that is open."""
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    page = client.get(reverse(at)).content.decode()
    return {address: bool(active) for address, active in LINE.findall(page)}


def test_every_list_of_the_admin_has_a_line_and_the_open_one_is_marked():
    found = lines("Administrator", "admin:distribution_alert_changelist")
    lists = {reverse(f"admin:{model}_changelist") for model in PAGES}
    more = {
        "/admin/",
        "/admin/preflight/",
        "/admin/setup/",
        "/admin/system-status/",
        "/admin/distribution/rate/costs/",
        *(f"/admin/distribution/content/{page}/" for page in ("calendar", "queue")),
    }
    assert set(found) == lists | more
    assert [address for address, active in found.items() if active] == [
        "/admin/distribution/alert/"
    ]


def test_a_viewer_sees_no_line_of_a_page_that_is_refused():
    found = lines("Viewer", "admin:index")
    refused = {
        f"admin:{model}_changelist" for model, (see, _, _) in PAGES.items() if "V" not in see
    }
    assert refused
    assert not set(found) & {reverse(name) for name in refused}
    assert found["/admin/"]


def test_two_processes_print_the_same_settings():
    assert " at 0x" not in repr(NAVIGATION)
