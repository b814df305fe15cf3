"""Paused, stalled, lagging, blocked, cancelled and ended distributions: all pages and the API say
the same of one, in verdict, colour, estimate and numbers."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from distribution.lifecycle import control
from distribution.models import (
    Delivery,
    Distribution,
    DistributionState,
    Progress,
    Scope,
    State,
)
from distribution.reporting import dashboard
from distribution.reporting.snapshot import take_snapshot
from phonepool import errors
from phonepool.models import PhoneNumber
from tests.api.tokens import a_header
from tests.builders import a_planned_distribution, an_open_distribution
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_shared():
    dashboard.shared.clear()


def fragment(client: Client) -> str:
    dashboard.shared.clear()
    return client.get("/dashboard/board/").content.decode()


def page(client: Client, distribution: Distribution) -> str:
    path = f"/admin/distribution/distribution/{distribution.pk}/change/"
    return client.get(path).content.decode()


def tile(html: str) -> tuple[str, str, str]:
    """The service level's colour, figure and word."""
    found = re.search(
        r'tile tile-(\w+) tile-wide"><h2>Service level</h2><p class="figure">([^<]*)</p>'
        r'<p class="word">([^<]*)</p>',
        html,
    )
    assert found is not None
    return found[1], found[2], found[3]


def status(distribution: Distribution) -> dict[str, Any]:
    answer = Client().get(
        f"/api/distribution/status?id={distribution.pk}", headers=a_header(Scope.READ)
    )
    assert answer.status_code == 200
    return dict(answer.json())


def running(people: int = 100, *, accepted: int = 0, began: float = 60) -> Distribution:
    """So many people, of whom the first were accepted right at the start, `began` seconds ago."""
    now = timezone.now()
    distribution = an_open_distribution(people, now=now - timedelta(seconds=began))
    first = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:accepted])
    Delivery.objects.filter(pk__in=first).update(
        state=State.ACCEPTED,
        accepted_at=now - timedelta(seconds=began - 1),
        progress=Progress.SENT,
        number=PhoneNumber.objects.first(),
    )
    return distribution


def test_a_paused_one_is_on_no_course_and_promises_no_end():
    distribution = running(accepted=40)
    control.pause(distribution.pk, reason="operator: a wrong price", now=timezone.now())
    viewer = a_client("Viewer")
    for html in (fragment(viewer), page(viewer, distribution)):
        assert tile(html) == ("warn", "40.0%", "Paused")
        assert "on course" not in html.lower()
        assert "All sent by" not in html
        assert "Paused: nothing is being sent." in html
        assert "accepted per second" not in html
        assert ">sending<" not in html  # the numbers
        assert "operator: a wrong price" in html
    told = status(Distribution.objects.get(pk=distribution.pk))
    assert (told["sla"]["verdict"], told["estimated_completion"], told["rate"]) == (
        "paused",
        None,
        0,
    )
    assert {one["standing"] for one in told["numbers"]} == {"ready"}
    home = viewer.get("/admin/").content.decode()
    assert "Paused: Manual distribution" in home
    assert "Nothing is being sent." in home


def test_calls_that_a_pause_withdrew_will_be_retried_and_nobody_calls_them_cancelled():
    distribution = running(accepted=40)
    waiting = Delivery.objects.filter(state=State.PENDING).order_by("pk").first()
    assert waiting is not None
    Delivery.objects.filter(pk=waiting.pk).update(
        state=State.RETRY_WAIT, reason=errors.WITHDRAWN.slug
    )
    control.pause(distribution.pk, reason="operator: look", now=timezone.now())
    viewer = a_client("Viewer")
    subscriber = f"/admin/subscribers/subscriber/{waiting.subscriber_id}/change/"
    for html in (fragment(viewer), page(viewer, distribution)):
        assert "Will retry" in html
        assert "Stopped before it was sent" in html
        assert "cancelled" not in html.lower()
    assert "distribution was cancelled" not in viewer.get(subscriber).content.decode()


def test_one_that_sends_nothing_for_a_while_is_stalled():
    distribution = running(1000, accepted=40, began=100)
    viewer = a_client("Viewer")
    colour, _figure, word = tile(fragment(viewer))
    assert (colour, word) == ("bad", "Stalled")
    assert "All sent by" not in page(viewer, distribution)
    assert status(distribution)["sla"]["verdict"] == "stalled"


