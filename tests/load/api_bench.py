"""The API's lists at 1 000 000 subscribers, and the status during a run: p50 and p95.

    TEST_DATABASE_URL=postgresql://… python tests/load/api_bench.py [--people 1000000] [--asks 60]
        [--run 100000]

A request from middleware to JSON, in this process, by a token; the server's time is in it. The
people are in three tiers, 1 % is unsubscribed, cities and names repeat. Pages are the first one
and deep ones, of 50 rows.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core import signing  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.utils import timezone  # noqa: E402

from distribution.api.resources import status  # noqa: E402
from distribution.models import Scope  # noqa: E402
from tests.api.tokens import a_program  # noqa: E402
from tests.load.people import PEOPLE  # noqa: E402
from tests.mornings import a_morning  # noqa: E402

LIST = "/api/distribution/subscribers"
Query = Callable[[random.Random, int], dict[str, object]]


def deep(rng: random.Random, count: int) -> dict[str, object]:
    place = signing.dumps([False, str(rng.randint(1, count))], salt=f"cursor:{LIST}:id")
    return {"cursor": place}


def deep_changes(rng: random.Random, count: int) -> dict[str, object]:
    at = timezone.now() - timedelta(minutes=rng.randint(1, 90_000))
    salt = f"cursor:{LIST}:-updated_at,-pk"
    place = signing.dumps([False, at.isoformat(), str(rng.randint(1, count))], salt=salt)
    return {"ordering": "-updated_at", "cursor": place}


QUERIES: dict[str, Query] = {
    "first page": lambda *_: {},
    "deep page": deep,
    "latest changes, deep": deep_changes,
    "status and tier": lambda rng, _: {
        "status": rng.choice(["ACTIVE", "PAUSED", "UNSUBSCRIBED"]),
        "tier": rng.choice(["BASIC", "PRO", "PREMIUM"]),
    },
    "status, deep": lambda rng, n: {"status": "UNSUBSCRIBED", **deep(rng, n)},
    "rare language, deep": lambda rng, n: {"language": "ta", **deep(rng, n)},
    "rare language, paused": lambda *_: {"language": "ta", "status": "PAUSED"},
    "changed since": lambda rng, _: {
        "updated_since": (
            timezone.now() - timedelta(minutes=rng.choice([1, 60, 10_000]))
        ).isoformat()
    },
    "attribute, 1 of 700": lambda rng, _: {"attribute": f"city:City {rng.randrange(700)}"},
    "attribute, every second": lambda *_: {"attribute": "tag:vip"},
    "phone": lambda rng, n: {"search": f"0{6_000_000_000 + rng.randint(1, n) * 37}"},
    "last four digits": lambda rng, _: {"search": f"{rng.randrange(10_000):04}"},
    "beginning of a name": lambda rng, n: {"search": f"asha {rng.randint(1, n)}"[:9]},
    "a common beginning": lambda *_: {"search": "ra"},
    "email": lambda rng, n: {"search": f"P{rng.randint(1, n // 10) * 10}@example.org"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--run", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=60)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.API_RATES = dict.fromkeys(Scope.values, 10**9)
    runner = DiscoverRunner(verbosity=0, interactive=False)
    made = runner.setup_databases()
    try:
        measure(options.people, options.run, options.asks)
    finally:
        runner.teardown_databases(made)


def measure(people: int, run: int, asks: int) -> None:
    """A line of figures for each kind of question."""
    assert connection.vendor == "postgresql", "give TEST_DATABASE_URL: these figures are its"
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(PEOPLE, [people])
        cursor.execute("VACUUM ANALYZE subscribers_subscriber")
    print(f"{people:,} subscribers, {asks} requests each", flush=True)
    rng = random.Random(1)
    for name, query in QUERIES.items():
        tell(name, [f"{LIST}?{urlencode(query(rng, people))}" for _ in range(asks)])
    distribution = a_morning(run, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE distribution_delivery")
    print(f"during a run of {run:,}", flush=True)
    one = distribution.deliveries.order_by("?").values_list("subscriber_id", flat=True)[:asks]
    tell("status, many ask", ["/api/distribution/status"] * asks)
    tell("status, reckoned anew", ["/api/distribution/status"] * asks, before=status.shared.clear)
    tell("queue status", ["/api/queue/status"] * asks)
    tell("deliveries", [f"/api/distribution/{distribution.pk}/deliveries"] * asks)
    tell("one person's history", [f"{LIST}/{pk}/history" for pk in one])


def tell(name: str, addresses: list[str], before: Callable[[], None] = lambda: None) -> None:
    program = a_program(*Scope.values)
    took, spent, rows = [], [], 0
    program.get(addresses[0])  # what the first one compiles is not the question
    for address in addresses:
        before()
        began, cpu = time.monotonic(), time.process_time()
        answer = program.get(address)
        spent.append(1000 * (time.process_time() - cpu))
        took.append(1000 * (time.monotonic() - began))
        assert answer.status_code == 200, answer.content
        rows += len(answer.json().get("results", []))
    p95 = quantiles(took, n=20)[18]
    print(
        f"{name:<26} p50 {median(took):7.1f} ms  p95 {p95:7.1f} ms"
        f"  CPU here {median(spent):5.1f} ms  {rows / len(took):5.1f} rows",
        flush=True,
    )


if __name__ == "__main__":
    main()
