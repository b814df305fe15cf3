"""The same content twice on one day (case P10)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from distribution.ledger.integrity.check import check_ledger
from distribution.lifecycle import confirmation, control, opening, schedule
from distribution.lifecycle.confirmation import Requester
from distribution.lifecycle.control import ControlError
from distribution.lifecycle.schedule import RepetitionError
from distribution.models import Content, Delivery, Distribution, DistributionState, Kind, State
from distribution.runtime import india_time
from tests.builders import a_number, a_user, an_approved_content, some_subscribers

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # India's 12:00
SOON = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def house(settings):
    settings.WHATSAPP_ACCESS_TOKEN = "t"
    settings.DAILY_TIME = time(6)
    some_subscribers(4)
    a_number()


def a_twin(content: Content) -> Content:
    """Another row that says the same."""
    return an_approved_content(
        day=content.day + timedelta(days=30),
        title="Another title",
        message_template=content.message_template,
        body_variables=content.body_variables,
    )


def opened(content: Content, *, again_reason: str = "", at: datetime = NOON) -> Distribution:
    planned = schedule.plan_once(at=at, content=content, again_reason=again_reason)
    assert opening.open_distribution(planned.pk, now=at)
    planned.refresh_from_db()
    return planned


def asked() -> Requester:
    return Requester(a_user().pk)


def states(distribution: Distribution) -> list[tuple[str, str]]:
    rows = Delivery.objects.filter(distribution=distribution).order_by("phone")
    return list(rows.values_list("state", "reason"))


def accept(distribution: Distribution, people: int) -> None:
    rows = Delivery.objects.filter(distribution=distribution).order_by("phone")
    pks = list(rows.values_list("pk", flat=True)[:people])
    Delivery.objects.filter(pk__in=pks).update(state=State.ACCEPTED, accepted_at=NOON)


@pytest.mark.parametrize("other", [lambda content: content, a_twin], ids=["row", "twin"])
def test_planning_the_same_content_twice_on_a_day_is_refused(other):
    content = an_approved_content(day=DAY + timedelta(days=300))
    second = other(content)
    first = schedule.plan_by_hand(at=SOON, content=content, requester=asked(), now=NOON)

    with pytest.raises(
        RepetitionError, match=rf"Distribution {first.pk} .* sends the same content"
    ):
        schedule.plan_by_hand(at=SOON, content=second, requester=asked(), now=NOON)

    confirmed = schedule.plan_by_hand(
        at=SOON, content=second, requester=asked(), now=NOON, again_reason="asha: a correction"
    )
    assert confirmed.again_reason == "asha: a correction"


def test_other_values_or_another_day_are_not_the_same():
    content = an_approved_content(day=DAY + timedelta(days=300))
    other = an_approved_content(
        day=DAY + timedelta(days=301),
        message_template=content.message_template,
        body_variables=["{name}", "Nifty opens higher"],
    )
    schedule.plan_by_hand(at=SOON, content=content, requester=asked(), now=NOON)

    schedule.plan_by_hand(at=SOON, content=other, requester=asked(), now=NOON)
    schedule.plan_by_hand(at=SOON + timedelta(days=1), content=content, requester=asked(), now=NOON)

    assert Distribution.objects.count() == 3


def test_what_the_daily_distribution_will_send_is_refused_as_well():
    tomorrow = DAY + timedelta(days=1)
    content = an_approved_content(day=tomorrow)
    at = india_time.local_datetime(tomorrow, time(9))

    with pytest.raises(RepetitionError, match="daily distribution of 2026-11-24"):
        schedule.plan_by_hand(at=at, content=a_twin(content), requester=asked(), now=NOON)


def test_starting_now_what_others_send_today_is_refused_without_a_reason():
    content = an_approved_content(day=DAY + timedelta(days=300))
    opened(content)
    planned = schedule.plan_once(at=SOON, content=a_twin(content))

    with pytest.raises(ControlError, match="sends the same content"):
        opening.start_now(planned.pk, now=NOON)
    planned.refresh_from_db()
    assert (planned.state, planned.planned_at) == (DistributionState.SCHEDULED, SOON)

    assert opening.start_now(planned.pk, now=NOON, again_reason="asha: a correction")
    assert states(planned) == [("PENDING", "")] * 4


def test_one_that_opens_by_itself_leaves_out_who_has_it_and_reaches_the_others():
    content = an_approved_content(day=DAY + timedelta(days=300))
    first = opened(content)
    accept(first, 2)
    rest = Delivery.objects.filter(distribution=first, state=State.PENDING)
    rest.update(state=State.FAILED, reason="unreachable")

    second = opened(a_twin(content), at=SOON)

    left_out = ("SKIPPED", "already_received")
    assert states(second) == [left_out, left_out, ("PENDING", ""), ("PENDING", "")]


def test_two_that_open_at_once_write_to_nobody_twice():
    content = an_approved_content(day=DAY + timedelta(days=300))

    both = [opened(content), opened(a_twin(content))]

    assert states(both[0]) == [("PENDING", "")] * 4
    assert states(both[1]) == [("SKIPPED", "already_received")] * 4


def test_the_rest_of_a_cancelled_one_may_be_sent():
    content = an_approved_content(day=DAY + timedelta(days=300))
    first = opened(content)
    accept(first, 1)
    control.cancel(first.pk, reason="A wrong number.", now=NOON)

    second = schedule.plan_by_hand(at=SOON, content=a_twin(content), requester=asked(), now=NOON)
    confirmation.confirm(second.pk, by=a_user(), now=NOON)
    assert opening.open_distribution(second.pk, now=SOON)

    assert states(second) == [("SKIPPED", "already_received")] + [("PENDING", "")] * 3


def test_a_confirmed_one_goes_to_everybody():
    content = an_approved_content(day=DAY + timedelta(days=300))
    accept(opened(content), 4)

    assert (
        states(opened(a_twin(content), again_reason="asha: a correction")) == [("PENDING", "")] * 4
    )


def test_the_daily_one_leaves_out_who_had_the_same_at_night():
    content = an_approved_content(day=DAY)
    night = india_time.local_datetime(DAY, time(0, 30))
    accept(opened(a_twin(content), at=night), 4)
    six = india_time.local_datetime(DAY, time(6))

    assert len(schedule.open_due(six)) == 1

    daily = Distribution.objects.get(kind=Kind.DAILY, local_date=DAY)
    assert states(daily) == [("SKIPPED", "already_received")] * 4


def test_the_integrity_check_reports_who_has_the_same_content_twice():
    content = an_approved_content(day=DAY + timedelta(days=300))
    first, second = opened(content), opened(a_twin(content))
    for one in (first, second):
        accept(one, 4)

    def found() -> int:
        results = {result.rule: result for result in check_ledger(now=NOON)}
        return results["same_content_once_a_day"].count

    assert found() == 4
    Distribution.objects.filter(pk=second.pk).update(again_reason="asha: a correction")
    assert found() == 0
