"""Mornings of 2 000 people without Celery, and without Redis, at production's time constants.

    python -m tests.faults.without [--people 2000] [--minutes 10]

*Without Celery*: no worker and no beat lives from before the opening to the end. *Without Redis*:
it refuses connections from a minute before the opening until ten minutes after it. The keeper
opens, sends and ends both. Seconds are counted from the planned opening, by the sandbox's journal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()

from django.utils import timezone

from distribution.models import Distribution
from tests.faults.checker import examine
from tests.faults.database import Server, throwaway
from tests.faults.morning import House
from tests.faults.stack import CALM, UNSCALED, WORKERS, Stack

RATES = (80, 80, 50)
BEFORE = timedelta(minutes=1)
GOAL = 0.99
LONGEST = 900.0  # seconds for one morning's end


@dataclass(frozen=True)
class Line:
    """One morning: seconds from the planned opening, and people."""

    name: str
    first: float
    most: float  # until 99 of 100 were accepted
    last: float
    missed: int
    doubled: int
    in_time: float  # share of the people, as the report has it
    sentences: Sequence[str]

    def __str__(self) -> str:
        return (
            f"{self.name:<16} | {self.first:>7.1f} | {self.most:>10.1f} | {self.last:>7.1f}"
            f" | {self.missed:>6} | {self.doubled:>7} | {self.in_time:.4f}"
        )


HEAD = f"{'morning':<16} |   first | 99 of 100 |    last | missed | doubled | in time"


def without_celery(house: House) -> None:
    house.stack.bury(*WORKERS, "beat")


def without_redis(house: House) -> None:
    house.stack.proxies["redis"].refuse()


def run(server: Server, people: int, name: str, take: Callable[[House], None], gone: float) -> Line:
    """One morning from a minute before it; what was taken away stays so for `gone` seconds."""
    with (
        tempfile.TemporaryDirectory(
            prefix="daybreak-without-", ignore_cleanup_errors=True
        ) as folder,
        Stack(
            Path(folder),
            server,
            env=UNSCALED,
            proxied=("redis",),
            sandbox_settings=json.dumps(CALM),
            rates=RATES,
        ) as stack,
    ):
        house = House(stack, people)
        take(house)
        morning = house.open_as_it_is(late=-BEFORE)
        planned = morning.distribution.planned_at
        stack.wait(lambda: morning.accepted() > 0, "the first is accepted", LONGEST)
        morning.wait_settled(LONGEST)
        stack.live_for(gone - (timezone.now() - planned).total_seconds())
        stack.heal()
        morning.wait_ended(LONGEST)
        found = examine(stack, morning.pk)
        at = sorted(e.accepted_at - planned.timestamp() for e in stack.cloud.journal())
        most = at[int(0.99 * people) - 1] if len(at) >= int(0.99 * people) else float("inf")
        in_time = Distribution.objects.get(pk=morning.pk).sla_accepted or 0.0
    return Line(name, at[0], most, at[-1], found.missed, found.doubled, in_time, [*found.sentences])


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when both kept the promise and the service level."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.without", description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=10.0, help="without Redis after opening")
    options = parser.parse_args(arguments)
    with throwaway() as server:
        lines = [
            run(server, options.people, "without Celery", without_celery, 0.0),
            run(server, options.people, "without Redis", without_redis, 60 * options.minutes),
        ]
    for line in lines:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in line.sentences))
    sys.stdout.write("\n".join([HEAD, *map(str, lines)]) + "\n")
    return int(any(line.sentences or line.in_time < GOAL for line in lines))


if __name__ == "__main__":
    sys.exit(main())
