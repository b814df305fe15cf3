"""The history of quality, its source, and how often a number's is read around a distribution."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.mirror import number_sync, numbers, pool_sync, templates
from distribution.models import Distribution, Kind, QualityChange, QualitySource
from distribution.quality import history
from phonepool.cloud_api.client import PhoneNumberFacts
from phonepool.models import PhoneNumber, Quality
from tests.builders import a_number, a_template, a_waba

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 0, 10, tzinfo=UTC)  # 05:40 IST


class Meta:
    """One account that lists its numbers with these ratings."""

    def __init__(self, **ratings: str) -> None:
        self.ratings, self.calls = ratings, 0

    def phone_numbers(self, account: str) -> list[PhoneNumberFacts]:
        self.calls += 1
        return [
            PhoneNumberFacts(row.meta_id, "CONNECTED", self.ratings.get(row.label, "GREEN"))
            for row in PhoneNumber.objects.all()
        ]


def told() -> list[tuple[str, str, str]]:
    return list(QualityChange.objects.order_by("pk").values_list("before", "after", "source"))


def test_each_change_is_kept_with_where_it_came_from():
    number = a_number(quality=Quality.UNKNOWN)
    numbers.apply_reading(number.pk, "CONNECTED", "GREEN", now=NOW)
    numbers.apply_reading(number.pk, "CONNECTED", "GREEN", now=NOW + timedelta(minutes=1))
    number.refresh_from_db()
    numbers.apply_event(number, "FLAGGED", at=NOW + timedelta(minutes=2), now=NOW)
    template = a_template(quality="GREEN")
    templates.apply_quality(template, "YELLOW", at=NOW)

    assert told() == [
        ("UNKNOWN", "HIGH", "POLL"),
        ("HIGH", "FLAGGED", "WEBHOOK"),
        ("GREEN", "YELLOW", "WEBHOOK"),
    ]


def test_around_a_distribution_one_call_finds_a_number_that_got_worse(settings):
    a_waba(meta_id="700")
    first, second = a_number(), a_number()
    meta = Meta(**{second.label: "RED"})
    Distribution.objects.create(
        kind=Kind.DAILY, local_date="2026-11-24", planned_at=NOW + timedelta(minutes=20)
    )

    assert pool_sync.watch(meta, now=NOW - timedelta(minutes=20)) == 0
    assert meta.calls == 0  # 40 minutes before it
    assert pool_sync.watch(meta, now=NOW) == 1

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.quality, second.quality, meta.calls) == ("HIGH", "LOW", 1)
    assert told() == [("HIGH", "LOW", "POLL")]


def test_a_watch_that_finds_nothing_new_asks_the_database_once(django_assert_num_queries):
    waba = a_waba(meta_id="700")
    for _ in range(3):
        a_number(waba=waba)
    meta = Meta()
    number_sync.watch(meta, now=NOW)

    # Three for the accounts and their numbers, one for all numbers.
    with django_assert_num_queries(4):
        assert number_sync.watch(meta, now=NOW) == 0


def test_the_chart_has_a_step_for_each_change_and_a_gap_where_nothing_was_known():
    number = a_number(quality=Quality.HIGH)
    for days, before, after in (
        (60, "HIGH", "UNKNOWN"),
        (30, "UNKNOWN", "LOW"),
        (0, "LOW", "HIGH"),
    ):
        history.note_number(
            number, before, after, QualitySource.POLL, at=NOW - timedelta(days=days, minutes=1)
        )

    chart = history.of_number(number, now=NOW)

    assert [len(points.split()) for points in chart.lines] == [2, 4]
    assert chart.lines[0].startswith("0.0,15.0 333.")
    assert [(one.before, one.after) for one in chart.changes][:1] == [("Low", "High")]


def test_the_pages_of_a_number_and_a_template_show_it(admin_client):
    number, template = a_number(), a_template(quality="YELLOW")
    now = timezone.now()
    history.note_number(number, "HIGH", "MEDIUM", QualitySource.POLL, at=now)
    history.note_template(template, "GREEN", history.ABOVE_LIMIT, QualitySource.PROXY, at=now)
    pages = [
        reverse("admin:phonepool_phonenumber_change", args=[number.pk]),
        reverse("admin:distribution_messagetemplate_change", args=[template.pk]),
    ]

    of_number, of_template = (admin_client.get(url).content.decode() for url in pages)

    assert "High → Medium, read from Meta" in of_number
    assert "Green → Blocked by more than 2%" in of_template
    for page in (of_number, of_template):
        assert 'class="quality-line"' in page
        assert "How this is calculated" in page
