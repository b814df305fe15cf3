"""CPU of applying Meta's reports of a morning: sent, delivered and read, each with its pricing.

    python tests/load/report_bench.py [--messages 20000] [--bundle 500] [--runs 3]

On a throwaway PostgreSQL, of deliveries that are in flight. CPU of this process and of the server's
own, per message (three reports). To compare two versions run it in both, in turn.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.load.servers import django_on_postgres  # noqa: E402

NOW = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
TOKEN = 4611686018427387904
FILL = """
    SET session_replication_role = replica;
    TRUNCATE distribution_delivery RESTART IDENTITY CASCADE;
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
            batch_no, state, claim_token, lease_until, attempt_no, inflight_at, number_id)
    SELECT 1, i, '+9198' || lpad(i::text, 8, '0'), 'PRO', now(), i / 50, 'INFLIGHT', %(token)s,
           now() + interval '5 min', 1, now(), 1
      FROM generate_series(1, %(count)s) AS i
"""


def run(messages: int, bundle: int) -> float:
    """CPU of this process for a message's three reports, in milliseconds."""
    from django.db import connection

    from distribution.ledger.attempts.ids import AttemptKey
    from distribution.outcomes import status_reports
    from distribution.outcomes.report_rules import StatusReport
    from distribution.outcomes.reported_pricing import ReportedPricing

    with connection.cursor() as cursor:
        cursor.execute(FILL, {"count": messages, "token": TOKEN})
        cursor.execute("ANALYZE distribution_delivery")
    used = 0.0
    for progress, word in enumerate(("sent", "delivered", "read"), start=1):
        priced = ReportedPricing(progress, "utility", "regular", "PMP", True)  # noqa: FBT003
        for start in range(1, messages + 1, bundle):
            reports = [
                StatusReport(
                    word,
                    NOW + timedelta(seconds=progress),
                    f"wamid.{pk}",
                    AttemptKey(pk, 1, TOKEN),
                    pricing=priced if word != "read" else None,
                )
                for pk in range(start, min(start + bundle, messages + 1))
            ]
            before = time.process_time()
            status_reports.apply_reports(reports, now=NOW)
            used += time.process_time() - before
    return 1000 * used / messages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--bundle", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with django_on_postgres():
        found = [run(arguments.messages, arguments.bundle) for _ in range(arguments.runs)]
    print([round(one, 4) for one in found], "median", round(median(found), 4), "ms a message")


if __name__ == "__main__":
    main()
