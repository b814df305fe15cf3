"""What the guard against failures that hit everybody costs for each message.

    python tests/load/mass_failure_bench.py [--cpu-per-message 1.3] [--samples 7]

On a throwaway PostgreSQL with the tallies of a long run. CPU of the client and of the server's own
process, so that a busy machine changes little. Per message there is one answer, counted with those
of its batch run, and one first report, counted with those of its bundle. Those with a watched
failure are also looked at: of a healthy run (0.2 % faults at Meta in the answers, 2.5 % not on
WhatsApp in the reports) one batch run in ten and every bundle.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.load.bulk_update_bench import backend_cpu  # noqa: E402
from tests.load.servers import django_on_postgres  # noqa: E402

BATCH, BUNDLE = 50, 500  # messages of a batch run, statuses of a bundle
ROUNDS = 40
SHARE_LOOKED_AT = 0.1  # of the batch runs of a healthy day
RUN = timedelta(minutes=20)  # of tallies that are there: three numbers, ten batch runs a second


def cost(step: Callable[[], None], messages: int, samples: int) -> float:
    """Microseconds of CPU for each message, client and server: the median."""
    from django.db import connection

    connection.ensure_connection()
    pid, figures = connection.connection.info.backend_pid, []
    for _ in range(samples):
        before = time.process_time() + backend_cpu(pid)
        for _ in range(ROUNDS):
            step()
        after = time.process_time() + backend_cpu(pid)
        figures.append(1e6 * (after - before) / (ROUNDS * messages))
    return median(figures)


class Bench:
    """A distribution in the middle of a long run on three numbers."""

    def __init__(self) -> None:
        from distribution.models import Channel
        from distribution.outcomes import tallies
        from distribution.outcomes.mass_failure import NOT_FAILED
        from tests.mornings import a_morning

        self.now = datetime.now(UTC)
        self.distribution = a_morning(300, now=self.now)
        for place in range(int(RUN.total_seconds()) * 10):
            at = tallies.slot(place % 3, NOT_FAILED, self.now - timedelta(seconds=place / 10))
            for channel in Channel:
                tallies.record(self.distribution.pk, channel, {at: BATCH}, resume_no=0)

    def answers(self, failed: int) -> None:
        """A batch run: 50 answers, then one INSERT and, after a failure, a look."""
        from distribution.lifecycle import mass_failures
        from distribution.models import Channel
        from distribution.outcomes import tallies
        from phonepool.errors import FAILURES

        tally, pk = tallies.Tally(), self.distribution.pk
        for place in range(BATCH):
            failure = FAILURES[132000] if place < failed else None
            reason = tallies.reason_of(failure, tried_before=False)
            if reason is not None:
                tally[tallies.slot(1, reason, self.now)] += 1
        tallies.record(pk, Channel.ANSWER, tally, resume_no=0)
        mass_failures.respond(pk, Channel.ANSWER, tally, now=self.now)

    def reports(self, failed: int) -> None:
        """A bundle of 500 first reports on three numbers."""
        from distribution.lifecycle import mass_failures
        from distribution.outcomes.reported_failures import ReportedFailure, SentMessage
        from phonepool.errors import FAILURES

        pk = self.distribution.pk
        sent = [SentMessage(pk, place % 3, self.now) for place in range(BUNDLE - failed)]
        failures = [
            ReportedFailure(1, pk, 1, 1, FAILURES[132000], 132000, self.now, self.now)
            for _ in range(failed)
        ]
        mass_failures.judge_reports(failures, sent, now=self.now)


def run(arguments: argparse.Namespace) -> None:
    bench, samples = Bench(), arguments.samples
    counted = cost(lambda: bench.answers(0), BATCH, samples)
    looked_at = cost(lambda: bench.answers(1), BATCH, samples)
    reports = cost(lambda: bench.reports(12), BUNDLE, samples)
    healthy = counted + (looked_at - counted) * SHARE_LOOKED_AT + reports
    share = healthy / (arguments.cpu_per_message * 1000)
    print(
        f"µs a message: answers {counted:.1f} counted, {looked_at:.1f} looked at; reports"
        f" {reports:.1f}; a healthy run {healthy:.1f} = {share:.1%} of"
        f" {arguments.cpu_per_message} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu-per-message", type=float, default=1.3, help="milliseconds")
    parser.add_argument("--samples", type=int, default=7)
    arguments = parser.parse_args()
    with django_on_postgres():
        run(arguments)


if __name__ == "__main__":
    main()
