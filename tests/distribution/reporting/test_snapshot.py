"""Figures of a snapshot: whatever happened, they add up and agree with one another."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from distribution.analytics import counts, shared_counts, timeline
from distribution.analytics.grouped_counts import count_groups
from distribution.models import Delivery, Distribution, State
from distribution.reporting import charts
from distribution.reporting.snapshot import take_snapshot
from distribution.runtime.text_formats import percent
from tests.mornings import MIX, a_morning

NOW = datetime(2026, 11, 23, 0, 40, tzinfo=UTC)
KINDS = [kind for kind, _ in MIX]


class Sums(TestCase):
    """Any mixture of states, at any moment around the deadline."""

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32), people=st.integers(0, 60), minutes=st.integers(0, 9))
    def test_every_way_of_counting_sums_to_the_audience(self, seed, people, minutes):
        morning = a_morning(people, now=NOW, seed=seed)
        now = NOW + timedelta(minutes=minutes - 4)
        seen = take_snapshot(morning, now=now)
        assert sum(one.count for one in seen.states) == people
        assert sum(seen.tally.states.values()) == people
        for parts in (counts.by_tier(morning), counts.by_batch(morning)):
            assert sum(part.total for part in parts) == people
            for part in parts:
                told = (part.delivered, part.accepted, part.waiting, part.failed, part.skipped)
                assert sum(told) + part.unresolved == part.total
        assert sum(one.delivered for one in seen.numbers) == seen.reach.delivered
        assert sum(one.accepted for one in seen.numbers) == seen.reach.accepted
        failed = sum(one.count for one in seen.failure_reasons if one.state == State.FAILED)
        assert failed == seen.failed

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32), people=st.integers(1, 60))
    def test_cells_agree_with_the_slow_and_plain_way(self, seed, people):
        morning = a_morning(people, now=NOW, seed=seed)
        groups = count_groups(morning, now=NOW + timedelta(minutes=9))
        plain = counts.reach(morning)
        fast = counts.reach_of(groups)
        for name in ("accepted", "delivered", "read", "accepted_in_time", "delivered_in_time"):
            assert getattr(fast, name) == getattr(plain, name), name
        assert fast.awaited == plain.awaited
        assert counts.tally_of(groups) == counts.tally(morning)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32), people=st.integers(1, 60))
    def test_the_timeline_counts_everybody_who_was_accepted_once(self, seed, people):
        morning = a_morning(people, now=NOW, seed=seed)
        course = timeline.timeline(morning, now=NOW)
        rows = Delivery.objects.filter(distribution=morning)
        assert sum(course.accepted) == rows.exclude(accepted_at=None).count()
        seconds = Counter(
            int((at - course.start).total_seconds() // course.width)
            for at in rows.exclude(delivered_at=None).values_list("delivered_at", flat=True)
        )
        assert course.delivered == [seconds[no] for no in range(len(course.delivered))]


@pytest.mark.parametrize("people", [2000, 20_000])
def test_a_picture_takes_six_queries_however_large_the_audience(db, people):
    morning = a_morning(people, now=NOW)
    shared_counts.read(morning, now=NOW)  # of many people, the first counts for all
    with CaptureQueriesContext(connection) as caught:
        seen = take_snapshot(morning, now=NOW)
    assert len(caught) == 6
    assert seen.tally.recipients == people


def test_an_unopened_distribution_has_a_picture(db):
    morning = a_morning(0, now=NOW)
    Distribution.objects.update(
        state="SCHEDULED", opened_at=None, window_end=None, sla_deadline=None
    )
    morning.refresh_from_db()
    seen = take_snapshot(morning, now=NOW)
    assert (seen.verdict.word, seen.states, seen.seconds_left) == ("late to start", [], None)


def test_lines_of_a_running_distribution_end_at_the_present(db):
    morning = a_morning(200, now=NOW)
    running = take_snapshot(morning, now=NOW).progress.lines[1].points
    Distribution.objects.update(state="COMPLETED", completed_at=NOW)
    morning.refresh_from_db()
    ended = take_snapshot(morning, now=NOW + timedelta(minutes=9)).progress.lines[1].points
    assert [line.rsplit(" ", 1)[1].split(",")[0] for line in (running, ended)] == [
        "600.0",
        "1000.0",
    ]


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.9896, "98.9%"),
        (0.99, "99.0%"),
        (0.99999, "99.9%"),
        (1.0, "100.0%"),
        (0.0, "0.0%"),
        (1 / 20_000, "<0.1%"),
        (None, "–"),
    ],
)
def test_a_share_is_never_rounded_up(share, words):
    assert percent(share) == words


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (3, 5), (11, 20), (350, 500), (1000, 1000)]
)
def test_scales_end_at_round_figures(value, top):
    assert charts.round_up(value) == top
