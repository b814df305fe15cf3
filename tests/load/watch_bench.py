"""From a cause to our alert: seconds until a receiver outside hears of it, on real processes.

    python -m tests.load.watch_bench [--cases stop,queue] [--sizes 2000,20000] [--mornings 3]
                                     [--rounds 1] [--list] [--without-prometheus]

Starts PostgreSQL, a broker, the stand-in for Meta with realistic answers and receipts, and every
process of an installation with its own settings; a distribution is opened for each case, the cause
strikes ten seconds later, and what arrives at WEBHOOK_ALERT_URL is timed. Where Debian's prometheus
and prometheus-alertmanager are installed, they watch the same installation. First, `--mornings`
distributions go well until their end: they show false alarms, and teach how receipts come.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()

from django.db import connection
from django.utils import timezone

from distribution.alerts import incidents
from distribution.lifecycle import control
from distribution.models import Alert, Distribution, Kind
from distribution.service_level import receipt_watch
from sandbox.behaviour import settings as sandbox_settings
from subscribers.models import Subscriber
from tests.faults import monitors
from tests.faults.database import throwaway
from tests.faults.monitors import Monitors
from tests.faults.morning import TIERS, House, Morning
from tests.faults.stack import UNSCALED, Stack
from tests.load.watch_cases import CASES, Case
from tests.load.watch_sink import SECRET, AlertSink, Told

RATES = (80, 80, 20)  # messages a second: two primaries and a backup
PATIENCE = 75.0  # seconds that a case waits for its alert, and for its end
LINGER = 5.0  # seconds more, for what else is told
# Whoever is not on WhatsApp was found out on earlier days.
SENT_TO_BEFORE = {"outcome_shares": {"UTILITY": {"invalid": 0.0}}}
SILENT = ("DaybreakWatchdog", "DaybreakOwnAlert")  # of Prometheus: always, and what we told
AWAY = "none while it lasts"


@dataclass
class Row:
    """One line of the table."""

    case: str
    people: int
    load: float
    ours: float | None = None
    rule: str = ""
    theirs: float | None = None
    alert: str = ""  # of Prometheus
    after: float | None = None  # seconds from the end of the cause to the end of the alert
    since_start: float | None = None  # from the distribution's opening to ours
    limit: float | None = None
    others: list[str] = field(default_factory=list)

    @property
    def is_late(self) -> bool:
        return self.limit is not None and (self.ours is None or self.ours > self.limit)

    def line(self) -> str:
        def seconds(value: float | None) -> str:
            return "–" if value is None else f"{value:.1f}"

        limit = f" (limit {self.limit:g})" if self.limit is not None else ""
        return (
            f"| {self.case}, {self.people:,} | {seconds(self.ours)}{limit} | {self.rule} |"
            f" {seconds(self.since_start)} | {seconds(self.theirs)} | {self.alert} |"
            f" {seconds(self.after)} | {self.load:.1f} | {', '.join(self.others)} |"
        )


COLUMNS = (
    "cause, recipients",
    "ours, s",
    "rule",
    "since opening, s",
    "Prometheus, s",
    "alert",
    "closed after, s",
    "load",
    "also told",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|"


Found = TypeVar("Found")


class Bench:
    """An installation, its sink and, perhaps, Prometheus."""

    def __init__(self, house: House, sink: AlertSink, watchers: Monitors | None) -> None:
        self.house, self.stack, self.sink, self.watchers = house, house.stack, sink, watchers

    def play(self, case: Case) -> Row:
        """One case from a calm beginning to the end of its alert."""
        self.calm()
        self.grow(case.people)
        row = Row(case.name, case.people, 0.0, limit=case.limit)
        with contextlib.ExitStack() as fault:
            if case.at is None:
                fault.enter_context(case.fault(self.house))
            morning, opened = self.begin()
            if case.at is not None:
                self.stack.live_for(opened + case.at - time.time())
            cause, moment = (opened, time.monotonic() - (time.time() - opened))
            if case.at is not None:
                cause, moment = time.time(), time.monotonic()
                fault.enter_context(case.fault(self.house))
            row.load = os.getloadavg()[0]
            told = self._first(row, case, cause, moment)
            row.since_start = told.at - opened if told else None
            mended = time.time()
        if told is None and case.theirs:  # stored and told once it is over
            told = self._until(lambda: next(iter(self.sink.opened(mended, case.rules)), None))
            row.rule = f"{AWAY}; then {told.rule}" if told else AWAY
        self._end(row, told, mended)
        control.cancel(morning.pk, reason="the next case", now=timezone.now())
        row.others = _others(self.sink.opened(cause), told, cause)
        return row

    def _first(self, row: Row, case: Case, cause: float, moment: float) -> Told | None:
        """Wait until both have told of it."""

        def ours() -> Told | None:
            return next(iter(self.sink.opened(cause, case.rules)), None)

        def theirs() -> tuple[float, str] | None:
            return None if self.watchers is None else _firing(self.watchers, moment)

        if case.theirs:
            self._until(theirs)
        else:
            self._until(ours)
            self.stack.live_for(LINGER)
        if (told := ours()) is not None:
            row.ours, row.rule = told.at - cause, told.rule
        if (fired := theirs()) is not None:
            row.theirs, row.alert = fired[0] - moment, fired[1]
        return told

    def _end(self, row: Row, told: Told | None, mended: float) -> None:
        if told is None:
            return
        ended = self._until(lambda: self.sink.closed(told, told.at))
        row.after = ended.at - mended if ended else None

    def _until(self, look: Callable[[], Found | None]) -> Found | None:
        with contextlib.suppress(AssertionError):
            self.stack.wait(lambda: look() is not None, "it is told", PATIENCE)
        return look()

    # --- distributions ------------------------------------------------------------------------

    def calm(self) -> None:
        """Nothing runs, nothing is broken, nothing is told any more."""
        for running in Distribution.objects.running():
            control.cancel(running.pk, reason="the next case", now=timezone.now())
        self.stack.heal()
        with contextlib.suppress(AssertionError):
            self.stack.wait(
                lambda: not Alert.objects.filter(closed_at=None).exists(), "alerts close", 20
            )
        incidents.close_all(Alert.objects.all(), now=timezone.now())
        self.stack.live_for(3)

    def grow(self, people: int) -> None:
        """Have so many subscribers who get messages; cases are played in the order of sizes."""
        known, active = Subscriber.objects.count(), Subscriber.objects.filter(status="ACTIVE")
        Subscriber.objects.bulk_create(
            Subscriber(phone=f"+9198{n:08}", name=f"Adviser {n}", tier=TIERS[n % len(TIERS)])
            for n in range(known, known + people - active.count())
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def begin(self) -> tuple[Morning, float]:
        """A distribution that sends, and when it opened."""
        morning = self.house.open_as_it_is()
        self.stack.wait(lambda: morning.state() == "SENDING", "it opens", 60)
        opened = Distribution.objects.get(pk=morning.pk).opened_at
        assert opened is not None
        return morning, opened.timestamp()

    def go_well(self, number: int) -> Row:
        """A distribution without a fault, to its end; it becomes an earlier day's."""
        self.calm()
        self.grow(2_000)
        morning, opened = self.begin()
        row = Row(f"healthy morning {number}", 2_000, os.getloadavg()[0])
        morning.wait_settled(400)
        self.stack.wait(lambda: morning.state() == "COMPLETED", "it ends", 400)
        self.stack.live_for(LINGER)
        alarms = self.sink.opened(opened)
        row.rule = f"{len(alarms)} false alarms"
        row.others = [f"{one.rule} {one.at - opened:.1f} ({one.message})" for one in alarms]
        past = timezone.localdate() - timedelta(days=number)
        ended = Distribution.objects.filter(pk=morning.pk)
        ended.update(kind=Kind.DAILY, local_date=past)
        receipt_watch.keep(ended.get())
        ended.update(content=None)  # it had another one
        return row


