from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.alerts import number_supply
from distribution.models import Alert, QualitySource, Severity
from distribution.quality import drops, history
from phonepool.models import Breaker, NumberState, PhoneNumber
from tests.builders import a_number, a_planned_distribution, a_template

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # 05:30 in India


def supply() -> dict[str, str]:
    """The open alerts: rule → message."""
    number_supply.refresh(PhoneNumber.objects.all(), now=NOW)
    return dict(Alert.objects.filter(closed_at=None).values_list("rule", "message"))


def test_no_number_that_can_send_is_told_at_any_hour_with_each_reason():
    assert supply() == {}  # not set up yet

    first, second = a_number(label="first"), a_number(label="second")
    PhoneNumber.objects.filter(pk=first.pk).update(
        state=NumberState.DISABLED, state_reason="by hand"
    )
    PhoneNumber.objects.filter(pk=second.pk).update(breaker=Breaker.OPEN)
    assert supply() == {
        "no_number_available": "None of 2 phone numbers can send (first: disabled, by hand; "
        "second: calls fail)."
    }

    PhoneNumber.objects.filter(pk=second.pk).update(
        breaker=Breaker.CLOSED, state=NumberState.STANDBY
    )
    assert supply() == {}


def test_the_last_number_is_told_only_when_a_distribution_is_near():
    first, _second = a_number(label="first"), a_number(label="second")
    PhoneNumber.objects.exclude(pk=first.pk).update(state=NumberState.DISABLED)
    assert supply() == {}

    a_planned_distribution(NOW + timedelta(minutes=30))
    assert supply() == {"last_number": "first is the only one of 2 phone numbers that can send."}


def test_a_quality_that_fell_is_told_until_it_rises_again():
    number, template = a_number(label="first", quality="HIGH"), a_template()

    def note(before: str, after: str) -> set[tuple[str, str]]:
        PhoneNumber.objects.update(quality=after)
        number.refresh_from_db()
        history.note_number(number, before, after, QualitySource.POLL, at=NOW)
        drops.refresh(NOW)
        return set(Alert.objects.filter(closed_at=None).values_list("rule", "severity"))

    assert note("UNKNOWN", "HIGH") == set()
    assert note("HIGH", "MEDIUM") == {("number_quality", Severity.WARNING)}
    assert note("MEDIUM", "LOW") == {("number_quality", Severity.CRITICAL)}
    assert "fell from medium to low" in Alert.objects.get(closed_at=None).message
    assert note("LOW", "MEDIUM") == set()

    type(template).objects.update(quality="RED")
    template.refresh_from_db()
    history.note_template(template, "GREEN", "RED", QualitySource.WEBHOOK, at=NOW)
    history.note_template(
        template, "RED", history.ABOVE_LIMIT, QualitySource.PROXY, at=NOW
    )  # our own count is told by the rotation of its group
    drops.refresh(NOW)
    alert = Alert.objects.get(closed_at=None)
    assert (alert.rule, alert.severity) == ("template_quality", Severity.CRITICAL)
