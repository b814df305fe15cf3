"""Who opts out while a distribution is sent: how long messages still leave, and what asking costs.

    python tests/load/leaving_bench.py [--subscribers 4000] [--leavers 40] [--rate 80]
        [--people 80000] [--samples 9] [--only cost|run]

On real processes `--leavers` people opt out while their deliveries are CLAIMED, and as many while
they are in flight; the sandbox's journal tells who was written to all the same, and how long after
the opt-out was committed. On a throwaway PostgreSQL with `--people` subscribers: CPU µs a message
of the statement that marks in flight, without and with the question about the recipient, in turns.
The exit code is 0 only if nobody was marked after the commit, and no first byte came later than
half a second after it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from tests.load.bulk_update_bench import backend_cpu  # noqa: E402
from tests.load.servers import django_on_postgres  # noqa: E402

BOUND_SECONDS = 0.5
PARTS = ("cost", "run")
MICRO_BATCH = 25
MARKS = 200  # of one sample
FILL = """
    INSERT INTO subscribers_subscriber (phone, name, tier, status, language, attributes, email,
            unreachable_days, created_at, updated_at)
    SELECT '+9155' || lpad(i::text, 8, '0'), '', 'PRO', 'ACTIVE', 'en', '{}', '', 0, now(), now()
      FROM generate_series(1, %(people)s) AS i;
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
            batch_no, state, claim_token, lease_until)
    SELECT %(distribution)s, id, phone, tier, now(), id / 50, 'CLAIMED', 7,
           now() + interval '1 hour'
      FROM subscribers_subscriber WHERE phone LIKE '+9155%%';
"""
PICK = """
    (SELECT subscriber_id, state FROM distribution_delivery
      WHERE state = 'CLAIMED' AND subscriber_id <> ALL(%(left)s) ORDER BY id DESC LIMIT 2)
    UNION ALL
    (SELECT subscriber_id, state FROM distribution_delivery
      WHERE state = 'INFLIGHT' AND subscriber_id <> ALL(%(left)s)
      ORDER BY inflight_at DESC, id DESC LIMIT 2)
"""
LEAVE = "UPDATE subscribers_subscriber SET status = 'UNSUBSCRIBED' WHERE id = ANY(%s)"
MARKED = """
    SELECT ltrim(phone, '+'), subscriber_id, state, reason, extract(epoch FROM inflight_at)::float
      FROM distribution_delivery
