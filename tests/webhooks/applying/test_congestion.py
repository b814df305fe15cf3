from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.models import Alert, Severity
from tests.builders import an_open_distribution
from webhooks.applying import bundles, congestion, inbox
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


def test_reports_that_wait_for_long_are_told_until_they_are_applied(monkeypatch):
    WebhookEvent.objects.bulk_create(
        WebhookEvent(body=b"{}", digest=str(no), secret_no=0, received_at=NOW) for no in range(1001)
    )
    congestion.look(NOW + timedelta(seconds=30))
    assert not Alert.objects.exists()

    monkeypatch.setattr(bundles, "apply", lambda *_: None)  # the database is too slow
    inbox.drain(now=NOW + timedelta(seconds=31))
    alert = Alert.objects.get()
    assert (alert.rule, alert.severity) == ("webhook_congestion", Severity.WARNING)
    assert "1,001 reports from WhatsApp wait to be applied, the first for 31 s." in alert.message

    an_open_distribution(1, now=NOW)
    congestion.look(NOW + timedelta(seconds=40))
    alert.refresh_from_db()
    assert alert.severity == Severity.CRITICAL

    WebhookEvent.objects.update(processed_at=NOW)
    inbox.drain(now=NOW + timedelta(seconds=50))
    alert.refresh_from_db()
    assert alert.closed_at is not None
