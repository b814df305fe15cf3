"""The figures on a distribution's page, which follow it while it runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.template.loader import render_to_string
from django.utils import timezone

from distribution.models import Distribution
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.reporting import dashboard
from distribution.reporting.snapshot import take_snapshot

TEMPLATE = "admin/distribution/distribution/figures.html"
STARTS_SOON = timedelta(minutes=15)  # from then on its page waits for the start


def refresh_ms(distribution: Distribution, now: datetime) -> int:
    """How often its page asks for the figures, in milliseconds; 0: they do not change by
    themselves."""
    if distribution.state in RUNNING:
        return dashboard.RUNNING_REFRESH_MS
    if distribution.state in UNOPENED and distribution.planned_at - now <= STARTS_SOON:
        return dashboard.IDLE_REFRESH_MS
    return 0


def current(distribution: Distribution) -> str:
    """The figures as HTML, made once a second for everybody who looks."""
    return dashboard.shared.get(f"figures {distribution.pk}", lambda: _render(distribution))


def _render(distribution: Distribution) -> str:
    now = timezone.now()
    context = {
        "distribution": distribution,
        "snapshot": take_snapshot(distribution, now=now),
        "refresh_ms": refresh_ms(distribution, now),
    }
    return render_to_string(TEMPLATE, context)
