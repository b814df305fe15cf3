"""The page that Prometheus reads: complete, and there within a second whatever hangs."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from config.monitoring import endpoints
from distribution.metrics import live, types
from distribution.metrics.collector import ScrapeCollector
from distribution.metrics.keeping import FigureKeeping
from tests.mornings import a_morning

NOW = datetime(2026, 11, 23, 0, 33, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_the_page_has_every_metric_and_less_than_a_thousand_series(client, broker_url, settings):
    settings.REDIS_URL = broker_url
    a_morning(300, now=NOW)
    FigureKeeping(lambda: NOW).write_due()

    answer = client.get("/metrics")

    found = {
        family.name: family.samples
        for family in text_string_to_metric_families(answer.content.decode())
        if family.name.startswith("daybreak_")
    }
    empty = {name.removesuffix("_total") for name in (one.name for one in types.ALL)} - set(found)
    assert not empty
    assert found["daybreak_database_up"][0].value == 1
    assert found["daybreak_queue_waiting_messages"]
    assert sum(len(samples) for samples in found.values()) < 1000
    assert "+91" not in answer.content.decode()
    # Nothing is of a distribution or a person.
    labels = {name for samples in found.values() for one in samples for name in one.labels}
    known = {label for one in endpoints.COLLECTOR.types for label in one.labels}
    assert labels <= known | {"le", "answer"}


def test_a_frozen_database_takes_its_figures_away_within_a_second():
    thawed = threading.Event()
    collector = ScrapeCollector()
    collector.add(types.LIVE, lambda: {"": [([], thawed.wait(30))]})
    collector.add((), lambda: {"daybreak_number_usable": [(["a"], 1)]})

    began = time.monotonic()
    found = {one.name: one.samples for one in collector.collect()}
    took, began = time.monotonic() - began, time.monotonic()
    again = {one.name: one.samples for one in collector.collect()}
    took_again = time.monotonic() - began
    thawed.set()

    assert took < 1.0
    assert took_again < 0.3  # what hangs is not waited for again
    assert again["daybreak_database_up"][0].value == 0
    assert found["daybreak_database_up"][0].value == 0
    assert found["daybreak_number_usable"][0].value == 1  # what else answers is shown


@pytest.mark.django_db
def test_nothing_is_stored_yet_and_the_page_is_there():
    assert live.read()["daybreak_alert_notices_pending"]
