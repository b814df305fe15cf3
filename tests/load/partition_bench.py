"""Pages, API, statements of sending and the check, with one partition of deliveries and with many.

    python tests/load/partition_bench.py [--day 1000000] [--others 30] [--each 50000] [--samples 9]

On a throwaway PostgreSQL: a running distribution of `--day` people in its partition, behind
`--others` partitions of `--each` deliveries; then the same after those are dropped. CPU of this
process and of PostgreSQL's own for it, so that a busy machine changes little; medians, and the
ratio of many to one; the check of all distributions for each million rows. It tells as well what
the conversion of a plain table takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.load.bulk_update_bench import backend_cpu  # noqa: E402
from tests.throwaway_services import start_postgres  # noqa: E402

PEOPLE = """
    INSERT INTO subscribers_subscriber (phone, name, tier, status, language, attributes, email,
           unreachable_days, created_at, updated_at)
    SELECT '+91' || (7000000000 + n), 'Adviser ' || n, 'PRO', 'ACTIVE', 'en', '{}', '', 0,
           now() - interval '30 days', now() - interval '30 days'
      FROM generate_series(1, %s) AS n
"""
# One batch in ten waits; the others are accepted.
FILL = """
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
           batch_no, state, attempt_no, claim_token, inflight_at, accepted_at, wamid, number_id,
           progress, sent_at)
    SELECT %(id)s, s.id, s.phone, 'PRO', now() - interval '1 hour', s.no / 200,
           CASE WHEN waits THEN 'PENDING' ELSE 'ACCEPTED' END, CASE WHEN waits THEN 0 ELSE 1 END,
           CASE WHEN waits THEN NULL ELSE 5 END, CASE WHEN waits THEN NULL ELSE now() END,
           CASE WHEN waits THEN NULL ELSE now() END,
           CASE WHEN waits THEN NULL ELSE 'wamid.' || %(id)s || '.' || s.no END, %(number)s,
           CASE WHEN waits THEN 0 ELSE 1 END, CASE WHEN waits THEN NULL ELSE now() END
      FROM (SELECT id, phone, no, %(running)s AND no / 200 %% 10 = 0 AS waits
              FROM (SELECT id, phone, row_number() OVER (ORDER BY id) AS no
                      FROM subscribers_subscriber ORDER BY id LIMIT %(count)s) AS numbered) AS s
"""
BATCH = 200


class Figures:
    """CPU milliseconds of each thing measured."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.found: dict[str, float] = {}

    def measure(self, name: str, function: Callable[[], object], samples: int = 0) -> None:
        from django.db import connection

        connection.ensure_connection()
        pid = connection.connection.info.backend_pid
        spent = []
        for _ in range(samples or self.samples):
            before = time.process_time() + backend_cpu(pid)
            function()
            spent.append(time.process_time() + backend_cpu(pid) - before)
        self.found[name] = 1000 * median(spent)


