"""What Meta takes back after it accepted: nobody is given up for trouble that is not theirs."""

from __future__ import annotations

import pytest

from distribution.models import Attempt, Delivery
from phonepool.models import PhoneEvent, PhoneNumber
from tests.faults.checker import assert_kept

PEOPLE = 300
THROTTLED = 130429


@pytest.fixture(scope="module")
def house(build):
    """The numbers do 20/s, as a coexistence number does; what is above is accepted, then failed."""
    return build(
        PEOPLE, rates=(20, 20, 20), sandbox={"rate_refusal": "webhook", "rate_burst": 0}
    )


def test_throttling_that_is_reported_late_cuts_the_rate_and_loses_nobody(house):
    """Case A9."""
    PhoneNumber.objects.update(rate_per_second=60)
    morning = house.open()
    morning.wait_ended(150.0)

    rows = Delivery.objects.filter(distribution=morning.pk)
    throttled = Attempt.objects.filter(delivery__in=rows, outcome="REPORTED", code=THROTTLED)
    assert throttled.exists()
    assert PhoneEvent.objects.filter(kind="rate_cut").exists()
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk, unexplained_ends=True)
