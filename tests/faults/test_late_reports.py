"""What Meta takes back after it accepted: nobody is given up for trouble that is not theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.utils import timezone

from distribution.lifecycle import control
from distribution.models import Alert, Attempt, Delivery
from phonepool.models import PhoneEvent, PhoneNumber
from tests.faults.checker import assert_kept
from tests.faults.stack import TEMPLATE

PEOPLE = 300
THROTTLED, TEMPLATE_PAUSED, ACCOUNT_LOCKED, UNPAID = 130429, 132015, 131031, 131042
PORTFOLIO_DROP = 135000


@pytest.fixture(scope="module")
def house(build):
    return build(PEOPLE)


def attempts_reported(morning: Any, code: int) -> int:
    rows = Attempt.objects.filter(delivery__distribution=morning.pk, outcome="REPORTED")
    return rows.filter(code=code).count()


def wait_paused(house: Any, morning: Any) -> None:
    house.stack.wait(lambda: morning.state() == "PAUSED", "it is paused")
    morning.wait_at_rest()


@contextmanager
def believed_to_do(house: Any, rate: int) -> Iterator[None]:
    """Our numbers at `rate`; what the sandbox's do not do is accepted and fails later."""
    rates = dict(PhoneNumber.objects.values_list("pk", "rate_per_second"))
    house.stack.cloud.patch("settings", {"rate_refusal": "webhook", "rate_burst": 0})
    PhoneNumber.objects.update(rate_per_second=rate)
    try:
        yield
    finally:
        house.stack.cloud.patch("settings", {"rate_refusal": "400", "rate_burst": 8})
        for pk, own in rates.items():
            PhoneNumber.objects.filter(pk=pk).update(rate_per_second=own)


def test_throttling_that_is_reported_late_cuts_the_rate_and_loses_nobody(house):
    """Case A9: the numbers do 20/s, as a coexistence number does, and are believed to do 60."""
    house.stack.heal()
    with believed_to_do(house, 60):
        morning = house.open_as_it_is()
        morning.wait_ended(150.0)

        assert attempts_reported(morning, THROTTLED) > 0
        assert PhoneEvent.objects.filter(kind="rate_cut").exists()
        assert morning.tally() == {"ACCEPTED": PEOPLE}
        assert_kept(house.stack, morning.pk, unexplained_ends=True)


@pytest.mark.parametrize("code", [TEMPLATE_PAUSED, ACCOUNT_LOCKED, UNPAID])
def test_a_late_refusal_for_all_pauses_and_everybody_is_reached_after_the_resume(house, code):
    """K3: late, the code means what it means in the answer."""
    morning = house.open()
    house.stack.cloud.post("late_failure", {"share": 0.5, "code": code, "for_seconds": 600})
    wait_paused(house, morning)

    house.stack.cloud.calm()
    assert morning.tally().get("FAILED", 0) == 0
    control.resume(morning.pk, now=timezone.now())
    morning.wait_ended()

    assert attempts_reported(morning, code) > 0
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk, unexplained_ends=True)


@pytest.mark.parametrize(
    ("kind", "code"), [("template", TEMPLATE_PAUSED), ("portfolio", PORTFOLIO_DROP)]
)
def test_what_meta_held_and_dropped_is_never_sent_again_and_the_others_wait(house, kind, code):
    """G1: dropped messages end as failed; who was not sent to waits for a person."""
    morning = house.open()
    morning.wait_accepted(60)
    house.stack.cloud.post("pacing", {"hold": True})
    morning.wait_accepted(120)
    house.stack.cloud.post("pacing", {"drop": kind})
    wait_paused(house, morning)
    # Whoever resumes earlier is paused again by the next drop.
    house.stack.wait(lambda: not morning.tally().get("HELD"), "the drops are reported")

    house.stack.cloud.post("pacing", {"release": True})
    house.stack.cloud.post(f"template/{TEMPLATE}", {"status": "APPROVED"})
    if kind == "portfolio":  # the template's own approval resumes it
        control.resume(morning.pk, now=timezone.now())
    morning.wait_ended()

    dropped = attempts_reported(morning, code)
    assert dropped > 0
    failed = Delivery.objects.filter(distribution=morning.pk, state="FAILED")
    assert set(failed.values_list("attempt_no", flat=True)) <= {1}
    assert failed.count() == dropped
    assert morning.tally()["ACCEPTED"] == PEOPLE - dropped
    assert_kept(house.stack, morning.pk, unexplained_ends=True)


def test_another_account_whose_events_reach_us_changes_nothing(house):
    """Case A1: Meta posts the events of every account of an app to one address."""
    morning = house.open()
    morning.wait_accepted(1)
    alerts = set(Alert.objects.values_list("rule", "scope"))
    morning.wait_accepted(30)
    for field, value in (
        (
            "message_template_status_update",
            {
                "event": "PAUSED",
                "message_template_id": 777000777000777,
                "message_template_name": TEMPLATE,
                "message_template_language": "en",
                "reason": "NONE",
            },
        ),
        ("account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": []}),
    ):
        notice = {"entry_id": "999999999999999", "field": field, "value": value}
        house.stack.cloud.post("webhook", notice)
    morning.wait_ended()

    assert set(Alert.objects.values_list("rule", "scope")) - alerts == set()
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)