def _others(opened: Iterable[Told], told: Told | None, cause: float) -> list[str]:
    """What else was told, each with its first seconds."""
    first: dict[str, float] = {}
    for one in opened:
        first.setdefault(one.rule, one.at - cause)
    return [f"{rule} {at:.1f}" for rule, at in first.items() if told is None or rule != told.rule]


def _firing(watchers: Monitors, since: float) -> tuple[float, str] | None:
    """The first alert that PagerDuty would have got of Prometheus since then."""
    found = (
        (at, alert["labels"]["alertname"])
        for at, to, message in list(watchers.sink.received)
        for alert in message["alerts"]
        if at >= since and (to, alert["status"]) == ("pagerduty", "firing")
    )
    return next((one for one in found if one[1] not in SILENT), None)


@contextlib.contextmanager
def installation(prometheus: bool) -> Iterator[Bench]:
    """Every process with its own settings; Meta is reached through a proxy, and so is the database
    by all but this process."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-watch-"))
    sink, realistic = AlertSink(), asdict(sandbox_settings.build("realistic", SENT_TO_BEFORE))
    with contextlib.ExitStack() as ends:
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        ends.enter_context(sink.listening())
        env = {
            **UNSCALED,
            "WEBHOOK_ALERT_URL": sink.url,
            "WEBHOOK_ALERT_SECRET": SECRET,
            "EVENT_PRIVATE_NETWORKS": "127.0.0.0/8",
        }
        stack = ends.enter_context(
            Stack(
                folder,
                ends.enter_context(throwaway()),
                env=env,
                proxied=("meta", "postgres"),
                sandbox_settings=json.dumps(realistic),
                rates=RATES,
            )
        )
        watchers = None
        if prometheus and all(shutil.which(name) for name in monitors.BINARIES):
            watchers = ends.enter_context(monitors.watching(folder / "prometheus", stack.web_port))
        yield Bench(House(stack, 2_000), sink, watchers)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", default="", help="words of their names, separated by commas")
    parser.add_argument("--sizes", default="2000,20000")
    parser.add_argument("--mornings", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without-prometheus", action="store_true")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    options = parser.parse_args()
    words = [word.strip() for word in options.cases.split(",") if word.strip()]
    sizes = [int(size) for size in options.sizes.split(",")]
    chosen = [case for case in CASES if case.people in sizes and _is_chosen(case, words)]
    if options.list:
        print("\n".join(f"{case.people:>6} {case.name}" for case in chosen))
        return 0
    rows = []
    with installation(not options.without_prometheus) as bench:
        print(HEAD, flush=True)
        for number in range(1, options.mornings + 1):
            print(bench.go_well(number).line(), flush=True)
        known = options.mornings >= 3
        for case in sorted(chosen, key=lambda one: one.people):
            for _ in range(options.rounds if known or not case.after_mornings else 0):
                rows.append(bench.play(case))
                print(rows[-1].line(), flush=True)
        print(f"{bench.sink.doubles()} notices came twice under the same key")
    return int(any(row.is_late for row in rows))


def _is_chosen(case: Case, words: list[str]) -> bool:
    return not words or any(word in case.name for word in words)


if __name__ == "__main__":
    sys.exit(main())
