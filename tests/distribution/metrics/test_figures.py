"""What a running distribution is to Prometheus: stored each second, read without counting."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.metrics import durations, keeping, live, run_figures, types
from distribution.metrics.keeping import FigureKeeping
from distribution.metrics.samples import HISTOGRAM, Samples, families
from distribution.models import (
    Alert,
    Cost,
    DailySignals,
    Delivery,
    Distribution,
    Heartbeat,
    Notification,
    Preflight,
    StoredFigures,
)
from phonepool.models import PhoneNumber
from tests.distribution.sinks import a_channel
from tests.mornings import a_morning

NOW = datetime(2026, 11, 23, 0, 33, tzinfo=UTC)  # 06:03 in India


def value(samples: Samples, name: str, *labels: str) -> float:
    return next(number for found, number in samples[name] if tuple(found) == labels)


@pytest.mark.django_db
def test_a_running_distribution_is_shown_as_it_is():
    morning = a_morning(1000, now=NOW)
    keeping.FigureKeeping(lambda: NOW).write_due()
    Heartbeat.record("keeper", NOW)
    alert = Alert.objects.create(
        rule="receipts_late", severity="CRITICAL", message="slow", opened_at=NOW, scope="d 1"
    )
    slack = a_channel("Ops", "service", "x")
    for second in (0, 3600):  # the other waits for the end of quiet hours
        Notification.objects.create(
            kind="alert.opened",
            channel="alert",
            destination=slack,
            alert=alert,
            once=str(second),
            since=NOW,
            next_at=NOW + timedelta(seconds=second),
        )
    Preflight.objects.create(
        slot="x", sends=True, state="DONE", verdict="AMBER", started_at=NOW, ended_at=NOW
    )

    with CaptureQueriesContext(connection) as caught:
        samples = live.read()

    assert len(caught) == 3
    assert not [one for one in caught if "distribution_delivery" in one["sql"]]
    rows = Delivery.objects.filter(distribution=morning)
    states = {labels[1]: count for labels, count in samples["daybreak_run_people"]}
    assert states["pending"] == rows.filter(state="PENDING").count() > 0
    assert sum(states.values()) == 1000
    due = rows.due(NOW).count()
    assert value(samples, "daybreak_due_waiting_people", "manual") == due > 0
    assert value(samples, "daybreak_run_active", "manual") == 1
    assert value(samples, "daybreak_run_active", "daily") == 0
    assert value(samples, "daybreak_run_accepted_total", "utility") == states["accepted"]
    assert value(samples, "daybreak_run_failures_total", "undeliverable", "recipient") > 0
    assert value(samples, "daybreak_sla_needed_per_second", "manual") > 0
    assert value(samples, "daybreak_heartbeat_timestamp_seconds", "keeper") == NOW.timestamp()
    assert value(samples, "daybreak_alerts_open", "critical", "receipts_late") == 1
    assert value(samples, "daybreak_alert_notices_pending", "service") == 1
    assert value(samples, "daybreak_preflight_status") == 1
    number = PhoneNumber.objects.all()[0]
    assert value(samples, "daybreak_number_usable", number.label) == 1
    for label, (buckets, total) in samples["daybreak_send_duration_seconds"]:
        sent = rows.filter(number__label=label[0], accepted_at__isnull=False)
        assert buckets[-1] == ["+Inf", sent.filter(inflight_at__isnull=False).count()]
        assert total > 0


@pytest.mark.django_db
def test_the_totals_of_all_time_never_fall_and_count_nobody_twice():
    first = a_morning(100, now=NOW)
    writer = FigureKeeping(lambda: NOW)
    writer.write_due()

    def total(at: datetime) -> float:
        last = StoredFigures.objects.get(pk="run")
        keeping.store(
            "run", last, keeping._run(last, run_figures.running() or run_figures.latest(at), at), at
        )
        stored = StoredFigures.objects.get(pk="run").samples
        return value(stored, "daybreak_run_accepted_total", "utility")

    accepted = Delivery.objects.filter(state="ACCEPTED").count()
    assert total(NOW + timedelta(seconds=1)) == accepted
    # One fails later: the gauge falls, the total does not.
    one = Delivery.objects.filter(state="ACCEPTED")[0]
    Delivery.objects.filter(pk=one.pk).update(state="FAILED", reason="undeliverable")
    assert total(NOW + timedelta(seconds=2)) == accepted
    # Meta changes the category: nobody is counted again.
    type(first.used_template).objects.update(category="MARKETING")
    assert total(NOW + timedelta(seconds=2.5)) == accepted
    assert len(StoredFigures.objects.get(pk="run").samples["daybreak_run_accepted_total"]) == 1
    type(first.used_template).objects.update(category="UTILITY")
    Distribution.objects.filter(pk=first.pk).update(state="COMPLETED", completed_at=NOW)
    second = a_morning(100, now=NOW, seed=2)
    more = Delivery.objects.filter(distribution=second, state="ACCEPTED").count()
    assert total(NOW + timedelta(seconds=3)) == accepted + more
    Distribution.objects.filter(pk=second.pk).update(state="COMPLETED", completed_at=NOW)
    assert total(NOW + timedelta(seconds=4)) == accepted + more


@pytest.mark.django_db
def test_two_keepers_write_one_sheet_and_its_cost_decides_how_often():
    a_morning(100, now=NOW)
    FigureKeeping(lambda: NOW).write_due()
    before = StoredFigures.objects.get(pk="run")
    assert {one.name for one in StoredFigures.objects.all()} == set(keeping.MAKERS)
    with CaptureQueriesContext(connection) as caught:
        assert FigureKeeping(lambda: NOW + timedelta(seconds=0.3)).write_due()
    assert not [one for one in caught if "distribution_delivery" in one["sql"]]
    later = NOW + timedelta(seconds=1)
    assert keeping.store("run", before, keeping._run(before, run_figures.running(), later), later)
    assert not keeping.store(
        "run", before, keeping._run(before, run_figures.running(), later), later
    )

    assert keeping.pause_after(0.004, 2_000) == 1.0
    assert keeping.pause_after(0.04, 100_000) == 2.0
    assert keeping.pause_after(0.3, 2_000) == pytest.approx(10.0)


@pytest.mark.django_db
def test_when_one_begins_everything_is_fresh_and_nothing_is_written_without_need():
    now = NOW
    writer = FigureKeeping(lambda: now)
    assert not writer.write_due()
    now += timedelta(seconds=10)
    assert not writer.write_due()
    assert {one.at for one in StoredFigures.objects.all()} == {NOW}
    a_morning(100, now=now)
    assert writer.write_due()
    assert StoredFigures.objects.get(pk="run").at == now
    Distribution.objects.update(state="COMPLETED", completed_at=now)
    assert not writer.write_due()
    kept = StoredFigures.objects.get(pk="run").samples
    assert value(kept, "daybreak_run_active", "manual") == 0  # at once
    assert value(kept, "daybreak_run_people", "manual", "pending") > 0


@pytest.mark.django_db
def test_standing_figures_and_a_cost_that_was_counted_again():
    morning = a_morning(50, now=NOW)
    template, number = morning.used_template, PhoneNumber.objects.all()[0]
    DailySignals.objects.create(
        day=date(2026, 11, 22),
        template=template,
        number=number,
        delivered=1000,
        read=600,
        stop_words=20,
        stops=0,
        refusals=0,
        silent=0,
        held=0,
        counted_at=NOW,
    )
    cost = Cost.objects.create(
        distribution=morning,
        morning=date(2026, 11, 23),
        charged_on=date(2026, 11, 23),
        tier="PRO",
        category="utility",
        charged="CHARGED",
        currency="INR",
        count=100,
        amount="11.5",
    )
    samples = keeping._standing(None, [], NOW).samples

    assert value(samples, "daybreak_template_read_ratio", str(template)) == 0.6
    assert value(samples, "daybreak_template_stop_ratio", str(template)) == 0.02
    assert 0.01 < value(samples, "daybreak_template_stop_lower_bound_ratio", str(template)) < 0.02
    assert value(samples, "daybreak_cost_rupees_total", "utility") == 11.5
    assert value(samples, "daybreak_cost_per_message_rupees", "utility") == 0.115
    assert value(samples, "daybreak_sla_budget_remaining_ratio") == 1.0
    last = StoredFigures.objects.create(name="standing", at=NOW, samples=samples)
    Cost.objects.filter(pk=cost.pk).update(amount="9")
    again = keeping._standing(last, [], NOW).samples
    assert value(again, "daybreak_cost_rupees_total", "utility") == 11.5


@pytest.mark.django_db
def test_nothing_makes_any_number_of_series():
    morning = a_morning(500, now=NOW)
    rows = list(Delivery.objects.filter(state="FAILED"))
    for place, row in enumerate(rows):
        Delivery.objects.filter(pk=row.pk).update(reason=f"code_{place}")
    more = Delivery.objects.filter(state="ACCEPTED")[:80]
    for place, pk in enumerate(more.values_list("pk", flat=True)):
        Delivery.objects.filter(pk=pk).update(state="FAILED", reason=f"new_{place}")

    run = run_figures.look(morning, list(PhoneNumber.objects.all()), NOW)
    codes = [key for key in run_figures.counted(run) if "failures" in key]

    assert len(codes) <= run_figures.CODES_LIMIT + 1
    assert "daybreak_run_failures_total|other|ours" in codes
    pages = list(families(types.ALL, {"daybreak_run_active": [(["a", "b"], 1)], "gone": []}))
    assert len(pages) == len(types.ALL)  # of another shape, or unknown: left out
    assert not any(one.samples for one in pages)


@pytest.mark.django_db
def test_every_metric_of_the_catalogue_has_a_source():
    """Written once somewhere: a metric that nobody fills would be an empty panel for ever."""
    morning = a_morning(200, now=NOW)
    run = run_figures.of_runs([run_figures.look(morning, [], NOW)])
    assert {one.name for one in types.RUN} - set(run) == {
        "daybreak_run_completed_timestamp_seconds",
        "daybreak_snapshot_timestamp_seconds",
    }
    assert set(durations.of_runs([morning])) == {one.name for one in types.DURATIONS}
    assert {one.type for one in types.DURATIONS} == {HISTOGRAM}
