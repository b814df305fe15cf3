"""Partitions ahead of the distributions, and the drop of old ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from distribution.analytics import counts, rollups
from distribution.analytics.grouped_counts import count_groups
from distribution.engine import partition_watch
from distribution.ledger import deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.integrity.check import check_ledger
from distribution.ledger.partitions import ahead, dropping, overview
from distribution.models import (
    Alert,
    Attempt,
    Delivery,
    Distribution,
    DistributionState,
    Duplicate,
    Rollup,
    State,
)
from distribution.runtime import india_time, partitions
from tests.builders import LEASE, a_number, a_planned_distribution, an_open_distribution
from tests.distribution.staff import a_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("partitioned", "plain_table")]
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
OLD = timedelta(days=settings.DELIVERY_NUMBER_KEEP_DAYS + 1)


def bounds() -> list[tuple[int, int | None]]:
    return [(one.first, one.end) for one in partitions.read()]


def number_from(distribution_id: int) -> None:
    """The next distribution has this id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('distribution_distribution', 'id'), %s, false)",
            [distribution_id],
        )


@pytest.fixture(autouse=True)
def the_first_partition(partitioned) -> None:
    """An earlier test has used the ids that it takes."""
    number_from(1)


def ended(people: int, day: datetime) -> Distribution:
    """One that was accepted by the first and failed for the others, and is counted."""
    distribution = an_open_distribution(people, now=day)
    claim = deliveries.claim(distribution.pk, 0, limit=50, now=day, lease=LEASE)
    number = a_number()
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number.pk, now=day, lease=LEASE)
    first, *others = (claim.attempt(row) for row in claim.deliveries)
    ends = [Settlement(first, State.ACCEPTED, day, wamid=f"wamid.{first.delivery_id}")]
    for key in others:
        why = {"reason": "undeliverable", "outcome": "REJECTED"}
        ends.append(Settlement(key, State.FAILED, day, **why))
    deliveries.settle(ends, distribution_id=distribution.pk)
    distribution.state, distribution.completed_at = DistributionState.COMPLETED, day
    distribution.save()
    assert rollups.recount(distribution, now=day)
    return distribution


def test_partitions_are_made_ahead_and_the_opening_makes_a_missing_one(monkeypatch):
    end = partitions.read()[-1].end
    number_from(end - 1)
    an_open_distribution(1, now=NOW)  # in the last partition: a run is no time to make others …
    partition_watch.look_if_due(NOW)
    assert bounds()[-1] == (end + 62, end + 93)  # … unless the next ones have none
    assert ahead.left_ahead() == 3

    beyond = end + 200
    number_from(beyond)
    distribution = an_open_distribution(1, now=NOW)
    assert distribution.pk == beyond
    assert partitions.table_of(beyond).startswith("distribution_delivery_")
    assert ahead.left_ahead() == 0

    def fail(_: int) -> None:
        raise OperationalError("no rights")

    with monkeypatch.context() as patch:
        patch.setattr(ahead, "make", fail)
        partition_watch.look(NOW)
    assert Alert.objects.get(rule="no_partition_ahead").closed_at is None
    partition_watch.look(NOW)
    assert Alert.objects.get(rule="no_partition_ahead").closed_at is not None
    assert ahead.left_ahead() == 3


def test_a_partition_has_the_storage_parameters_of_the_one_before():
    newest = partitions.read()[-1].table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {newest} SET (fillfactor = 71)")
        ahead.make(partitions.read()[-1].end)
        cursor.execute(
            "SELECT reloptions FROM pg_class WHERE relname = %s", [partitions.read()[-1].table]
        )
        assert cursor.fetchone() == (["fillfactor=71"],)


def test_all_partitions_together_are_analysed_now_and_then():
    known = "SELECT COUNT(*) FROM pg_stats WHERE tablename = 'distribution_delivery' AND inherited"
    running = an_open_distribution(3, now=NOW)
    assert not overview.refresh_if_old(NOW)
    running.state, running.completed_at = DistributionState.COMPLETED, NOW
    running.save()

    assert overview.refresh_if_old(NOW)

    with connection.cursor() as cursor:
        cursor.execute(known)
        assert cursor.fetchone()[0] > 20


