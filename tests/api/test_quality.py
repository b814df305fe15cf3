"""Quality by the API: block rates with bounds, Meta's comparison, the history, the key figures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.models import DailySignals, QualityChange, QualitySource, TemplateComparison
from distribution.runtime import india_time
from phonepool.models import PhoneNumber
from tests.api.tokens import a_program
from tests.builders import a_group, a_number

pytestmark = pytest.mark.django_db
BASE = "/api/distribution"


def test_signals_bounds_and_history_are_read_by_template_and_number():
    now, group = timezone.now(), a_group()
    primary = group.templates.get(group_role="PRIMARY")
    standby = group.templates.get(group_role="STANDBY")
    number = a_number(verified_at=now)
    counts = {"read": 900, "stops": 0, "refusals": 0, "silent": 2, "held": 0, "counted_at": now}
    for ago in range(3):
        DailySignals.objects.create(
            day=india_time.local_date(now) - timedelta(days=ago),
            template=primary,
            number=number,
            sent=2000,
            delivered=2000,
            stop_words=20,
            **counts,
        )
    first, second = sorted((primary, standby), key=lambda one: one.pk)
    TemplateComparison.objects.create(
        template=first,
        other=second,
        asked_at=now,
        answered_at=now,
        window_days=7,
        less_blocked=standby,
        template_reason="SPAM",
        other_reason="SPAM",
    )
    changes = [
        QualityChange(number=number, before="HIGH", after="LOW", source=source, at=now)
        for source in (QualitySource.POLL, QualitySource.WEBHOOK, QualitySource.POLL)
    ]
    for change in changes:
        change.save()
    QualityChange(template=primary, before="", after="GREEN", source="POLL", at=now).save()
    api = a_program("read")

    told = api.get(f"{BASE}/templates/{primary.pk}/quality").json()
    week = told["windows"][1]
    assert (week["verdict"], week["people"], week["stopped"]) == ("ABOVE", 2000, 60)
    assert week["share"] == 0.0315
    assert 0.02 < week["low"] < 0.0315 < week["high"]
    assert told["read_share"] == 0.45
    assert len(told["mornings"]) == 3
    assert "Meta does not report blocks" in told["explanation"]
    [beside] = told["compared_by_meta"]
    assert (beside["template"], beside["blocked_more"]) == (standby.pk, True)
    assert beside["top_block_reason"] == "SPAM"
    assert api.get(f"{BASE}/numbers/{number.pk}/quality").json()["windows"] == told["windows"]
    untold = api.get(f"{BASE}/templates/{standby.pk}/quality").json()
    assert untold["windows"][0] == {
        "mornings": 3,
        "verdict": "NOT_COUNTED",
        "people": 0,
        "stopped": 0,
        "went_silent": 0,
        "share": None,
        "low": None,
        "high": None,
    }

    page = api.get(f"{BASE}/quality-changes?number={number.pk}&page_size=2").json()
    assert [row["id"] for row in page["results"]] == [changes[2].pk, changes[1].pk]
    rest = api.get(page["next"]).json()["results"]
    assert [row["after"] for row in rest] == ["LOW"]
    assert (
        api.get(f"{BASE}/quality-changes?template={primary.pk}").json()["results"][0]["number"]
        is None
    )
    assert api.get(f"{BASE}/quality-changes?source=GUESS").status_code == 400

    PhoneNumber.objects.filter(pk=number.pk).update(quality="HIGH")
    figures = api.get(f"{BASE}/key-figures").json()
    assert figures["quality"] == {"numbers": 1, "high": 1, "poor": 0}
    assert figures["block_rate"]["verdict"] == "ABOVE"
    assert figures["service_level"]["share"] is None
    assert figures["cost"]["per_message"] is None
    assert api.get(f"{BASE}/templates/0/quality").status_code == 404
