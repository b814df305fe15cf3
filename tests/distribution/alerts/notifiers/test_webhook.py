from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import requests
import responses

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.alerts.notifiers import webhook
from distribution.models import Alert

SINK = "http://127.0.0.1:9/alerts"
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India


@pytest.fixture(autouse=True)
def sink(settings, db):
    settings.WEBHOOK_ALERT_URL = SINK
    incidents.raise_alert(AlertRule.NO_CONTENT, 1, message="Approve.", now=NOW)


@responses.activate
def test_an_alert_is_told_once():
    responses.post(SINK)

    assert [webhook.notify(NOW), webhook.notify(NOW)] == [1, 0]

    told = json.loads(responses.calls[0].request.body)
    assert (told["rule"], told["message"], told["closed_at"]) == ("no_content", "Approve.", None)
    assert Alert.objects.get().notified_at == NOW


@responses.activate
@pytest.mark.parametrize("answer", [{"status": 500}, {"body": requests.ConnectionError()}])
def test_what_the_sink_did_not_take_is_told_again(answer):
    responses.post(SINK, **answer)
    assert webhook.notify(NOW) == 0

    responses.replace(responses.POST, SINK)
    assert webhook.notify(NOW) == 1


@responses.activate
def test_without_a_sink_nothing_is_sent(settings):
    settings.WEBHOOK_ALERT_URL = ""

    assert webhook.notify(NOW) == 0
    assert len(responses.calls) == 0