"""


# --- what it costs ------------------------------------------------------------------------------


def cost(people: int, samples: int) -> tuple[float, float, int]:
    """Microseconds of CPU a message of the mark, client and server: without and with; and how many
    of 40 who left while CLAIMED are marked."""
    from distribution.ledger import statements

    without = f"{statements.OWNED} AND {statements.OPEN_TO_CALLS}"
    figures: dict[str, list[float]] = {without: [], statements.MARK_WHERE: []}
    pks, number_id = _claimed(people)
    for _ in range(samples):
        for where, found in figures.items():
            found.append(_mark(pks, number_id, where))
    marked = _mark_leavers(pks[:: len(pks) // 40][:40], number_id)
    return median(figures[without]), median(figures[statements.MARK_WHERE]), marked


def _claimed(people: int) -> tuple[list[int], int]:
    from django.db import connection

    from distribution.models import Delivery
    from tests.mornings import a_morning

    morning = a_morning(300, now=datetime.now(UTC))
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"people": people, "distribution": morning.pk})
        cursor.execute("ANALYZE")
    rows = Delivery.objects.filter(state="CLAIMED").order_by("pk")
    number = Delivery.objects.exclude(number=None).values_list("number_id", flat=True)[0]
    return list(rows.values_list("pk", flat=True)[: MARKS * MICRO_BATCH]), int(number or 0)


def _mark_leavers(pks: list[int], number_id: int) -> int:
    from distribution.models import Delivery
    from subscribers.models import Subscriber

    people = Delivery.objects.filter(pk__in=pks).values("subscriber_id")
    Subscriber.objects.filter(pk__in=people).update(status="UNSUBSCRIBED")
    return _marked(pks, number_id)


def _marked(pks: list[int], number_id: int, where: str = "") -> int:
    """How many of them are marked, a micro-batch at a time."""
    from distribution.ledger import statements
    from distribution.models import Delivery
    from distribution.runtime.bulk_update import update_from

    now = datetime.now(UTC)
    later = now + timedelta(minutes=1)
    given = {"token": 7, "number": number_id, "now": now, "clock": now.timestamp()}
    given |= {"lease_end": later, "least_lease": later, "rung": 0, "place": 0}
    groups = [pks[start : start + MICRO_BATCH] for start in range(0, len(pks), MICRO_BATCH)]
    return sum(
        update_from(
            Delivery,
            columns=statements.MARK_COLUMNS,
            rows=[{"id": pk, "template": None} for pk in group],
            assign=statements.MARK_ASSIGN,
            where=where or statements.MARK_WHERE,
            given=given,
        )
        for group in groups
    )


def _mark(pks: list[int], number_id: int, where: str) -> float:
    from django.db import connection, transaction

    pid = connection.connection.info.backend_pid
    with transaction.atomic():
        before = time.process_time() + backend_cpu(pid)
        changed = _marked(pks, number_id, where)
        after = time.process_time() + backend_cpu(pid)
        transaction.set_rollback(True)  # the next sample finds them claimed again
    assert changed == len(pks), (changed, len(pks))
    return 1e6 * (after - before) / len(pks)


# --- how long messages still leave --------------------------------------------------------------


class Leavers:
    """Opts people out, two of each state at a time."""

    def __init__(self, url: str, wanted: int) -> None:
        self.url, self.wanted = url, wanted
        self.left: dict[int, float] = {}  # when it was committed, Unix seconds
        self.claimed: set[int] = set()
        self.over = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as session:
            while len(self.claimed) < self.wanted and not self.over.wait(0.1):
                with contextlib.suppress(psycopg.errors.UndefinedTable):
                    rows = session.execute(PICK, {"left": list(self.left)}).fetchall()
                    people = [person for person, _ in rows]
                    session.execute(LEAVE, [people])
                    self.left |= dict.fromkeys(people, time.time())
                    self.claimed |= {person for person, state in rows if state == "CLAIMED"}


@contextlib.contextmanager
def leaving(url: str, wanted: int) -> Iterator[Leavers]:
    leavers = Leavers(url, wanted)
    thread = threading.Thread(target=leavers.run)
    thread.start()
    try:
        yield leavers
    finally:
        leavers.over.set()
        thread.join()


def run(subscribers: int, wanted: int, rate: int) -> dict[str, Any]:
    """What became of the people who left, and how long after its mark each first byte came."""
    import django

    django.setup()
    from config.demo import environment
    from config.demo.journal_verdict import SandboxClient

    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    folder.chmod(0o711)
    scenario = "normal_load"
    try:
        with environment.launch(
            folder / "var", scenario, seed=1, services=True, rate=rate
        ) as launcher:
            with leaving(launcher.env["DATABASE_URL"], wanted) as leavers:
                environment.run_day(
                    launcher,
                    scenario,
                    subscribers=subscribers,
                    seed=1,
                    report="",
                    serve=False,
                    rate=rate,
                )
            journal = list(SandboxClient(launcher.sandbox_url).journal())
            with psycopg.connect(launcher.env["DATABASE_URL"]) as session:
                rows = session.execute(MARKED).fetchall()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _figures(rows, {entry.to: entry.arrived for entry in journal}, leavers)


def _figures(
    rows: list[tuple[Any, ...]], arrived: dict[str, float], leavers: Leavers
) -> dict[str, Any]:
    left, claimed = leavers.left, leavers.claimed
    ahead = sorted(arrived[to] - marked for to, _, _, _, marked in rows if to in arrived and marked)
    gone = [row for row in rows if row[1] in left]
    late = [arrived[row[0]] - left[row[1]] for row in gone if row[0] in arrived]
    return {
        "left_while_claimed": len(claimed),
        "of_them_skipped": sum(
            row[2:4] == ("SKIPPED", "opted_out") for row in gone if row[1] in claimed
        ),
        "left_in_flight": len(left) - len(claimed),
        "of_them_withdrawn": sum(row[2] == "SKIPPED" for row in gone if row[1] not in claimed),
        "marked_after_the_commit": sum((row[4] or 0) > left[row[1]] for row in gone),
        "last_byte_after_the_commit_s": round(max(late, default=0.0), 3),
        "mark_to_first_byte_p50_s": round(median(ahead), 3),
        "mark_to_first_byte_p99_s": round(quantiles(ahead, n=100)[98], 3),
        "mark_to_first_byte_max_s": round(ahead[-1], 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=4000)
    parser.add_argument("--leavers", type=int, default=40)
    parser.add_argument("--rate", type=int, default=0, help="0: as the customer's numbers")
    parser.add_argument("--people", type=int, default=80_000)
    parser.add_argument("--samples", type=int, default=9)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    if options.only is None:  # each in a process of its own: Django is set up for one database
        parts = [[sys.executable, __file__, *sys.argv[1:], "--only", name] for name in PARTS]
        return max(subprocess.run(part).returncode for part in parts)
    bad = False
    if options.only == "run":
        found = run(options.subscribers, options.leavers, options.rate)
        for name, value in found.items():
            print(f"{name:32} {value}")
        bad = bool(found["marked_after_the_commit"])
        bad |= found["last_byte_after_the_commit_s"] > BOUND_SECONDS
    else:
        with django_on_postgres():
            without, asked, marked = cost(options.people, options.samples)
        print(f"of 40 who left among {options.people:,} who were CLAIMED {marked} were marked")
        bad |= bool(marked)
        print(f"mark, µs a message: {without:.1f} without, {asked:.1f} with: {asked / without:.3f}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
