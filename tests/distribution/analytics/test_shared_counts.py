"""The counts of a large distribution: shared, some seconds old, and never what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.analytics import counts, shared_counts
from distribution.analytics.shared_counts import Seldom
from distribution.ledger import report_lag
from distribution.lifecycle import closing
from distribution.models import Delivery, Distribution, SharedCounts, State
from distribution.service_level import course, watch
from tests.mornings import a_morning

NOW = datetime(2026, 11, 23, 0, 40, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def morning(monkeypatch: pytest.MonkeyPatch) -> Distribution:
    monkeypatch.setattr(shared_counts, "FEW_PEOPLE", 60)
    monkeypatch.setattr(shared_counts, "COST_FACTOR", 0)  # a pause of a second, however slow
    return a_morning(60, now=NOW)


def states(distribution: Distribution, seconds: float) -> dict[str, int]:
    counted = shared_counts.read(distribution, now=after(seconds))
    assert counted.tally == counts.tally_of(counted.groups)
    return counted.tally.states


def end_all() -> None:
    Delivery.objects.update(
        state=State.ACCEPTED, accepted_at=NOW, delivered_at=NOW, progress=3, reason=""
    )


def test_what_was_counted_once_serves_everybody_for_a_while(morning):
    before = counts.tally(morning).states
    first = shared_counts.read(morning, now=NOW)
    assert (first.tally.states, first.at) == (before, NOW)
    assert first.reach.accepted == counts.reach(morning).accepted
    owed = counts.due(morning, now=NOW)
    assert shared_counts.due(morning, now=NOW) == (owed[0], pytest.approx(owed[1]))
    end_all()

    with CaptureQueriesContext(connection) as asked:
        assert states(morning, 0.9) == before
    assert len(asked) == 1
    assert "distribution_delivery" not in asked[0]["sql"]
    assert states(morning, 1.1) == {State.ACCEPTED: 60}
    assert shared_counts.due(morning, now=after(1.2)) == (0, 0.0)
    assert states(morning, -60) == {State.ACCEPTED: 60}  # the clock was set back: counted anew


def test_few_people_are_counted_afresh(morning, monkeypatch):
    monkeypatch.setattr(shared_counts, "FEW_PEOPLE", 61)
    states(morning, 0)
    end_all()
    assert states(morning, 0) == {State.ACCEPTED: 60}
    assert not SharedCounts.objects.exists()


def test_a_pause_and_the_last_slice_show_at_once(morning):
    before = states(morning, 0)
    end_all()
    assert states(morning, 0.1) == before
    morning.state = "PAUSED"
    assert states(morning, 0.2) == {State.ACCEPTED: 60}

    morning.recipients, morning.preparing = 70, True
    assert states(morning, 0.3) == {State.ACCEPTED: 60, State.PENDING: 10}
    morning.preparing = False
    assert states(morning, 0.4) == {State.ACCEPTED: 60}


def test_one_process_counts_and_the_others_have_what_was_counted_before(morning):
    before = states(morning, 0)
    end_all()
    SharedCounts.objects.update(busy_until=after(12))  # somebody began at the third second
    assert states(morning, 11) == before
    assert states(morning, 13) == {State.ACCEPTED: 60}  # and was killed

    SharedCounts.objects.update(situation="another", busy_until=after(30))
    Delivery.objects.update(progress=2)
    with CaptureQueriesContext(connection) as asked:
        assert states(morning, 15) == {State.ACCEPTED: 60}  # nothing usable: for itself
    assert not [query for query in asked if query["sql"].startswith("UPDATE") and "groups" in query]
    assert SharedCounts.objects.get().situation == "another"


def test_figures_are_as_old_as_the_counts_and_judge_no_deadline_before_its_time(
    morning, monkeypatch
):
    assert morning.sla_deadline == after(120)
    monkeypatch.setattr(shared_counts, "COST_FACTOR", 10**9)  # counted every MAX_PAUSE
    watch.refresh(morning, now=after(117))
    end_all()

    counted = shared_counts.read(morning, now=after(121))
    found = course.follow(morning, counted, [], now=after(121))
    assert (found.lag.as_of, found.lag.seconds, found.level.met) == (after(117), 4, False)
    assert (found.verdict.word, found.level.violations[-1:]) != ("missed", [])
    assert found.verdict.word == "reports are late"

    counted = shared_counts.read(morning, now=after(122.1))
    found = course.follow(morning, counted, [], now=after(122.1))
    assert (found.verdict.word, found.lag) == (
        "met",
        report_lag.none(after(122.1)).counted(counted.at),
    )


def test_the_end_asks_the_rows_and_not_the_counts(morning):
    assert states(morning, 0)[State.PENDING]
    assert not closing.complete_if_done(morning.pk, now=after(0.1))

    end_all()
    Delivery.objects.filter(pk=Delivery.objects.earliest("pk").pk).update(progress=1)
    for state in (State.HELD, State.UNKNOWN, State.INFLIGHT, State.RETRY_WAIT):
        last = Delivery.objects.filter(progress=1)
        last.update(state=state, claim_token=1, lease_until=NOW, attempt_no=1, unknown_at=NOW)
        assert counts.has_unsettled(morning), state
        assert not closing.complete_if_done(morning.pk, now=after(0.2))
    last.update(state=State.ACCEPTED)
    assert (counts.has_unsettled(morning), counts.has_awaited(morning)) == (False, True)
    assert not closing.complete_if_done(morning.pk, now=after(0.3))

    last.update(progress=2)
    closing._awaited._known.clear()
    assert closing.complete_if_done(morning.pk, now=after(0.4))
    assert Distribution.objects.get(pk=morning.pk).results["delivered"] == 60


def test_what_is_seldom_asked_is_told_as_known_or_as_no_news(morning, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(shared_counts.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(shared_counts, "COST_FACTOR", 20)
    asked: list[float] = []

    def look() -> float:
        clock[0] += 0.1
        asked.append(clock[0])
        return clock[0]

    one: Seldom[float] = Seldom()
    assert (one.value(morning, look), one.news(morning, look), one.value(morning, look)) == (
        0.1,
        None,
        0.1,
    )
    clock[0] = 2.05
    assert one.news(morning, look) is None
    clock[0] = 2.2
    assert one.news(morning, look) == pytest.approx(2.3)
    morning.state = "PAUSED"
    assert one.news(morning, look) == pytest.approx(2.4)
    monkeypatch.setattr(shared_counts, "FEW_PEOPLE", 61)
    assert [one.news(morning, look) for _ in range(3)][-1] == pytest.approx(2.7)
