"""Sending pauses while reports are applied more slowly than they come, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from distribution.ledger.report_lag import ReportLag
from distribution.models import State
from distribution.sending import batch, report_backlog
from distribution.sending.report_backlog import ReportBacklog
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import send, states
from tests.fakes import FakeCloudApi
from tests.webhooks.posts import notice, store
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 0, 31, tzinfo=UTC)  # 06:01 in India


class Seconds:
    """A process that asks ten times a second, with the lag that is given for each second."""

    def __init__(self) -> None:
        self.tenths, self.lag, self.oldest = 1000, 0.0, NOW
        self.looks = 0
        self.backlog = ReportBacklog(self.read, lambda: self.tenths / 10)

    def read(self, _: datetime) -> ReportLag:
        self.looks += 1
        return ReportLag(self.oldest, self.oldest + timedelta(seconds=self.lag))

    def paused(self, lag: float, *, applied: bool = True) -> int:
        """How many tenths of the next second are paused."""
        self.lag = lag
        self.oldest += timedelta(seconds=0.5) if applied else timedelta(0)
        paused = 0
        for _ in range(10):
            paused += self.backlog.pauses_sending()
            self.tenths += 1
        return paused


def test_the_further_reports_are_behind_the_longer_sending_pauses():
    second = Seconds()

    found = [second.paused(lag) for lag in (0.0, 1.4, 1.5, 1.7, 2.1, 2.5, 9.9, 2.1, 0.5)]

    assert found == [0, 0, 0, 1, 3, 5, 5, 3, 0]
    assert second.looks == len(found)  # one query a second, however many threads ask


def test_reports_that_nobody_applies_hold_nothing_up():
    second = Seconds()
    second.paused(3.5)

    assert [second.paused(lag, applied=False) for lag in (4.5, 5.5, 6.5)] == [0, 0, 0]
    assert second.paused(7.0) == 5  # somebody does again


def test_a_lag_that_grows_in_spite_of_the_pauses_ends_them_until_it_is_over():
    second = Seconds()
    lags = (3.5, 9.9, 10.0, 60.0, 9.0, 1.6, 1.5, 3.5)

    assert [second.paused(lag) for lag in (0.0, *lags)] == [0, 5, 5, 0, 0, 0, 0, 0, 5]


@given(st.lists(st.tuples(st.floats(-60, 3600), st.booleans()), max_size=20))
def test_sending_has_half_of_each_second_at_least(seconds):
    second = Seconds()

    for lag, applied in seconds:
        paused = second.paused(lag, applied=applied)
        assert paused <= 5 if applied and 1.5 < lag < 10 else paused == 0


def test_a_process_that_has_just_started_knows_no_backlog():
    second = Seconds()

    assert second.paused(9.0) == 0
    assert second.paused(9.0) == 5


def test_a_lag_that_cannot_be_read_holds_nothing_up():
    def read(_: datetime) -> ReportLag:
        raise OperationalError("away")

    assert not ReportBacklog(read).pauses_sending()


@pytest.mark.django_db
def test_the_backlog_is_that_of_the_inbox():
    time = 100.0
    backlog = ReportBacklog(clock=lambda: time)
    begun = datetime.now(UTC) - timedelta(seconds=8)
    pks = [pk for n in range(3) for pk in store(notice("dreams", told=n), at=begun)]
    WebhookEvent.objects.filter(pk=pks[-1]).update(received_at=begun + timedelta(seconds=1))

    found = [backlog.pauses_sending()]
    WebhookEvent.objects.filter(pk__in=pks[:2]).update(processed_at=begun)
    for _ in range(2):
        time += 1
        found.append(backlog.pauses_sending())
    WebhookEvent.objects.update(processed_at=begun)
    time += 1

    assert found == [False, True, False]  # as one was applied, then none
    assert not backlog.pauses_sending()


@pytest.mark.django_db
def test_a_batch_marks_nothing_meanwhile_and_goes_on_afterwards(monkeypatch):
    monkeypatch.setattr(batch, "SETTLE_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(batch, "LATE_LOOK_SECONDS", 0.001)
    a_number(rate_per_second=1000)
    distribution, api = an_open_distribution(50), FakeCloudApi()
    seen: list[tuple[int, dict[str, int]]] = []

    def pauses_sending() -> bool:
        seen.append((len(api.sent), states()))
        return len(seen) in (2, 3, 4)

    monkeypatch.setattr(report_backlog, "pauses_sending", pauses_sending)
    send(distribution, api)

    assert [sent for sent, _ in seen] == [0, 25, 25, 25, 25]
    assert all(State.INFLIGHT not in tally for _, tally in seen[2:])  # answers are recorded
    assert states() == {State.ACCEPTED: 50}
