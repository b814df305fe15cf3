"""How many messages a batch and a micro-batch hold, by the rate of the numbers that send them.

Each batch and each micro-batch costs its statements whatever it holds, so at 1,000 messages per
second larger ones are cheaper. At 80 per second larger ones would only leave more in doubt when a
process dies, and keep more people waiting for its lease to end.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from phonepool.models import PhoneNumber
from phonepool.numbers import health

MICRO_BATCH_SECONDS = 0.1  # of a number's rate
SMALLEST_MICRO_BATCH = 25
MICRO_BATCHES = 2  # in a batch


def micro_batch(rate: float, *, most: int) -> int:
    """Messages marked in flight together on a number with this many per second."""
    return min(most, max(SMALLEST_MICRO_BATCH, round(rate * MICRO_BATCH_SECONDS)))


def batch(slowest: float, *, most: int) -> int:
    """Messages of a batch, which any of the numbers may carry; `slowest` is the least rate."""
    return min(most, MICRO_BATCHES * micro_batch(slowest, most=most))


def of_numbers(numbers: Iterable[PhoneNumber]) -> int:
    """Messages of a batch that these numbers send at the rates that limit and quality allow."""
    slowest = min((health.ceiling(number) for number in numbers), default=0.0)
    return batch(slowest, most=settings.BATCH_SIZE)
