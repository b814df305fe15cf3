"""What one row costs in the UPDATEs that every message needs, by rows at once and size of table.

    python tests/load/bulk_update_bench.py [--deliveries 200000 1000000] [--rows 25 500 2000 8000
        20000] [--step reports settle] [--samples 5]

On a throwaway PostgreSQL, on a table just filled and the same one analysed: the planner must not
depend on its statistics. CPU of the client and of the server's own process, so that a busy machine
changes little. `growth` is the dearest of all against the cheapest from 500 rows on: near 1 if the
cost is linear.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.load.servers import django_on_postgres  # noqa: E402

NOW = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
WAMID = "wamid.HBgMOTE5ODc2NTQzMjEwFQIAERgSQ0RFRjAxMjM0NTY3ODlB"
FILL = """
    SET session_replication_role = replica;
    TRUNCATE distribution_delivery RESTART IDENTITY CASCADE;
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
            batch_no, state, claim_token, lease_until, attempt_no, inflight_at, accepted_at,
            wamid, number_id)
    SELECT 1, i, '+9198' || lpad(i::text, 8, '0'), 'PRO', now(), i / 50, %(state)s,
           4611686018427387904 + i, now() + interval '5 min', 1, now(), %(accepted_at)s,
           CASE WHEN %(state)s = 'ACCEPTED' THEN %(wamid)s || i END, 1
      FROM generate_series(1, %(count)s) AS i
"""


class Bench:
    """One step on one table."""

    def __init__(self, step: str, deliveries: int, samples: int) -> None:
        self.step, self.deliveries, self.samples = step, deliveries, samples
        self.run_no = 0

    def fill(self) -> None:
        from django.db import connection

        reports = self.step == "reports"
        values = {
            "count": self.deliveries,
            "state": "ACCEPTED" if reports else "INFLIGHT",
            "accepted_at": NOW if reports else None,
            "wamid": WAMID,
        }
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("ALTER TABLE distribution_delivery SET (autovacuum_enabled = false)")
            cursor.execute(FILL, values)

    def cost(self, rows: int) -> tuple[float, float]:
        """Microseconds of CPU per row: (client, server), medians."""
        figures = [self._measure(rows) for _ in range(self.samples)]
        return median(f[0] for f in figures), median(f[1] for f in figures)

    def _measure(self, rows: int) -> tuple[float, float]:
        from django.db import connection, transaction

        self.run_no += 1
        start = 1 + (self.run_no * rows) % (self.deliveries - rows)
        values = [self._row(pk) for pk in range(start, start + rows)]
        update = self._update()
        pid = connection.connection.info.backend_pid
        with transaction.atomic():
            before = time.process_time(), backend_cpu(pid)
            changed = update(values)
            after = time.process_time(), backend_cpu(pid)
            if self.step == "settle":
                transaction.set_rollback(True)  # the next sample finds them in flight again
        assert changed == rows, (changed, rows)
        return 1e6 * (after[0] - before[0]) / rows, 1e6 * (after[1] - before[1]) / rows

    def _update(self) -> Callable[[list[dict[str, Any]]], int]:
        from distribution.ledger import statements
        from distribution.models import Delivery
        from distribution.runtime.bulk_update import update_from

        reports = self.step == "reports"
        columns = statements.REPORT_COLUMNS if reports else statements.SETTLE_COLUMNS
        assign = statements.REPORT_ASSIGN if reports else statements.SETTLE_ASSIGN
        where = statements.REPORT_WHERE if reports else statements.SETTLE_WHERE
        return lambda rows: update_from(
            Delivery, columns=columns, rows=rows, assign=assign, where=where, locked=reports
        )

    def _row(self, pk: int) -> dict[str, Any]:
        if self.step == "settle":
            settled = {"id": pk, "attempt_no": 1, "claim_token": 4611686018427387904 + pk}
            settled |= {"state": "ACCEPTED", "reason": "", "wamid": f"{WAMID}{pk}", "at": NOW}
            return settled | {"next_at": None, "charged": 0, "code": None}
        progress = 1 + self.run_no % 3
        report = {"id": pk, "attempt_no": 1, "old_state": "ACCEPTED", "state": "ACCEPTED"}
        report |= {"progress": progress, "resend_no": 0, "reason": "", "wamid": f"{WAMID}{pk}"}
        report |= {
            "failed_code": None,
            "pricing_id": None,
            "rate_id": None,
            "next_at": NOW,
            "accepted_at": NOW,
            "sent_at": NOW,
        }
        delivered = NOW if progress > 1 else None
        return report | {"delivered_at": delivered, "read_at": None, "failed_at": None}


def backend_cpu(pid: int) -> float:
    """Seconds of CPU of one PostgreSQL process; its clock counts nanoseconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def run(arguments: argparse.Namespace) -> None:
    from django.db import connection

    total: list[float] = []
    print(f"{'step':8} {'deliveries':>10} {'statistics':10}", end="")
    print("".join(f"{rows:>14}" for rows in arguments.rows), " (µs a row: client+server)")
    for step in arguments.step:
        for deliveries in arguments.deliveries:
            bench = Bench(step, deliveries, arguments.samples)
            bench.fill()
            for statistics in ("none", "analysed"):
                if statistics == "analysed":
                    with connection.cursor() as cursor:
                        cursor.execute("ANALYZE distribution_delivery")
                costs = [bench.cost(rows) for rows in arguments.rows]
                shown = "".join(f"{f'{c:.0f}+{s:.0f}':>14}" for c, s in costs)
                print(f"{step:8} {deliveries:>10} {statistics:10}{shown}", flush=True)
                total += [c + s for (c, s), n in zip(costs, arguments.rows, strict=True) if n > 499]
    print(f"dearest {max(total):.1f} µs, growth {max(total) / min(total):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--rows", type=int, nargs="+", default=[25, 500, 2000, 8000, 20_000])
    parser.add_argument("--step", nargs="+", default=["reports", "settle"])
    parser.add_argument("--samples", type=int, default=5)
    arguments = parser.parse_args()
    with django_on_postgres():
        run(arguments)


if __name__ == "__main__":
    main()