def test_an_old_partition_goes_and_its_figures_stay():
    distribution = ended(3, NOW - OLD)
    tally, groups = counts.tally(distribution), count_groups(distribution, now=NOW)
    tiers = counts.by_tier(distribution)
    row = distribution.deliveries.get(state=State.ACCEPTED)
    attempts = Attempt.objects.count()
    Duplicate.objects.create(
        delivery=row, certainty="SUSPECT", earlier_wamid="wamid.1", found_at=NOW
    )
    _, second, *others = bounds()
    assert dropping.drop_old(NOW) == 0  # later distributions go into it
    number_from(second[0])
    young = ended(2, NOW)
    waiting = a_planned_distribution(NOW)
    assert dropping.drop_old(NOW - timedelta(days=2)) == 0  # too young, by a day

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at a COMMIT
    assert dropping.drop_old(NOW) == 1

    assert bounds() == [second, *others]
    distribution.refresh_from_db()
    young.refresh_from_db()
    waiting.refresh_from_db()
    assert distribution.deliveries_removed_at == NOW
    assert (young.deliveries_removed_at, waiting.deliveries_removed_at) == (None, None)
    assert Delivery.objects.count() == young.deliveries.count() > 0
    assert Attempt.objects.count() > attempts  # those of the young one are more
    assert Duplicate.objects.get().earlier_wamid == ""
    assert counts.tally(distribution) == tally
    assert counts.by_tier(distribution) == tiers
    page = f"/admin/distribution/distribution/{distribution.pk}/change/"
    shown = a_client("Viewer").get(page).content.decode()
    assert "The deliveries were removed on 23 Nov 2026" in shown
    assert "Nothing delivered yet" not in shown
    page = f"/admin/subscribers/subscriber/{row.subscriber_id}/change/"
    shown = a_client("Viewer").get(page).content.decode()
    day = (NOW - OLD).astimezone(india_time.zone())
    assert f"Messages up to {day.day} {day:%b %Y} were removed because of their age." in shown
    now = count_groups(distribution, now=NOW)
    assert {(one.state, one.reason, one.count) for one in now} == {
        (one.state, one.reason, one.count) for one in groups
    }
    assert not rollups.recount(distribution, now=NOW)
    assert Rollup.objects.filter(distribution=distribution).count() == 2
    assert [one.rule for one in check_ledger(now=NOW) if one.broken] == []
    assert dropping.drop_old(NOW) == 0


def test_an_empty_partition_goes_without_a_trace():
    first, second, *_ = bounds()
    number_from(second[0])
    distribution = ended(2, NOW)
    row = distribution.deliveries.order_by("pk")[0]
    Duplicate.objects.create(
        delivery=row, certainty="SUSPECT", earlier_wamid="wamid.1", found_at=NOW
    )

    assert dropping.drop_old(NOW) == 1

    assert first not in bounds()
    assert Duplicate.objects.get().earlier_wamid == "wamid.1"
    distribution.refresh_from_db()
    assert distribution.deliveries_removed_at is None
    assert distribution.deliveries.count() == 2


@pytest.mark.parametrize("case", ["running", "unsettled", "uncounted"])
def test_a_partition_stays_while_something_is_open(case):
    old = ended(2, NOW - OLD)
    number_from(partitions.read()[1].first)
    later = ended(2, NOW)
    if case == "uncounted":
        old.rollup_state.delete()
    else:
        one = later if case == "running" else old
        one.state, one.completed_at = DistributionState.SENDING, None
        one.save()

    assert dropping.drop_old(NOW) == 0
    assert old.deliveries.count() == 2


def test_the_check_asks_across_partitions():
    one = ended(2, NOW)
    number_from(partitions.read()[1].first)
    two = ended(2, NOW)
    row = two.deliveries.order_by("pk")[0]
    Delivery.objects.filter(pk=row.pk).update(wamid=one.deliveries.get(state=State.ACCEPTED).wamid)
    orphan = Attempt.objects.create(
        delivery_id=row.pk + 1000,
        attempt_id=f"daybreak:{row.pk + 1000}.1.5",
        outcome="UNKNOWN",
        reason="r",
        ended_at=NOW,
    )

    for only in (None, two.pk):
        found = check_ledger(now=NOW, distribution_id=only)
        broken = {one.rule: one.ids for one in found if one.broken}
        assert len(broken.pop("one_delivery_a_message")) == 1
        expected = {} if only else {"attempts_have_deliveries": (orphan.delivery_id,)}
        assert broken == expected
