"""What the tests of sending ask again and again, in their own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from django.utils import timezone

from distribution.models import Delivery, Distribution
from distribution.sending import batch
from distribution.sending.settling import BatchResult
from phonepool.cloud_api.client import PreparedMessage
from tests.fakes import FakeCloudApi, FakeDispatch


def send(distribution: Distribution, api: FakeCloudApi, batch_no: int = 0) -> BatchResult:
    return batch.send_batch(distribution.pk, batch_no, api=api)


def due() -> None:
    """The waiting rows' time has come."""
    Delivery.objects.update(next_at=timezone.now())


def states() -> dict[str, int]:
    return Delivery.objects.count_by_state()


def receivers(api: FakeCloudApi) -> Counter[str]:
    return Counter(message.to for message in api.sent)


def everybody() -> Counter[str]:
    return Counter(Delivery.objects.values_list("phone", flat=True))


def reload(distribution: Distribution) -> Distribution:
    return Distribution.objects.get(pk=distribution.pk)


class ActingApi(FakeCloudApi):
    """Does something when each bundle is handed over, before it answers."""

    def __init__(self, act: Callable[[Sequence[PreparedMessage]], None]) -> None:
        super().__init__()
        self.act = act

    def dispatch(self) -> FakeDispatch:
        api = self

        class ActingDispatch(FakeDispatch):
            def submit(self, messages: Sequence[PreparedMessage]) -> None:
                api.act(messages)
                super().submit(messages)

        return ActingDispatch(self)
