"""Meta and the way to it: no connection, no answer, half an answer, wrong answers, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from config.demo.preparation import POOL
from distribution.lifecycle import control
from distribution.models import Attempt, Delivery
from phonepool.models import PhoneNumber
from phonepool.numbers import health
from tests.faults.checker import assert_kept
from tests.faults.stack import TEMPLATE

PEOPLE = 150
FIRST, SECOND, BACKUP = (line.meta_id for line in POOL)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(build):
    return build(PEOPLE, proxied=("meta",))


def often(do: str, share: float = 0.15, **more: Any) -> dict[str, Any]:
    """A fault for a share of the calls, for a minute; or for eight seconds if it leaves doubt
    about what was not accepted: that is sent again once, so the second call must arrive."""
    seconds = 8 if do in ("hang", "reset_before_read", "http") else 60
    return {"match": {"probability": share}, "do": do, "for_seconds": seconds, **more}


def storm(seconds: float, code: int, number: str = "", **more: Any) -> dict[str, Any]:
    """Every call, or every one of a number, is refused with `code` for so long."""
    match = {"number": number} if number else {}
    return {"match": match, "do": "error", "code": code, "for_seconds": seconds, **more}


# Accepted all the same: found again by the webhooks, never sent twice.
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([often("accept_then_reset")], id="F40 accepted, then a reset"),
        pytest.param([often("accept_then_delay", seconds=3)], id="F41 answered too late"),
        pytest.param(
            [
                often("truncated_200", 0.06),
                often("200_without_id", 0.06),
                often("accept_then_http", 0.06),
                often("accept_but_error", 0.06, code=131000),
                often("slow_drip", 0.06, seconds=3),
            ],
            id="F42 half an answer, or a wrong one",
        ),
    ],
)
def test_an_answer_that_was_lost_is_found_in_the_webhooks(house, faults):
    morning = house.open()
    house.stack.cloud.faults(*faults)
    morning.wait_ended()

    assert house.stack.cloud.struck() > 0
    doubtful = Attempt.objects.filter(delivery__distribution=morning.pk, outcome="UNKNOWN")
    assert doubtful.exists()
    rows = Delivery.objects.filter(distribution=morning.pk)
    assert not rows.filter(ambiguous_no__gt=0).exists()  # I13: nobody was sent to again
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


# Not accepted: refused, or never arrived. Everybody is sent to in the end.
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([often("reset_before_read", 0.1)], id="F40 a reset before it was read"),
        pytest.param([often("hang", 0.1, seconds=3)], id="F41 no answer at all"),
        pytest.param([storm(4, 131016, status=503)], id="F43 all refused for seconds"),
        pytest.param([often("error", 0.3, code=131016, status=503)], id="F43 a third refused"),
        pytest.param([often("http", 0.1, status=502)], id="F43 a page from something between"),
        pytest.param([often("http", 0.2, status=429)], id="A11 a page that says: too fast"),
        # Twelve alike may be a failure of everybody, and pause.
        pytest.param([often("http", 0.1, status=403, times=10)], id="A11 a proxy's page"),
        pytest.param([storm(3, 130429, FIRST)], id="F44 one number is too fast"),
        pytest.param([storm(3, 130429)], id="F44 all numbers are too fast"),
        pytest.param([storm(1, 80007, retry_after=3)], id="F45 the account is too fast"),
    ],
)
def test_who_was_refused_or_not_reached_is_sent_to_in_the_end(house, faults):
    morning = house.open()
    morning.wait_accepted(5)
    house.stack.cloud.faults(*faults)
    house.stack.wait(lambda: house.stack.cloud.struck() > 0, "a call is struck")
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f39_a_connection_that_never_came_about_leaves_no_doubt(house):
    morning = house.open()
    house.stack.proxies["meta"].refuse()
    house.stack.wait(
        lambda: (
            Attempt.objects.filter(delivery__distribution=morning.pk, outcome="NOT_SENT").count()
            > 10
        ),
        "connections are refused",
    )
    mended_at = timezone.now()
    house.stack.proxies["meta"].mend()
    morning.wait_ended()

    attempts = Attempt.objects.filter(delivery__distribution=morning.pk)
    # Answers may be late on a busy machine, but there were none to wait for until then.
    assert not attempts.filter(outcome="UNKNOWN").exclude(started_at__gte=mended_at).exists()
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


@pytest.mark.parametrize("how", ["reset", "cut"])
def test_f40_the_wire_breaks_under_the_calls(house, how):
    morning = house.open()
    proxy = house.stack.proxies["meta"]
    for share in (15, 45, 75):
        morning.wait_accepted(share)
        if how == "reset":
            proxy.reset()
        else:
            proxy.cut(100)  # in the middle of the next answer of each connection
            house.stack.live_for(0.3)
            proxy.mend()
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f46_a_number_falls_out_and_the_backup_takes_its_share(house):
    morning = house.open()
    morning.wait_accepted(20)
    house.stack.cloud.post(f"number/{SECOND}", {"status": "FLAGGED"})
    morning.wait_ended()

    backup = PhoneNumber.objects.get(meta_id=BACKUP)
    assert Delivery.objects.filter(distribution=morning.pk, number=backup).exists()
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f47_all_numbers_fall_out_and_come_back(house):
    morning = house.open()
    morning.wait_accepted(20)
    numbers = (FIRST, SECOND, BACKUP)
    for number in numbers:
        house.stack.cloud.post(f"number/{number}", {"status": "RATE_LIMITED"})
    held = morning.wait_at_rest()
    house.stack.cloud.calm()
    for row in PhoneNumber.objects.all():
        health.apply_quality(row.pk, "HIGH", now=timezone.now())
    morning.wait_ended()

    assert held < PEOPLE
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f48_a_template_that_meta_pauses_stops_the_sending_until_it_is_approved_again(house):
    morning = house.open()
    morning.wait_accepted(20)
    house.stack.cloud.post(f"template/{TEMPLATE}", {"status": "PAUSED"})
    house.stack.wait(lambda: morning.state() == "PAUSED", "it is paused")
    held = morning.wait_at_rest()
    house.stack.live_for(2.0)
    still = morning.accepted()

    house.stack.cloud.post(f"template/{TEMPLATE}", {"status": "APPROVED"})
    morning.wait_ended()

    assert still == held < PEOPLE
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f49_a_token_that_expired_pauses_and_burns_no_retries(house):
    morning = house.open()
    morning.wait_accepted(20)
    house.stack.cloud.post("account", {"token_ok": False})
    house.stack.wait(lambda: morning.state() == "PAUSED", "it is paused")
    house.stack.live_for(2.0)

    house.stack.cloud.post("account", {"token_ok": True})
    control.resume(morning.pk, now=timezone.now())
    morning.wait_ended()

    rows = Delivery.objects.filter(distribution=morning.pk)
    assert not rows.filter(tries_charged__gt=0).exists()
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)
