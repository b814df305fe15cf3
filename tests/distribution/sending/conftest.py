from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _small_batches(settings) -> None:
    """Fast numbers, so that no test waits, and yet several micro-batches of few people."""
    settings.BATCH_SIZE, settings.MICRO_BATCH_SIZE = 50, 25
