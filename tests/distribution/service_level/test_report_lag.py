"""Reports that wait in the inbox: figures are shown as lagging, never as a missed service level."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from config.monitoring import health
from distribution.api.resources.status import status_body
from distribution.ledger.report_lag import VERDICT_WAIT
from distribution.lifecycle import closing
from distribution.models import Alert, Distribution
from distribution.reporting.snapshot import take_snapshot
from distribution.service_level import watch
from tests.builders import an_open_distribution
from tests.distribution.service_level.measured import NOW, WINDOW, seconds, sent
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db
OVER = NOW + seconds(WINDOW + 1)


@pytest.fixture
def distribution(settings) -> Distribution:
    """All was accepted in time, half was reported as delivered, one more report waits."""
    settings.SLA_BASIS = "delivered"
    distribution = an_open_distribution(100, now=NOW)
    sent(0, 50, at=1, delivered=2)
    sent(50, 100, at=1)
    WebhookEvent.objects.create(body=b"{}", digest="1", secret_no=0, received_at=NOW + seconds(200))
    return distribution


def test_nothing_is_missed_while_reports_of_the_window_wait(distribution):
    assert not closing.complete_if_done(distribution.pk, now=OVER)

    seen = take_snapshot(distribution, now=OVER)
    assert (seen.verdict.word, seen.verdict.colour) == ("reports are late", "warn")
    assert seen.sla.violations == []
    page = render_to_string("dashboard/report_lag.html", {"snapshot": seen})
    assert "reports are applied as of 06:03:20 IST, 101 s behind: more is delivered than" in page
    told = status_body(distribution, now=OVER)
    assert told["reports"] == {"as_of": "2026-11-23T06:03:20+05:30", "behind_seconds": 101.0}
    watch.refresh(distribution, now=OVER)
    assert not Alert.objects.filter(rule="sla_at_risk").exists()

    sent(50, 100, at=1, delivered=290)
    WebhookEvent.objects.update(processed_at=OVER)
    assert closing.complete_if_done(distribution.pk, now=OVER)
    distribution.refresh_from_db()
    assert (distribution.sla_delivered, distribution.results["sla_met"]) == (1.0, True)


def test_it_is_judged_at_last_though_they_wait_and_at_once_for_those_that_came_later(distribution):
    at_last = NOW + seconds(WINDOW) + VERDICT_WAIT
    assert take_snapshot(distribution, now=at_last).verdict.word == "missed"

    WebhookEvent.objects.update(received_at=OVER)
    assert take_snapshot(distribution, now=OVER + seconds(1)).verdict.word == "missed"
    assert closing.complete_if_done(distribution.pk, now=OVER + seconds(1))
    assert Alert.objects.filter(rule="sla_missed").exists()


def test_health_says_how_far_reports_are_applied(distribution):
    facts = health.Facts(
        at=NOW + seconds(208),
        heartbeats={},
        workers=[],
        numbers=[],
        stopped=[],
        inbox_since=NOW + seconds(200),
        dead_letters=0,
    )
    words = "WhatsApp’s reports are applied as of 06:03:20 IST, 8 s behind."
    assert health.CHECKS["inbox"](facts) == (health.OK, words)
