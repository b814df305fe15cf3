"""The stored figures equal the deliveries, whatever happened and in whatever order."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distribution import tasks
from distribution.analytics import rollups
from distribution.ledger import deliveries, doubts
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import closing, control
from distribution.models import Delivery, Distribution, State
from distribution.models.rollups import Rollup, RollupMark, RollupState
from distribution.outcomes import status_reports
from distribution.outcomes.report_rules import StatusReport
from tests.builders import LEASE, a_number, an_open_distribution, some_subscribers

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
INDIA = ZoneInfo("Asia/Kolkata")
OUTCOMES = {
    State.ACCEPTED: "accepted",
    State.HELD: "accepted",
    State.FAILED: "failed",
    State.SKIPPED: "skipped",
    State.UNCONFIRMED: "unconfirmed",
}
Figures = dict[tuple[object, ...], tuple[int, int, int]]


def by_hand() -> Figures:
    """Every delivery looked at, one by one."""
    found: dict[tuple[object, ...], Counter[str]] = {}
    for row in Delivery.objects.select_related("distribution__content"):
        outcome = OUTCOMES.get(State(row.state), "waiting")
        accepted = outcome == "accepted"
        local = row.accepted_at.astimezone(INDIA) if accepted else None
        key = (
            *(row.distribution_id, row.distribution.local_date, row.tier, row.number_id),
            row.distribution.content.message_template_id,
            *(local.hour if local else None, row.language, outcome),
            row.reason if outcome in ("failed", "skipped", "unconfirmed") else "",
        )
        counts = found.setdefault(key, Counter())
        counts["all"] += 1
        counts["delivered"] += accepted and row.progress >= 2
        counts["read"] += accepted and row.progress == 3
    return {key: (one["all"], one["delivered"], one["read"]) for key, one in found.items()}


def stored() -> Figures:
    columns = (
        "distribution",
        "day",
        "tier",
        "number",
        "message_template",
        "hour",
        "language",
        "outcome",
        "reason",
        "count",
        "delivered",
        "read",
    )
    rows = list(Rollup.objects.values_list(*columns))
    figures = {tuple(row[:9]): tuple(row[9:]) for row in rows}
    assert len(figures) == len(rows)
    return figures  # type: ignore[return-value]


def a_mixed_distribution() -> Distribution:
    a_number()
    for tier, language in (("PREMIUM", "en"), ("PRO", "hi"), ("BASIC", "en"), ("BASIC", "ta")):
        some_subscribers(2, tier=tier, language=language)
    return an_open_distribution(now=NOW)


def call(distribution: Distribution, outcome: State, number: int, later: int) -> None:
    now = NOW + timedelta(minutes=later)
    claim = deliveries.claim(distribution.pk, 0, limit=number, now=now, lease=LEASE)
    rows = claim.deliveries
    if not rows:
        return
    from phonepool.models import PhoneNumber

    number_id = PhoneNumber.objects.order_by("pk").first().pk
    marked = deliveries.mark_inflight(claim, rows, number_id=number_id, now=now, lease=LEASE)
    deliveries.settle(
        [
            Settlement(
                AttemptKey(row.pk, row.attempt_no + 1, claim.token),
                outcome,
                now,
                reason="" if outcome in (State.ACCEPTED, State.HELD) else f"why-{later % 3}",
                wamid=f"wamid.{row.pk}.{later}" if outcome == State.ACCEPTED else None,
                next_at=now if outcome == State.RETRY_WAIT else None,
            )
            for row in rows
            if row.pk in marked
        ]
    )


def tell(status: str, index: int, later: int) -> None:
    rows = list(Delivery.objects.filter(claim_token__isnull=False).order_by("pk"))
    if rows:
        row = rows[index % len(rows)]
        key = AttemptKey(row.pk, row.attempt_no, row.claim_token)
        at = NOW + timedelta(minutes=later)
        code = 131026 if status == "failed" else None
        told = StatusReport(status, at, row.wamid or f"wamid.{row.pk}.late", key, code)
        status_reports.apply_reports([told], now=at)


ended = st.sampled_from(
    [State.ACCEPTED, State.HELD, State.FAILED, State.UNKNOWN, State.RETRY_WAIT, State.SKIPPED]
)
steps = st.one_of(
    st.tuples(st.just("call"), ended, st.integers(1, 4)),
    st.tuples(
        st.just("tell"), st.sampled_from(["sent", "delivered", "read", "failed"]), st.integers(0, 9)
    ),
    st.tuples(st.sampled_from(["cancel", "close", "count", "doubt", "leave", "again"])),
)


def do(distribution: Distribution, step: tuple[object, ...], later: int) -> None:
    now = NOW + timedelta(minutes=later)
    match step:
        case ("call", State() as outcome, int(number)):
            call(distribution, outcome, number, later)
        case ("tell", str(status), int(index)):
            tell(status, index, later)
        case ("cancel",):
            with suppress(control.ControlError):
                control.cancel(distribution.pk, reason="Enough.", now=now)
        case ("close",):
            deliveries.skip_waiting(distribution.pk, DeliveryReason.WINDOW_OVER)
            closing.complete_if_done(distribution.pk, now=now + timedelta(hours=1))
        case ("count",):
            rollups.refresh(now)
        case ("doubt",):
            deliveries.expire_leases(now + timedelta(hours=1))
        case ("leave",):
            doubtful = Delivery.objects.filter(state__in=[State.UNKNOWN, State.HELD])
            doubts.leave_unconfirmed(list(doubtful.values_list("pk", flat=True)), "x", now=now)
        case ("again",):
            first = Delivery.objects.filter(state=State.UNCONFIRMED).order_by("pk").first()
            if first is not None:
                with suppress(control.ControlError), transaction.atomic():
                    control.reopen(distribution.pk, until=now + timedelta(hours=2))
                    doubts.resend_unconfirmed(first.pk, next_at=now)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(steps, max_size=14))
def test_after_any_events_in_any_order_the_figures_equal_the_rows(history):
    with transaction.atomic():
        distribution = a_mixed_distribution()
        for later, step in enumerate(history):
            do(distribution, step, later)
        end = NOW + timedelta(days=1)
        deliveries.expire_leases(end)
        do(distribution, ("leave",), 24 * 60)
        do(distribution, ("close",), 24 * 60)

        rollups.refresh(end + timedelta(hours=2))

        assert stored() == by_hand()
        assert sum(row[0] for row in stored().values()) == 8
        assert not RollupMark.objects.exists()
        transaction.set_rollback(True)


def closed() -> Distribution:
    distribution = a_mixed_distribution()
    call(distribution, State.ACCEPTED, 8, 0)
    assert closing.complete_if_done(distribution.pk, now=NOW + timedelta(hours=1))
    return distribution


def test_a_word_that_comes_after_the_end_is_counted_in_the_next_round():
    closed()
    tasks.refresh_rollups()
    assert stored() == by_hand()
    tell("read", 0, 70)
    assert stored() != by_hand()

    rollups.refresh(timezone.now() + timedelta(minutes=5))

    assert stored() == by_hand()


def test_what_changes_while_it_is_counted_is_counted_again(monkeypatch):
    distribution = closed()
    count = rollups.count_rows

    def slowly(one: Distribution) -> object:
        figures = count(one)
        monkeypatch.setattr(rollups, "count_rows", count)
        tell("read", 0, 70)  # committed after we have read
        return figures

    monkeypatch.setattr(rollups, "count_rows", slowly)
    assert rollups.recount(distribution, now=NOW)
    assert stored() != by_hand()
    assert RollupMark.objects.exists()

    rollups.refresh(NOW + timedelta(minutes=5))
    assert stored() == by_hand()


def test_a_count_that_was_overtaken_is_thrown_away(monkeypatch):
    distribution = closed()
    rollups.recount(distribution, now=NOW)
    count = rollups.count_rows

    def slowly(one: Distribution) -> object:
        figures = count(one)
        monkeypatch.setattr(rollups, "count_rows", count)
        tell("read", 0, 70)
        assert rollups.recount(one, now=NOW + timedelta(seconds=1))
        return figures

    monkeypatch.setattr(rollups, "count_rows", slowly)

    assert not rollups.recount(distribution, now=NOW + timedelta(seconds=2))
    assert stored() == by_hand()


def test_while_it_runs_it_is_not_counted():
    call(a_mixed_distribution(), State.ACCEPTED, 8, 0)
    tell("delivered", 0, 1)

    assert rollups.refresh(NOW + timedelta(minutes=5)) == 0


def test_a_costly_count_is_repeated_the_more_rarely():
    distribution = closed()
    rollups.recount(distribution, now=NOW)
    RollupState.objects.update(took_ms=2000)
    tell("read", 0, 70)

    assert rollups.refresh(NOW + timedelta(seconds=119)) == 0
    assert rollups.refresh(NOW + timedelta(seconds=120)) == 1


def test_figures_that_somebody_spoiled_are_found_and_mended():
    distribution = closed()
    rollups.recount(distribution, now=NOW)
    day = distribution.local_date.isoformat()
    call_command("rebuild_rollups", day, day, "--check")
    Rollup.objects.update(count=1)
    with pytest.raises(CommandError, match="differ from the deliveries"):
        call_command("rebuild_rollups", day, day, "--check")

    call_command("rebuild_rollups", day, day)

    call_command("rebuild_rollups", day, day, "--check")
    assert stored() == by_hand()


def test_the_language_is_that_of_the_morning_not_of_today():
    distribution = closed()
    distribution.deliveries.first().subscriber.__class__.objects.update(language="mr")
    rollups.refresh(NOW + timedelta(hours=2))

    assert set(Rollup.objects.values_list("language", flat=True)) == {"en", "hi", "ta"}
