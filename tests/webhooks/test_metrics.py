"""Items are counted where webhooks are applied, and shown by whoever is scraped (G5)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction
from django.db.models.sql.compiler import SQLCompiler
from django.test import Client

from tests.webhooks.posts import apply, envelope, in_flight, notice, status, statuses
from webhooks import metrics
from webhooks.models import ItemCount

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India


def shown(client: Client) -> dict[str, float]:
    """The values of both counters, by the label's value."""
    text = client.get("/metrics").content.decode()
    found = re.findall(r'^daybreak_webhook_(items\w*_total)\{\w+="([^"]+)"\} (\S+)$', text, re.M)
    return {f"{name} {value}": float(number) for name, value, number in found}


@pytest.mark.django_db
def test_the_counts_of_the_workers_are_shown_at_the_web_processes(client, settings):
    settings.WHATSAPP_BUSINESS_ID = "1"
    _, attempts = in_flight(2, now=NOW)
    delivered = [status("delivered", one, at=NOW) for one in attempts.values()]
    apply(statuses(*delivered), now=NOW)
    apply(notice("account_update", NOW, event="PARTNER_REMOVED"), now=NOW)
    apply(envelope({"field": "flows", "value": {}}), now=NOW)

    assert shown(client) == {
        "items_total delivered": 2,
        "items_left_out_total foreign_account": 1,
        "items_left_out_total flows": 1,
    }
    apply(statuses(status("read", attempts.popitem()[1], at=NOW)), now=NOW)
    assert shown(client)["items_total read"] == 1
    assert shown(client)["items_total delivered"] == 2


@pytest.mark.django_db
def test_counts_of_what_was_not_applied_are_not_kept():
    with transaction.atomic():
        metrics.count({"delivered": 3}, {})
        transaction.set_rollback(True)

    assert not ItemCount.objects.exists()


@pytest.mark.django_db
def test_names_from_outside_do_not_become_any_number_of_series(monkeypatch):
    monkeypatch.setattr(metrics, "_names", set())
    monkeypatch.setattr(metrics, "NAMES_LIMIT", 2)

    metrics.count({}, {"a": 1, "b": 1, "c": 1, "Öd": 1})

    assert dict(ItemCount.objects.values_list("name", "number")) == {"a": 1, "b": 1, "other": 2}


def test_without_a_database_the_other_metrics_are_shown(client, monkeypatch):
    def broken(*_, **__):
        raise DatabaseError("gone")

    monkeypatch.setattr(SQLCompiler, "execute_sql", broken)

    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"daybreak_webhook_posts" in answer.content
