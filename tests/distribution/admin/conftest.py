from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from distribution.runtime import india_time


@pytest.fixture
def day(settings: Any) -> date:
    """Tomorrow, with its deadline still to come, whatever the clock says."""
    settings.CONTENT_DEADLINE = time(23, 59, 59)
    return india_time.local_date(datetime.now(UTC)) + timedelta(days=1)
