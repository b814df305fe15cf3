"""Stand-ins for the outside, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tests.distribution.receivers import Receiver, a_receiver
from tests.distribution.sinks import PagerDuty, a_pagerduty

SIX = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)  # 06:00 in India


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as receiver:
        yield receiver


@pytest.fixture
def pagerduty(settings) -> Iterator[PagerDuty]:
    with a_pagerduty() as pagerduty:
        settings.PAGERDUTY_URL = pagerduty.url
        settings.INSTALLATION_NAME = "pune"
        yield pagerduty


class Time(SimpleNamespace):
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time(now=SIX)
