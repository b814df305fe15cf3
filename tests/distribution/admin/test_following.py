"""The figures on a distribution's page, as its script asks for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from distribution.admin.distributions import figures
from distribution.models import Distribution
from tests.distribution.staff import a_client
from tests.mornings import a_morning

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "planned_in", "milliseconds"),
    [
        ("SENDING", timedelta(0), 1000),
        ("PAUSED", timedelta(hours=-2), 1000),
        ("BLOCKED", timedelta(hours=-1), 5000),
        ("SCHEDULED", timedelta(minutes=15), 5000),
        ("SCHEDULED", timedelta(minutes=16), 0),
        ("COMPLETED", timedelta(0), 0),
        ("CANCELLED", timedelta(0), 0),
    ],
)
def test_a_page_follows_what_runs_or_starts_soon(state, planned_in, milliseconds):
    distribution = Distribution(state=state, planned_at=NOW + planned_in)

    assert figures.refresh_ms(distribution, NOW) == milliseconds


@pytest.mark.django_db
def test_the_figures_are_asked_for_while_it_runs_and_not_afterwards():
    morning = a_morning(20, now=NOW, local_date=NOW.date())
    client = a_client("Viewer")
    page = reverse("admin:distribution_distribution_change", args=[morning.pk])
    address = reverse("admin:distribution_figures", args=[morning.pk])

    shown = client.get(page).content.decode()
    assert f'data-fragment-url="{address}"' in shown
    assert "distribution/follow.js" in shown

    answer = client.get(address)
    text = answer.content.decode()
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    assert 'data-refresh-ms="1000" data-state="SENDING"' in text
    assert "<html" not in text

    Distribution.objects.update(state="COMPLETED", completed_at=NOW)
    assert "distribution/follow.js" not in client.get(page).content.decode()
    assert a_client(None).get(address).status_code == 403
