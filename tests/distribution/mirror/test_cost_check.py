"""Our charges beside Meta's own sums, which the sandbox tells with noise of 1%."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from distribution import tasks
from distribution.analytics import rollups
from distribution.mirror import cost_check
from distribution.models import Alert, Cost, CostCheck, OutgoingEvent
from phonepool.cloud_api import pricing
from phonepool.cloud_api.pricing import PricedMessages
from phonepool.errors import NO_ANSWER
from phonepool.exceptions import Unanswered
from sandbox.graph import pricing_analytics
from sandbox.world.world import World
from tests.builders import a_number, a_waba, some_subscribers
from tests.distribution.cost_days import SIX, a_morning, a_world, end, statuses_of
from tests.distribution.staff import a_client
from tests.webhooks.posts import apply

pytestmark = pytest.mark.django_db
NEXT_DAY = SIX + timedelta(days=1)
POINT = {"start": 1, "volume": 1, "cost": 1}


class Meta:
    """Reads the sandbox's `pricing_analytics` as the client does; None: Meta does not answer."""

    def __init__(self, world: World | None) -> None:
        self.world = world

    def pricing_analytics(self, account_id: str, start: int, end: int) -> list[PricedMessages]:
        if self.world is None:
            raise Unanswered(NO_ANSWER)
        self.world.clock.at = NEXT_DAY + timedelta(hours=4)  # type: ignore[attr-defined]
        fields = pricing.query(start, end)["fields"]
        waba = self.world.wabas[account_id]
        return pricing.points(pricing_analytics.answer(self.world, waba, fields))


@pytest.fixture
def world() -> World:
    """A morning of 300 people over two numbers of an account, all applied and counted."""
    waba = a_waba("900", currency="INR", time_zone="Asia/Kolkata")
    numbers = [a_number(waba=waba, display_number=f"+91 98000 0000{n}") for n in range(2)]
    world = a_world(SIX, numbers=numbers)
    distribution = a_morning(some_subscribers(300), numbers, at=SIX)
    bodies, last = statuses_of(world, distribution, category="UTILITY", at=SIX)
    apply(*bodies, now=last)
    end(distribution, SIX)
    rollups.recount(distribution, now=SIX)
    return world


def check(world: World | None) -> int:
    return cost_check.check(Meta(world), now=NEXT_DAY)  # type: ignore[arg-type]


def alerts() -> list[tuple[str, bool]]:
    rows = Alert.objects.filter(rule="cost_differs").order_by("pk")
    return [(alert.message, alert.closed_at is None) for alert in rows]


def test_noise_of_one_percent_is_no_difference_and_both_figures_are_kept(world):
    assert check(world) == 0

    rows = CostCheck.objects.exclude(our_messages=0)
    assert {row.day for row in rows} >= {date(2026, 11, 29)}
    for row in rows:
        assert abs(row.our_messages - row.metas_messages) <= 0.011 * row.our_messages + 1
        assert row.currency == "INR"
    assert alerts() == []


def test_a_difference_beyond_two_percent_alerts_once_and_closes_when_it_is_gone(world):
    Cost.objects.filter(charged="CHARGED").update(count=100, amount=Decimal("11.5"))
    assert check(world) == check(world) == 1
    ((message, is_open),) = alerts()
    assert "900: on 29 Nov 2026 we charged 200 messages, Meta " in message
    assert "0 messages had no pricing from Meta." in message
    assert is_open
    event = OutgoingEvent.objects.get(kind="cost.differs").data["cost_check"]
    assert (event["account"], event["day"], event["our_messages"]) == ("900", "2026-11-29", 200)
    assert event["our_amount"] == "23.0000"

    rollups.recount(Cost.objects.first().distribution, now=NEXT_DAY)
    check(world)

    assert [is_open for _, is_open in alerts()] == [False]


def test_unpriced_messages_explain_a_difference(world):
    Cost.objects.update(charged="UNPRICED", amount=0)

    check(world)

    # Some are delivered, and charged, a day later.
    that_day = Cost.objects.filter(charged_on=date(2026, 11, 29))
    count = f"{that_day.aggregate(all=Sum('count'))['all']:,}"
    assert f"{count} messages had no pricing from Meta." in alerts()[-1][0]


def test_an_account_that_cannot_be_read_changes_nothing(world):
    check(world)
    before = list(CostCheck.objects.values())

    assert check(None) == 0
    assert list(CostCheck.objects.values()) == before


@pytest.mark.parametrize(
    ("ours", "metas", "expected"),
    [(0, 5, False), (0, 6, True), (1000, 980, False), (1000, 979, True), (979, 1000, True)],
)
def test_what_counts_as_a_difference(ours, metas, expected):
    assert cost_check.differs(ours, metas) is expected


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"pricing_analytics": []},
        {
            "pricing_analytics": {
                "data": [{"data_points": [{"start": "x", "volume": 1, "cost": 1}]}]
            }
        },
        {
            "pricing_analytics": {
                "data": [{"data_points": [{"start": 1, "volume": 1, "cost": "?"}]}]
            }
        },
        {"pricing_analytics": {"data": [{"data_points": [{"start": 1, "volume": -1, "cost": 1}]}]}},
        {"pricing_analytics": {"data": [{"data_points": [None, 7]}]}},
    ],
)
def test_what_cannot_be_read_is_left_out(document: Any):
    assert pricing.points(document) == []


def test_the_task_asks_meta_and_the_page_shows_both(world, monkeypatch, time_machine):
    time_machine.move_to(NEXT_DAY, tick=False)
    monkeypatch.setattr("distribution.tasks.client.client", lambda: Meta(world))
    assert tasks.check_costs() == 0

    page = a_client("Viewer").get("/admin/distribution/rate/costs/").content.decode()

    assert "Compared with Meta" in page
    assert "Agrees" in page
