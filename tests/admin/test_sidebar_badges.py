"""Counts in the sidebar: what waits, for those who may see it, and never a page less."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from config.staff import badges
from distribution.content import approval
from distribution.models import Alert, Delivery, Severity, State
from tests.builders import a_draft
from tests.distribution.staff import a_client
from tests.mornings import a_morning

pytestmark = pytest.mark.django_db


def counted(client: Client) -> dict[str, str]:
    """The entries of the sidebar with a count."""
    html = client.get("/admin/").content.decode()
    sidebar = html.partition('id="nav-sidebar-inner"')[2].partition("</nav>")[0]
    words = unescape(re.sub(r"<[^>]+>", "\n", sidebar))
    lines = [line.strip() for line in words.split("\n") if line.strip()]
    return {lines[at - 1]: line for at, line in enumerate(lines) if re.fullmatch(r"\d+\+?", line)}


def alerts(number: int) -> None:
    Alert.objects.bulk_create(
        Alert(
            rule="overrun",
            scope=f"distribution {n}",
            severity=Severity.CRITICAL,
            message="late",
            opened_at=timezone.now(),
        )
        for n in range(number)
    )


def test_what_waits_is_counted_beside_its_page_for_those_who_see_the_page():
    content = a_draft(day=timezone.localdate() + timedelta(days=3))
    approval.submit(content, by=content.author, now=timezone.now())
    a_morning(20, now=timezone.now(), local_date=timezone.localdate())
    some = Delivery.objects.exclude(state=State.UNCONFIRMED).order_by("pk")[:3]
    Delivery.objects.exclude(pk__in=[row.pk for row in some]).delete()
    for row in some:
        Delivery.objects.filter(pk=row.pk).update(state=State.UNCONFIRMED, reason="never_answered")
    alerts(2)

    shown = counted(a_client("Operator"))

    assert shown == {"Waiting for review": "1", "Deliveries": "3", "Alerts": "2"}
    assert counted(a_client(None)) == {}


def test_nothing_to_count_shows_nothing_and_many_are_shortened():
    client = a_client("Administrator")
    assert counted(client) == {}
    alerts(150)
    assert counted(client) == {"Alerts": "99+"}


def test_a_count_that_fails_costs_no_page(monkeypatch):
    def fails() -> int:
        raise DatabaseError("away")

    alerts(1)
    monkeypatch.setattr(badges, "_open", fails)
    client = a_client("Administrator")
    assert client.get("/admin/").status_code == 200
    assert counted(client) == {}
