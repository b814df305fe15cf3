"""Items are counted where webhooks are applied, and shown by whoever is scraped (G5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from tests.webhooks.posts import apply, envelope, in_flight, notice, status, statuses
from webhooks import metrics
from webhooks.models import ItemCount
from webhooks.receiving import store

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India


def shown() -> dict[str, float]:
    """The values of both counters, by the label's value."""
    read = metrics.read()
    return {
        f"{name.removeprefix('daybreak_webhook_')} {labels[0]}": number
        for name in (metrics.APPLIED, metrics.LEFT_OUT)
        for labels, number in read.get(name, [])
    }


@pytest.mark.django_db
def test_the_counts_of_the_workers_are_shown_at_the_web_processes(settings):
    settings.WHATSAPP_BUSINESS_ID = "1"
    _, attempts = in_flight(2, now=NOW)
    delivered = [status("delivered", one, at=NOW) for one in attempts.values()]
    apply(statuses(*delivered), now=NOW)
    apply(notice("account_update", NOW, event="PARTNER_REMOVED"), now=NOW)
    apply(envelope({"field": "flows", "value": {}}), now=NOW)

    assert shown() == {
        "items_total delivered": 2,
        "items_left_out_total foreign_account": 1,
        "items_left_out_total flows": 1,
    }
    apply(statuses(status("read", attempts.popitem()[1], at=NOW)), now=NOW)
    assert shown()["items_total read"] == 1
    assert shown()["items_total delivered"] == 2


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


@pytest.mark.django_db
def test_the_inbox_tells_how_much_waits_and_since_when():
    store.store(b"{}", secret_no=0, now=NOW - timedelta(seconds=40))
    with time_machine.travel(NOW, tick=False):
        read = metrics.read()
    assert read["daybreak_inbox_pending_webhooks"] == [([], 1)]
    assert read["daybreak_inbox_oldest_seconds"] == [([], 40.0)]
    assert read["daybreak_inbox_dead_letters"] == [([], 0)]
    last = (NOW - timedelta(seconds=40)).timestamp()
    assert read["daybreak_inbox_last_received_timestamp_seconds"] == [([], last)]


def test_without_a_database_the_other_metrics_are_shown(client):
    # pytest-django refuses the connection, as a database that is away would.
    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"daybreak_webhook_posts" in answer.content
    assert b"daybreak_database_up 0.0" in answer.content
