"""Analytics at size: what a question costs, and what counting a day anew costs.

    python tests/load/analytics_bench.py [--days 365] [--people 2000] [--large 1000000]

On PostgreSQL: the one that TEST_DATABASE_URL names, which .ci/with_services.py provides. The days
are made by SQL, with tiers, numbers, hours, languages, failures and doubts as mornings have them.
Each question goes through the whole API: token, rate, figures, JSON.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from distribution.analytics import breakdown, rollups  # noqa: E402
from distribution.analytics.breakdown import Dimension  # noqa: E402
from distribution.models import Distribution, DistributionState, Kind, Rollup  # noqa: E402
from phonepool.models import PhoneNumber  # noqa: E402
from tests.api.tokens import a_program  # noqa: E402
from tests.builders import a_number, an_approved_content  # noqa: E402

LARGE_DAY = date(2025, 12, 31)
FIRST_DAY = date(2024, 1, 1)
PEOPLE = """
INSERT INTO subscribers_subscriber
       (phone, name, tier, status, language, attributes, email, unreachable_days, created_at,
        updated_at)
SELECT '+9190' || lpad(n::text, 8, '0'), 'Adviser ' || n,
       (ARRAY['PREMIUM', 'PRO', 'BASIC'])[1 + n %% 3], 'ACTIVE',
       (ARRAY['en', 'hi', 'ta', 'mr', 'gu'])[1 + n %% 5], '{}', '', 0, now(), now()
  FROM generate_series(1, %s) AS n
"""
# Of a hundred: 96 accepted (80 delivered, 50 of them read), 2 failed, 1 skipped, 1 unconfirmed.
DELIVERIES = """
INSERT INTO distribution_delivery
       (distribution_id, subscriber_id, phone, tier, language, next_at, batch_no, number_id,
        state, reason, accepted_at, progress, wamid)
SELECT d.id, s.id, s.phone, s.tier, s.language, d.planned_at, n / 50,
       (%(numbers)s::bigint[])[1 + n %% 3],
       CASE WHEN n %% 100 < 96 THEN 'ACCEPTED' WHEN n %% 100 < 98 THEN 'FAILED'
            WHEN n %% 100 < 99 THEN 'SKIPPED' ELSE 'UNCONFIRMED' END,
       CASE WHEN n %% 100 < 96 THEN '' WHEN n %% 100 < 98
            THEN (ARRAY['undeliverable', 'not_on_whatsapp', 'rate'])[1 + n %% 3]
            WHEN n %% 100 < 99 THEN 'opted_out' ELSE 'never_answered' END,
       CASE WHEN n %% 100 < 96 THEN d.planned_at + make_interval(secs => n %% 7200) END,
       CASE WHEN n %% 100 < 50 THEN 3 WHEN n %% 100 < 80 THEN 2 WHEN n %% 100 < 96 THEN 1
            ELSE 0 END,
       NULL
  FROM distribution_distribution AS d
  JOIN (SELECT *, (row_number() OVER (ORDER BY id))::int AS n FROM subscribers_subscriber) AS s
    ON s.n <= %(people)s
 WHERE d.id = ANY(%(ids)s)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--asks", type=int, default=100)
    options = parser.parse_args()
    if connection.vendor != "postgresql":
        sys.exit("It measures PostgreSQL: give TEST_DATABASE_URL.")
    settings.ALLOWED_HOSTS = ["*"]
    settings.API_RATES = dict.fromkeys(settings.API_RATES, 10**9)
    runner = DiscoverRunner(verbosity=0, interactive=False)
    made = runner.setup_databases()
    try:
        _prepare(options.days, options.people, options.large)
        program = a_program("read")
        last = FIRST_DAY + timedelta(days=options.days - 1)
        for by in Dimension:
            print(_asked(program, FIRST_DAY, last, by, options.asks), flush=True)
            print(_asked(program, LARGE_DAY, LARGE_DAY, by, options.asks), flush=True)
    finally:
        runner.teardown_databases(made)


def _prepare(days: int, people: int, large: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(PEOPLE, [max(people, large)])
        numbers = [a_number().pk for _ in range(3 - PhoneNumber.objects.count())]
        _deliver([FIRST_DAY + timedelta(days=n) for n in range(days)], people, numbers)
        _deliver([LARGE_DAY], large, numbers)
        cursor.execute("ANALYZE")
    for distribution in Distribution.objects.order_by("-local_date")[:1]:
        print(_counted(distribution, f"{large:,} deliveries"), flush=True)
    rest = list(Distribution.objects.filter(rollup_state=None).order_by("pk"))
    began = time.monotonic()
    for distribution in rest:
        rollups.recount(distribution, now=timezone.now())
    each = (time.monotonic() - began) / max(1, len(rest))
    print(f"counting a day of {people:,}: {each * 1000:.1f} ms each, {len(rest)} days")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"{Rollup.objects.count():,} rows of figures in all", flush=True)


def _deliver(days: list[date], people: int, numbers: list[int]) -> None:
    content = an_approved_content(day=days[0])
    zone = ZoneInfo(settings.TIME_ZONE)
    made = Distribution.objects.bulk_create(
        Distribution(
            kind=Kind.DAILY,
            local_date=day,
            planned_at=(six := datetime(day.year, day.month, day.day, 6, tzinfo=zone)),
            opened_at=six,
            window_end=six + timedelta(hours=4),
            completed_at=six + timedelta(minutes=5),
            content=content,
            recipients=people,
            state=DistributionState.COMPLETED,
        )
        for day in days
    )
    ids = [one.pk for one in made]
    with connection.cursor() as cursor:
        cursor.execute(DELIVERIES, {"ids": ids, "people": people, "numbers": numbers})


def _counted(distribution: Distribution, told: str) -> str:
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        assert rollups.recount(distribution, now=timezone.now())
        seconds.append(time.monotonic() - began)
    return f"counting {told} anew: {median(seconds):.2f} s (median of 3)"


def _asked(program: APIClient, start: date, end: date, by: Dimension, asks: int) -> str:
    query = {"from": start.isoformat(), "to": end.isoformat(), "by": by.value}
    seconds = []
    program.get("/api/distribution/analytics", query)  # the first warms up
    for _ in range(asks):
        breakdown.sums.clear()  # the cost without the memory
        began = time.monotonic()
        answer = program.get("/api/distribution/analytics", query)
        seconds.append(time.monotonic() - began)
        assert answer.status_code == 200, answer.content
    total = answer.json()["total"]["recipients"]
    p95 = quantiles(seconds, n=20)[18]
    days = (end - start).days + 1
    return (
        f"{days:>4} day(s), {total:>9,} deliveries, by {by.value:8}: p50"
        f" {median(seconds) * 1000:6.1f} ms, p95 {p95 * 1000:6.1f} ms"
    )


if __name__ == "__main__":
    main()