def test_a_lagging_one_is_at_risk_and_ends_when_its_own_pace_says():
    distribution = running(1000, accepted=40, began=100)
    now = timezone.now()
    late = list(Delivery.objects.filter(state=State.PENDING).values_list("pk", flat=True)[:10])
    Delivery.objects.filter(pk__in=late).update(
        state=State.ACCEPTED, accepted_at=now - timedelta(seconds=1), progress=Progress.SENT
    )
    seen = take_snapshot(distribution, now=now)
    assert seen.verdict.word == "at risk"
    assert seen.rate == 1.0
    assert seen.sla.estimated_completion == now + timedelta(seconds=950)


def test_one_at_full_speed_is_on_course():
    distribution = running(1000, accepted=900, began=5)
    assert take_snapshot(distribution, now=timezone.now()).verdict.word == "on course"


def test_a_cancelled_one_that_never_sent_has_no_service_level_anywhere():
    now = timezone.now()
    distribution = a_planned_distribution(now + timedelta(hours=1))
    control.cancel(distribution.pk, reason="operator: not today", now=now)
    check_has_none(distribution)


def test_a_cancelled_one_that_was_half_sent_has_no_service_level_either():
    distribution = running(accepted=50)
    Distribution.objects.update(sla_accepted=0.5, sla_delivered=0.2)
    control.cancel(distribution.pk, reason="operator: stop", now=timezone.now())
    check_has_none(distribution)


def check_has_none(distribution: Distribution) -> None:
    viewer = a_client("Viewer")
    html = page(viewer, distribution)
    assert tile(html) == ("calm", "–", "Cancelled")
    assert "Not measured" in html
    listed = viewer.get("/admin/distribution/distribution/").content.decode()
    assert "%" not in re.sub(r"(?s)<style.*?</style>|<[^>]*>", "", listed)
    told = status(distribution)["sla"]
    assert (told["verdict"], told["accepted_share"], told["delivered_share"]) == (
        "cancelled",
        None,
        None,
    )


def test_a_blocked_one_whose_time_has_come_is_what_the_dashboard_shows():
    now = timezone.now()
    done = running(accepted=100)
    Distribution.objects.filter(pk=done.pk).update(
        state=DistributionState.COMPLETED, completed_at=now, sla_accepted=1.0, sla_delivered=0.9
    )
    a_planned_distribution(
        now - timedelta(minutes=5),
        state=DistributionState.BLOCKED,
        state_reason="No phone number can send.",
    )
    html = fragment(a_client("Viewer"))
    assert tile(html) == ("bad", "–", "Blocked")
    assert "No phone number can send." in html
    assert "5 min ago" in html


def test_one_that_is_over_shows_the_same_figure_everywhere(settings):
    """98.96% is not 99%: floored once, for all; what was delivered stands beside it."""
    now = timezone.now()
    distribution = running(100, accepted=100)
    Distribution.objects.filter(pk=distribution.pk).update(
        kind="DAILY",
        state=DistributionState.COMPLETED,
        completed_at=now,
        sla_accepted=0.9896,
        sla_delivered=0.88799,
        results={"failed": 1, "owed": 100},
    )
    distribution.refresh_from_db()
    viewer = a_client("Viewer")
    template = distribution.content.message_template_id
    pages = {
        "dashboard": fragment(viewer),
        "page": page(viewer, distribution),
        "today": viewer.get("/admin/").content.decode(),
        "list": viewer.get("/admin/distribution/distribution/").content.decode(),
        "template": viewer.get(
            f"/admin/distribution/messagetemplate/{template}/change/"
        ).content.decode(),
    }
    for name, html in pages.items():
        assert "98.9%" in html, name
        assert "88.7%" in html, name
        figures = html.replace("asks for 99.0% by", "").replace("target 99.0%", "")
        assert "99.0%" not in figures, name
    told = status(distribution)["sla"]
    assert (told["verdict"], told["accepted_share"], told["delivered_share"]) == (
        "missed",
        0.9896,
        0.88799,
    )
    assert told["basis"] == "accepted"


def test_accepted_is_the_headline_unless_the_setting_says_otherwise(settings):
    distribution = running(100, accepted=100)
    now = timezone.now()
    assert settings.SLA_BASIS == "accepted"
    assert take_snapshot(distribution, now=now).verdict.word == "met"
    assert take_snapshot(distribution, now=now).target == "99% accepted within 5 minutes"
    settings.SLA_BASIS = "delivered"
    assert take_snapshot(distribution, now=now).verdict.word == "on course"
    assert take_snapshot(distribution, now=now).headline == "0.0%"
