"""Deliveries over HTTP: filters, masks and the export."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from distribution.models import Delivery
from tests.distribution.staff import ROLES, a_client
from tests.mornings import a_morning
from tests.shown_forms import confirm

pytestmark = pytest.mark.django_db
LIST = "/admin/distribution/delivery/"
EXPORT = f"{LIST}export/"


def shown(client: Client, **query: object) -> int:
    return client.get(LIST, query).context["cl"].result_count


def exported(client: Client, **query: object) -> list[dict[str, str]]:
    url = f"{EXPORT}?{urlencode(query)}"
    answer = confirm(client, url, reason="The monthly report")
    assert answer.status_code == 200
    text = b"".join(answer).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_latest_distribution_is_shown_until_another_is_chosen():
    now = timezone.now()
    old = a_morning(7, now=now - timezone.timedelta(days=1), state="COMPLETED", completed_at=now)
    a_morning(5, now=now)
    client = a_client("Viewer")
    assert (shown(client), shown(client, distribution=old.pk)) == (5, 7)


@pytest.mark.parametrize("column", ["state", "reason", "number", "tier"])
def test_filters_and_export_agree_with_the_rows(column):
    morning = a_morning(200, now=timezone.now())
    client = a_client("Operator")
    name = {"state": "state__exact", "number": "number__id__exact", "tier": "tier"}
    for value in Delivery.objects.order_by().values_list(column, flat=True).distinct():
        if value in ("", None):
            continue
        expected = Delivery.objects.filter(distribution=morning, **{column: value}).count()
        query = {name.get(column, column): value}
        assert shown(client, **query) == expected
        assert len(exported(client, **query)) == expected


@pytest.mark.parametrize("role", ROLES)
def test_the_export_needs_its_permission_and_is_logged(role):
    a_morning(20, now=timezone.now())
    client, may = a_client(role), role in ("Operator", "Administrator")
    assert client.get(EXPORT).status_code == (200 if may else 403)
    assert LogEntry.objects.count() == 0  # the page with the question is no export
    assert confirm(client, EXPORT, reason="").status_code == (200 if may else 403)
    assert LogEntry.objects.count() == 0
    assert confirm(client, EXPORT, reason="Report").status_code == (200 if may else 403)
    assert ("deliveries (CSV)" in client.get(LIST).content.decode()) is may
    assert LogEntry.objects.filter(change_message__contains="Export deliveries").exists() is may


def test_whole_numbers_are_exported_to_those_who_may_see_them_only():
    a_morning(3, now=timezone.now())
    user = User.objects.create_user("clerk", is_staff=True)
    names = ["export_delivery", "view_delivery"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    assert all("******" in row["phone"] for row in exported(client))
    told = json.loads(LogEntry.objects.latest("pk").change_message)
    assert told[0]["after"] == {"filters": {}, "full_phones": False}
    assert (told[0]["reason"], told[-1]["ip"]) == ("The monthly report", "127.0.0.1")
    assert all("******" in row["phone"] for row in exported(a_client("Operator")))
    assert not any("******" in row["phone"] for row in exported(a_client("Administrator")))


def test_the_list_takes_as_many_queries_for_ten_times_the_people():
    counts = []
    for people in (200, 2000):
        a_morning(people, now=timezone.now())
        client = a_client("Viewer")
        client.get(LIST)
        with CaptureQueriesContext(connection) as caught:
            client.get(reverse("admin:distribution_delivery_changelist"))
        counts.append(len(caught))
    assert counts[0] == counts[1] <= 20  # nine of them for the badges of the sidebar