def a_distribution(day: Any, people: int, number: int, *, running: bool, pk: int) -> Any:
    from django.db import connection

    from distribution.ledger.partitions import ahead
    from distribution.models import Distribution, Kind
    from tests.builders import an_approved_content

    ahead.ensure(pk)
    made = Distribution.objects.create(
        pk=pk, kind=Kind.MANUAL, local_date=day.date(), planned_at=day, opened_at=day,
        window_end=day + timedelta(hours=4), sla_deadline=day + timedelta(seconds=300),
        state="SENDING" if running else "COMPLETED", completed_at=None if running else day,
        recipients=people, batches=people // BATCH + 1, again_reason="a benchmark",
        content=an_approved_content(day=None, is_fallback=True),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        given = {"id": pk, "number": number, "count": people, "running": running}
        cursor.execute(FILL, given)
    return made


def convert(people: int) -> None:
    """The table with its rows becomes the first partition; what that took."""
    from django.core.management import call_command

    from distribution.ledger.partitions import conversion

    for sentence in conversion.plan().sentences():
        print("  ", sentence)
    began = time.monotonic()
    call_command("partition_deliveries", verbosity=0)
    print(f"   {people:,} rows converted in {time.monotonic() - began:.1f} s", flush=True)


def sending(distribution: Any, number: int) -> None:
    """What a batch and the reports of its messages need; rolled back."""
    from django.db import transaction
    from django.utils import timezone

    from distribution.ledger import deliveries
    from distribution.ledger.attempts.settlements import Settlement
    from distribution.models import State
    from distribution.outcomes.report_rules import StatusReport
    from distribution.outcomes.status_reports import apply_reports

    now, lease = timezone.now(), timedelta(seconds=60)
    with transaction.atomic():
        batch = distribution.batches // 20 * 10
        claim = deliveries.claim(distribution.pk, batch, limit=BATCH, now=now, lease=lease)
        deliveries.mark_inflight(claim, claim.deliveries, number_id=number, now=now, lease=lease)
        attempts = [claim.attempt(row) for row in claim.deliveries]
        assert len(attempts) == BATCH
        ends = [Settlement(key, State.ACCEPTED, now, wamid=f"w{key}") for key in attempts]
        assert deliveries.settle(ends, distribution_id=distribution.pk) == len(ends)
        reports = [StatusReport("delivered", now, f"w{key}", key, None) for key in attempts]
        assert apply_reports(reports, now=now).changed == len(ends)
        transaction.set_rollback(True)


def figures(distribution: Any, number: int, samples: int) -> dict[str, float]:
    from django.utils import timezone

    from distribution.ledger.integrity.check import check_ledger
    from distribution.models import Delivery
    from distribution.reporting import dashboard
    from tests.api.tokens import a_program
    from tests.distribution.staff import a_client

    staff, program = a_client("Administrator"), a_program("read", "subscribers")
    person = Delivery.objects.filter(distribution=distribution).order_by("-subscriber").first()
    assert person is not None  # in no other distribution: both times the page shows the same
    taken = Figures(samples)

    def get(client: Any, address: str) -> None:
        dashboard.shared.clear()
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)

    pages = {
        "dashboard": (staff, "/dashboard/board/"),
        "distribution": (staff, f"/admin/distribution/distribution/{distribution.pk}/change/"),
        "person": (staff, f"/admin/subscribers/subscriber/{person.subscriber_id}/change/"),
        "API: distributions": (program, "/api/distribution/distributions"),
        "API: deliveries": (program, f"/api/distribution/{distribution.pk}/deliveries"),
    }
    for name, (client, address) in pages.items():
        get(client, address)
        taken.measure(name, lambda c=client, a=address: get(c, a))
    taken.measure("sending", lambda: sending(distribution, number))
    now = timezone.now()
    taken.measure("check of one", lambda: check_ledger(now=now, distribution_id=distribution.pk), 3)
    taken.measure("check of all / row", lambda: check_ledger(now=now), 1)
    taken.found["check of all / row"] /= Delivery.objects.count() / 1_000_000
    return taken.found


def run(options: argparse.Namespace) -> None:
    from django.db import connection
    from django.utils import timezone

    from distribution.ledger.partitions import ahead
    from distribution.runtime import partitions
    from tests.builders import a_number

    now = timezone.now()
    number = a_number(rate_per_second=1000).pk
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, [options.day])
        cursor.execute("ANALYZE subscribers_subscriber")
    first = a_distribution(now - timedelta(days=40), options.day, number, running=False, pk=1)
    convert(options.day)
    with connection.cursor() as cursor:  # it was there for the conversion only
        cursor.execute("DELETE FROM distribution_delivery WHERE distribution_id = %s", [first.pk])
        cursor.execute("VACUUM FULL distribution_delivery_past")
    each = ahead.DISTRIBUTIONS_EACH
    for place in range(options.others):
        day = now - timedelta(days=options.others - place)
        a_distribution(day, options.each, number, running=False, pk=2 + each * place)
    day = a_distribution(
        now - timedelta(minutes=2), options.day, number, running=True, pk=2 + each * options.others
    )
    ahead.make_missing()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE distribution_delivery")
    print(f"{len(partitions.read())} partitions", flush=True)
    many = figures(day, number, options.samples)
    with connection.cursor() as cursor:
        for one in partitions.read():
            if one.end is not None and one.end <= day.pk:
                cursor.execute("SELECT drop_delivery_partition(%s)", [one.table])
    print(f"{len(partitions.read())} partitions", flush=True)
    alone = figures(day, number, options.samples)
    print(f"{'CPU, ms':20} {'many':>10} {'one':>10} {'ratio':>7}")
    for name, spent in many.items():
        print(f"{name:20} {spent:10.1f} {alone[name]:10.1f} {spent / alone[name]:7.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--day", type=int, default=1_000_000)
    parser.add_argument("--others", type=int, default=30)
    parser.add_argument("--each", type=int, default=50_000)
    parser.add_argument("--samples", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another account
        with start_postgres(folder / "postgres", durable=False) as server:
            os.environ |= {"TEST_DATABASE_URL": server.url}
            os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
            import django

            django.setup()
            from django.test.runner import DiscoverRunner

            runner = DiscoverRunner(verbosity=0, interactive=False)
            runner.setup_test_environment()
            runner.setup_databases()
            run(options)


if __name__ == "__main__":
    main()
