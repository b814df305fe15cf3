"""The live board under load: queries and CPU of an update, with 2 000 and 100 000 deliveries.

    python tests/load/dashboard_bench.py [--sizes 2000,100000] [--updates 60]

On SQLite, or on the database that TEST_DATABASE_URL names. An update is one GET of the fragment
by a signed-in viewer, from middleware to HTML. *fresh* reckons anew each time; *shared* is what
a viewer costs who asks once a second, for reckonings are shared by all viewers for one to two
seconds. CPU is this process's: SQLite's work is in it, a PostgreSQL server's is not, so for that
the time waited is told as well.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from distribution.models import Delivery, Distribution  # noqa: E402
from distribution.reporting import dashboard  # noqa: E402
from tests.mornings import a_morning  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="2000,100000")
    parser.add_argument("--updates", type=int, default=60)
    options = parser.parse_args()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    made = runner.setup_databases()
    try:
        for size in (int(word) for word in options.sizes.split(",")):
            print(measure(size, options.updates), flush=True)
    finally:
        runner.teardown_databases(made)


def measure(people: int, updates: int) -> str:
    """One line of figures for a running distribution of so many people."""
    Distribution.objects.filter(state="SENDING").update(
        state="COMPLETED", completed_at=timezone.now()
    )
    a_morning(people, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = _viewer()
    fresh = [_update(client, anew=True) for _ in range(updates)]
    with CaptureQueriesContext(connection) as caught:
        dashboard.shared.clear()
        client.get("/dashboard/board/")
    queries = len(caught)  # the next request clears them
    shared = []
    for _ in range(20):
        began = time.monotonic()
        shared.append(_update(client, anew=False))
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began)))
    cpu = sorted(spent for spent, _ in fresh)
    running = Delivery.objects.filter(distribution__state="SENDING").count()
    return (
        f"{connection.vendor:10} {running:>7}"
        f" deliveries: {queries} queries; fresh {_ms(median(cpu))} CPU"
        f" (p95 {_ms(quantiles(cpu, n=20)[18])}), {_ms(median(t for _, t in fresh))} waited;"
        f" shared {_ms(sum(c for c, _ in shared) / len(shared))} CPU an update"
    )


def _viewer() -> Client:
    users = get_user_model().objects
    name = f"viewer-{users.count()}"
    client = Client(headers={"host": "localhost"})
    client.force_login(users.create_superuser(name))
    return client


def _update(client: Client, *, anew: bool) -> tuple[float, float]:
    if anew:
        dashboard.shared.clear()
    cpu, began = time.process_time(), time.monotonic()
    answer = client.get("/dashboard/board/")
    assert answer.status_code == 200
    assert b'id="dashboard"' in answer.content
    return time.process_time() - cpu, time.monotonic() - began


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


if __name__ == "__main__":
    main()
