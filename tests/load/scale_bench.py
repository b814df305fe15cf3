"""From 2,000 to 1,000,000 recipients: what a message costs, in one table.

    python tests/load/scale_bench.py [2000 20000 200000 1000000] [--rate 1000] [--numbers 3]
        [--statuses-per-post 1]
    python tests/load/scale_bench.py 2000 --embedded

Whole runs of the demo on PostgreSQL and Redis, the sandbox on the same machine; with `--embedded`
on SQLite, with the demo's own two numbers at 80 a second. CPU per message is that from the trigger
to the last report applied, PostgreSQL and Redis included, what the processes use while idle
subtracted; the sandbox's share is shown apart. The lag is the longest from the webhook's 200 to the
ledger. 1,000,000 recipients need some 12 GB of disk and half an hour.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import watched_run

SHOWN = ("postgres", "worker-batch-processing", "worker-distribution-analytics", "web", "keeper")
SHOWN += ("broker", "beat", "worker-mass-distribution", "watcher", "sandbox")


def rows(found: dict[str, Any]) -> list[tuple[str, object]]:
    """The lines of the table for one size."""
    cost, memory, troubles = found["cost"], found["memory"], found["troubles"]
    return [
        ("first send after the trigger, s", found["first_send_lateness_seconds"]),
        ("accepted per second, sustained", found["accepted_per_second"]),
        ("of what the numbers allowed", found["pool_utilisation"]),
        ("CPU ms per message, all but the sandbox", round(watched_run.ours(cost), 3)),
        *((f"  {name}", round(cost[name], 3)) for name in SHOWN if name in cost),
        ("longest lag of statuses, s", found["lag"]),
        *((f"  peak PSS {name}, MB", memory[name]) for name in SHOWN if name in memory),
        ("missed / two messages", f"{found['missed']} / {found['duplicates']}"),
        ("statuses not applied", found["webhooks_pending"] + found["without_report"]),
        ("lock waits above 200 ms, timeouts", sum(troubles.values())),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [2_000, 20_000, 200_000, 1_000_000]
    parser.add_argument("sizes", type=int, nargs="*", default=sizes)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--numbers", type=int, default=3)
    parser.add_argument("--senders", type=int, default=1)
    together = "at most; 0: those of 150 ms come together"
    parser.add_argument("--statuses-per-post", type=int, default=0, help=together)
    parser.add_argument("--embedded", action="store_true", help="SQLite instead of PostgreSQL")
    options = parser.parse_args()
    found = [
        watched_run.run(
            size,
            rate=0 if options.embedded else options.rate,
            numbers=0 if options.embedded else options.numbers,
            senders=options.senders,
            statuses_per_post=options.statuses_per_post,
            services=not options.embedded,
            env={"SLA_WINDOW_SECONDS": "3600"},
        )
        for size in options.sizes
    ]
    table = [rows(one) for one in found]
    print(f"{'':44}" + "".join(f"{size:>12,}" for size in options.sizes))
    for lines in zip(*table, strict=True):
        print(f"{lines[0][0]:44}" + "".join(f"{value!s:>12}" for _, value in lines))
    return int(any(one["missed"] or one["duplicates"] for one in found))


if __name__ == "__main__":
    sys.exit(main())
