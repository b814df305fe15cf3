"""Where calls are made more slowly than slots come, no more of them are marked in flight."""

from __future__ import annotations

import pytest

from distribution.models import State
from distribution.sending import batch
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import send, states
from tests.fakes import FakeCloudApi, FakeDispatch

pytestmark = pytest.mark.django_db


class LateDispatch(FakeDispatch):
    """Its calls are late at the first looks after messages were submitted."""

    def __init__(self, api: LateApi) -> None:
        super().__init__(api)
        self._late = api

    def late_by(self, phone_number_id: str) -> float:
        api = self._late
        api.seen.append((phone_number_id, len(api.sent), states()))
        late = bool(api.sent) and api.looks > 0
        api.looks -= late
        return batch.LATE_LIMIT_SECONDS + (0.01 if late else 0.0)


class LateApi(FakeCloudApi):
    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks  # that find its calls late
        self.seen: list[tuple[str, int, dict[str, int]]] = []

    def dispatch(self) -> LateDispatch:
        return LateDispatch(self)


def test_a_micro_batch_waits_for_the_calls_before_it(monkeypatch):
    monkeypatch.setattr(batch, "SETTLE_INTERVAL_SECONDS", 0.0)
    number = a_number(rate_per_second=1000)
    distribution, api = an_open_distribution(50), LateApi(looks=3)

    send(distribution, api)

    assert [sent for _, sent, _ in api.seen] == [0, 25, 25, 25, 25]  # in flight: none beyond those
    assert {meta_id for meta_id, _, _ in api.seen} == {number.meta_id}
    assert all(State.INFLIGHT not in tally for *_, tally in api.seen[2:])  # recorded meanwhile
    assert states() == {State.ACCEPTED: 50}


def test_calls_that_stay_late_send_the_rest_of_the_batch_back_untouched(monkeypatch):
    monkeypatch.setattr(batch, "MAX_WAIT_SHARE", 0.01)  # of a lease of 30 s
    a_number(rate_per_second=1000)
    distribution, api = an_open_distribution(50), LateApi(looks=10_000)

    result = send(distribution, api)

    assert states() == {State.ACCEPTED: 25, State.PENDING: 25}
    waiting = distribution.deliveries.filter(state=State.PENDING)
    assert set(waiting.values_list("attempt_no", flat=True)) == {0}
    assert result.retry_after == 2.0
