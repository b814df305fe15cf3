"""Writes the figures that Prometheus reads: each second while a distribution runs.

What a sheet costs decides how often it is written, so a large audience never costs more than its
share of a core. Any number of keepers may do this: whoever finds a fresh sheet leaves it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction

from distribution.ledger import report_lag
from distribution.metrics import durations, receipt_figures, run_figures, standing
from distribution.metrics.samples import Samples
from distribution.models import Distribution, StoredFigures
from distribution.service_level import watch
from phonepool.models import PhoneNumber

log = logging.getLogger(__name__)

RUN, DURATIONS, RECEIPTS, STANDING = "run", "durations", "receipts", "standing"
EVERY, EVERY_IDLE = 1.0, 30.0  # seconds: of the sheet RUN
PEOPLE_PER_SECOND = 50_000  # counting 100,000 takes 40 ms: every two seconds, 2% of a core
SHARE = 0.03  # of a core at most, of this process
SLOW_SHARE = 0.003  # of a core, for each of the other sheets; but not more seldom than
SLOW_PAUSE_MAX = 60.0  # seconds: on a busy machine, 0.2 s of waiting counted as 0.2 s of work
SLOW_PAUSES = {RECEIPTS: 5.0, DURATIONS: 10.0, STANDING: 15.0}
SEEN_LIMIT = 20  # distributions whose additions to the totals are remembered

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is written of one sheet."""

    samples: Samples
    seen: dict[str, dict[str, int]]


def pause_after(cpu: float, people: int) -> float:
    """Seconds until RUN is written again. Not by the time it took, which is long on a busy machine:
    then the figures are needed most."""
    return max(EVERY, people / PEOPLE_PER_SECOND, cpu / SHARE)


class FigureKeeping:
    """The work of one keeper; everything that it remembers may be lost without harm."""

    def __init__(self, clock: Clock, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock, self._sleep = clock, sleep
        self._next: dict[str, float] = {}
        self._running = False

    def work(self) -> None:
        """Write what is due; while a distribution runs, stay until it has ended."""
        try:
            while self.write_due():
                self._sleep(max(0.05, self._next[RUN] - time.monotonic()))
        except (DatabaseError, InterfaceError) as error:
            log.warning("figures for Prometheus are not stored: %s", type(error).__name__)

    def write_due(self) -> bool:
        """Write what is due now; whether a distribution runs."""
        now = self._clock()
        running = run_figures.running()
        if running and not self._running:
            self._next.clear()  # one begins: everything is to be fresh
        has_ended = self._running and not running  # that is to be seen at once
        self._running = bool(running)
        if running or has_ended or self._is_due(RUN):
            cpu, took = (
                time.thread_time(),
                self._write(RUN, 0.0 if has_ended else EVERY, now, running),
            )
            busy = pause_after(time.thread_time() - cpu, sum(one.recipients for one in running))
            self._put_off(RUN, busy if running else max(EVERY_IDLE, took / SLOW_SHARE))
        for name, pause in SLOW_PAUSES.items():
            if self._is_due(name):
                took = self._write(name, pause, now, running)
                self._put_off(name, max(pause, min(took / SLOW_SHARE, SLOW_PAUSE_MAX)))
        return self._running

    def _is_due(self, name: str) -> bool:
        return time.monotonic() >= self._next.get(name, 0.0)

    def _put_off(self, name: str, seconds: float) -> None:
        self._next[name] = time.monotonic() + seconds

    def _write(self, name: str, every: float, now: datetime, running: list[Distribution]) -> float:
        """Write one sheet unless another keeper has just done so; how long it took."""
        began = time.monotonic()
        last = StoredFigures.objects.filter(pk=name).first()
        fresh = timedelta(seconds=every * 0.8)
        if last is None or not timedelta(0) <= now - last.at < fresh:
            store(name, last, MAKERS[name](last, running or run_figures.latest(now), now), now)
        return time.monotonic() - began


def store(name: str, last: StoredFigures | None, sheet: Sheet, now: datetime) -> bool:
    """Keep a sheet, unless another keeper has written it since `last` was read."""
    fields = {"at": now, "samples": sheet.samples, "seen": sheet.seen}
    if last is not None:
        rows = StoredFigures.objects.filter(pk=name, at=last.at)
        return bool(rows.update(**fields))
    try:
        with transaction.atomic():
            StoredFigures.objects.create(name=name, **fields)
    except IntegrityError:
        return False
    return True


def _run(last: StoredFigures | None, shown: list[Distribution], now: datetime) -> Sheet:
    numbers = list(PhoneNumber.objects.all())
    runs = [run_figures.look(one, numbers, now) for one in shown]
    for run in runs:
        if run.is_running:  # once a second, where the regular measurement comes every five
            watch.look_at_pace(run.distribution, run.level, run.tally, numbers, run.pace, now=now)
    before = {} if last is None else last.seen
    by_run = {str(run.distribution.pk): run for run in runs}
    counted = {pk: run_figures.counted(run, before.get(pk, ())) for pk, run in by_run.items()}
    totals, seen = add_up(last, counted)
    return Sheet({**run_figures.of_runs(runs), **totals}, seen)


def add_up(
    last: StoredFigures | None, counted: Mapping[str, Mapping[str, int]]
) -> tuple[Samples, dict[str, dict[str, int]]]:
    """The totals of all time, which never fall, and what each distribution has added to them."""
    totals: dict[str, int] = {}
    seen: dict[str, dict[str, int]] = {} if last is None else dict(last.seen)
    for name, samples in (last.samples if last else {}).items():
        if name.endswith("_total"):
            totals.update({"|".join([name, *labels]): value for labels, value in samples})
    for pk, figures in counted.items():
        known = seen.get(pk, {})
        for key, number in figures.items():
            totals[key] = totals.get(key, 0) + max(0, number - known.get(key, 0))
        seen[pk] = {key: max(number, known.get(key, 0)) for key, number in figures.items()}
    made: Samples = {}
    for key, total in sorted(totals.items()):
        name, *labels = key.split("|")
        made.setdefault(name, []).append((labels, total))
    kept = sorted(seen, key=int)[-SEEN_LIMIT:]
    return made, {pk: seen[pk] for pk in kept}


def _durations(_: StoredFigures | None, shown: list[Distribution], __: datetime) -> Sheet:
    return Sheet(durations.of_runs(shown), {})


def _receipts(_: StoredFigures | None, shown: list[Distribution], now: datetime) -> Sheet:
    as_of = report_lag.read(now).as_of  # as the rule has it: reports that wait here have come
    return Sheet(receipt_figures.of_runs(shown, as_of), {})


def _standing(last: StoredFigures | None, _: list[Distribution], now: datetime) -> Sheet:
    """A total that was counted again and has become less stays as it was."""
    samples = standing.read(now)
    before = {tuple(labels): value for labels, value in _costs(last.samples if last else {})}
    samples[COSTS] = [
        (labels, max(value, before.pop(tuple(labels), 0.0))) for labels, value in _costs(samples)
    ] + [(list(labels), value) for labels, value in before.items()]
    return Sheet(samples, {})


COSTS = "daybreak_cost_rupees_total"


def _costs(samples: Mapping[str, list[tuple[list[str], float]]]) -> list[tuple[list[str], float]]:
    return samples.get(COSTS, [])


MAKERS: dict[str, Callable[[StoredFigures | None, list[Distribution], datetime], Sheet]] = {
    RUN: _run,
    DURATIONS: _durations,
    RECEIPTS: _receipts,
    STANDING: _standing,
}
