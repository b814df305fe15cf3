"""The alerts of a running distribution, from its deliveries to the alert's words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from distribution.lifecycle import closing
from distribution.metrics import receipt_figures
from distribution.models import Alert, Delivery, Distribution, ReceiptCurve, Severity, State
from distribution.service_level import receipt_watch, watch
from distribution.service_level.receipts import AGES
from phonepool.models import Breaker, PhoneNumber
from tests.builders import an_open_distribution
from tests.distribution.service_level.measured import NOW, WINDOW, seconds, sent
from webhooks.models import WebhookEvent


@pytest.fixture
def distribution(db) -> Distribution:
    return an_open_distribution(200, now=NOW)


def look(distribution: Distribution, *, after: float) -> dict[str, tuple[str, str]]:
    """The open alerts after so many seconds: rule → severity, message."""
    watch.refresh(distribution, now=NOW + seconds(after))
    rows = Alert.objects.filter(closed_at=None)
    return {row.rule: (row.severity, row.message) for row in rows}


def test_a_distribution_that_has_not_begun_says_so_and_what_limits_it(distribution):
    assert look(distribution, after=9) == {}

    severity, message = look(distribution, after=10)["sla_at_risk"]

    assert severity == Severity.CRITICAL
    assert "not one message was sent within 10 seconds." in message
    assert "No process has a message in hand. The keeper sends what no worker takes" in message

    PhoneNumber.objects.update(breaker=Breaker.OPEN)
    assert (
        "1 of 1 phone number can’t send. No other number"
        in (look(distribution, after=11)["sla_at_risk"][1])
    )


def test_held_messages_warn_above_one_per_cent_and_page_above_ten(distribution):
    sent(0, 197, at=1)
    for held, expected in ((2, None), (3, Severity.WARNING), (21, Severity.CRITICAL), (0, None)):
        sent(0, 200, at=1)
        sent(0, held, at=1, state=State.HELD)
        found = look(distribution, after=5).get("messages_held")
        assert (found[0] if found else None) == expected, held


def test_failures_of_ours_are_told_for_distribution_number_and_template(distribution):
    sent(0, 184, at=1)
    sent(184, 200, at=1, state=State.FAILED, reason="media_unusable")
    Delivery.objects.update(number=PhoneNumber.objects.get())

    found = look(distribution, after=5)

    assert {"failures_high", "number_failures", "template_failures"} <= set(found)
    assert "16 of 200 messages failed. Most often: " in found["failures_high"][1]
    assert found["number_failures"][0] == Severity.WARNING

    Delivery.objects.filter(state=State.FAILED).update(reason="undeliverable")
    assert not {"failures_high", "number_failures", "template_failures"} & set(
        look(distribution, after=10)
    )


def earlier_mornings(number: int) -> None:
    for no in range(1, number + 1):
        row = an_open_distribution(0, now=NOW - timedelta(days=no))
        Distribution.objects.filter(pk=row.pk).update(
            state="COMPLETED", local_date=date(2026, 11, 23) - timedelta(days=no), kind="DAILY"
        )
        category = row.content.message_template.category
        ReceiptCurve.objects.create(
            distribution=row, category=category, accepted=100, receipts=[90] * len(AGES)
        )


@pytest.mark.parametrize(("mornings", "told"), [(2, None), (3, Severity.CRITICAL)])
def test_receipts_that_stay_away_are_told_once_three_mornings_are_known(
    distribution, mornings, told
):
    earlier_mornings(mornings)
    sent(0, 200, at=1, inflight_at=NOW + seconds(1))

    # Whatever has come since waits to be applied: as of then, nothing was due.
    waiting = WebhookEvent(body=b"{}", digest="d", secret_no=0, received_at=NOW + seconds(2))
    waiting.save()
    assert "receipts_late" not in look(distribution, after=20)
    waiting.delete()

    found = look(distribution, after=20).get("receipts_late")

    assert (found[0] if found else None) == told
    shown = receipt_figures.of_runs([distribution], NOW + seconds(20))
    low = {receipt_figures.NAME: [(["manual", "5"], 0.0), (["manual", "10"], 0.0)]}
    assert shown == (low if told else {})  # Prometheus judges by the same figure
    if found:
        assert "0.0% of the receipts expected by now have come." in found[1]
        sent(0, 200, at=1, delivered=21)
        assert "receipts_late" not in look(distribution, after=60)


def test_a_daily_distribution_leaves_its_curve_and_tells_what_it_cost(distribution):
    Distribution.objects.update(kind="DAILY", local_date=date(2026, 11, 23))
    distribution.refresh_from_db()
    sent(0, 100, at=1, delivered=2)
    sent(100, 180, at=1, delivered=60)
    sent(180, 190, at=1)
    sent(190, 200, at=1, state=State.FAILED, reason="send_failed", accepted_at=None)

    assert closing.complete_if_done(distribution.pk, now=NOW + seconds(WINDOW + 1))

    curve = ReceiptCurve.objects.get()
    assert (curve.accepted, curve.receipts) == (190, [100] * 6 + [180] * 3)
    receipt_watch.keep(distribution)  # a second closing changes nothing
    assert ReceiptCurve.objects.count() == 1
    alert = Alert.objects.get(rule="error_budget")
    assert (alert.scope, alert.severity) == ("day 2026-11-23", Severity.WARNING)
    assert "spent 17.8% of the error budget of 28 days" in alert.message
