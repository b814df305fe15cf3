from __future__ import annotations

from datetime import UTC, date, datetime, time

from distribution.runtime import india_time

LATE = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)  # midnight in India, which is 5:30 h ahead


def test_a_moment_belongs_to_the_day_that_india_has():
    assert india_time.local_date(LATE) == date(2026, 11, 23)
    assert india_time.local_date(LATE.replace(minute=29, second=59)) == date(2026, 11, 22)
    assert india_time.local_datetime(date(2026, 11, 23), time()) == LATE


def test_moments_as_text():
    assert india_time.clock(LATE) == "00:00:00 IST"
    assert india_time.iso(LATE) == "2026-11-22T18:30:00+00:00"
    assert india_time.local_iso(LATE) == "2026-11-23T00:00:00+05:30"
    assert (india_time.iso(None), india_time.local_iso(None)) == (None, None)
