"""One, two, four and eight processes that send: does any number exceed its rate, and what do they
cost?

    python tests/load/senders_bench.py [--senders 1 2 4] [--rates 400 1000] [--kill]

Whole runs of the demo on PostgreSQL and Redis with three numbers. The busiest second of any number
is shown twice: as the senders wrote, and as the messages arrived at the sandbox, which refuses
nothing here. They arrive in bunches whenever the machine is busy for a moment, also with one
sender. With `--kill` the first sender is killed once a third is accepted; its CPU until then is not
counted. Lock waits are those above 200 ms in PostgreSQL's log. The exit code is 0 only if no number
wrote more than its rate in a second, nobody was missed and nobody got two messages.
"""

from __future__ import annotations

import argparse
import sys

import watched_run

# What the killed process left in doubt is judged within the run.
DOUBTS = {"RECONCILE_WINDOW_SECONDS": "30", "RECONCILE_UNSURE_SECONDS": "20"}
FORM = "{:>7} {:>6} {:>10} {:>8} {:>8} {:>8} {:>10} {:>11} {:>8} {:>7} {:>7}"
HEADS = ("senders", "rate", "accepted/s", "written", "arrived", "refused", "CPU ms")
COSTS = ("senders' ms", "PG ms", "waits", "missed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--senders", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rates", type=int, nargs="+", default=[400, 1000])
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--numbers", type=int, default=3)
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    print(FORM.format(*HEADS, *COSTS), flush=True)
    bad = False
    for rate in options.rates:
        for senders in options.senders:
            found = watched_run.run(
                options.subscribers,
                rate=rate,
                numbers=options.numbers,
                senders=senders,
                env=DOUBTS if options.kill else {},
                kill=options.kill,
            )
            peaks = [number["peak_per_second"] for number in found["per_number"]]
            cost = found["cost"]
            sending = sum(spent for name, spent in cost.items() if "batch-processing" in name)
            print(
                FORM.format(
                    senders,
                    rate,
                    found["accepted_per_second"],
                    found["busiest_second"],
                    max(peaks),
                    sum(number["rate_limited"] for number in found["per_number"]),
                    f"{watched_run.ours(cost):.3f}",
                    f"{sending:.3f}",
                    f"{cost.get('postgres', 0):.3f}",
                    found["troubles"]["still waiting"],
                    found["missed"] + found["duplicates"],
                ),
                flush=True,
            )
            bad |= found["busiest_second"] > rate or bool(found["missed"] + found["duplicates"])
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
