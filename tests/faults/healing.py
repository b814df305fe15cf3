"""How soon sending goes on, fault by fault, at production's time constants.

    python -m tests.faults.healing [--people 1200] [--only killed]

One house, and for each fault a distribution of its own that is struck in the middle, at 50 messages
a second. Healing is the time from the fault's end to the next acceptance; silence the longest time
between two of them from the strike on, the fault's own length included. Both are taken when all
but those in doubt have an end, who wait for the reconcile window of ten minutes by intention.
Missed and doubled are told when everybody has an end. The word is the sandbox's journal.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()

import redis

from distribution.ledger.attempts import ids
from distribution.models import Delivery
from tests.faults.checker import examine
from tests.faults.database import Server, throwaway
from tests.faults.morning import House, Morning
from tests.faults.stack import CALM, SENDERS, UNSCALED, WORKERS, Stack

EVERYTHING = (*WORKERS, "keeper", "beat", "web", "broker")
SENT_BEFORE = 0.1  # of the people when it strikes
# Whoever is in one of these is still to be sent to, or was a moment ago.
AHEAD = ("PENDING", "CLAIMED", "RETRY_WAIT", "INFLIGHT")
GOAL = 60.0  # seconds
LASTING = 10.0  # seconds: how long what is not a death goes on
PATIENCE = 300.0  # seconds
IN_DOUBT = 900.0  # seconds: lease, reconcile window and the receiver's patience, and some more


def freeze(*names: str) -> Callable[[Stack], None]:
    def strike(stack: Stack) -> None:
        for name in names:
            stack.signal_tree(name, signal.SIGSTOP)
        stack.live_for(LASTING)
        for name in names:
            stack.signal_tree(name, signal.SIGCONT)

    return strike


def kill(*names: str) -> Callable[[Stack], None]:
    return lambda stack: stack.kill(*names)


def cut_off(name: str, how: str) -> Callable[[Stack], None]:
    """What is reached through a proxy refuses connections, or freezes, for a while."""

    def strike(stack: Stack) -> None:
        proxy = stack.proxies[name]
        getattr(proxy, how)()
        stack.live_for(LASTING)
        proxy.mend()
        proxy.reset()

    return strike


def answers(code: int, status: int) -> Callable[[Stack], None]:
    """Meta refuses every call with this error for a while."""

    def strike(stack: Stack) -> None:
        fault = {"match": {}, "do": "error", "code": code, "status": status}
        stack.cloud.faults({**fault, "for_seconds": LASTING})
        stack.live_for(LASTING)

    return strike


def flush(stack: Stack) -> None:
    redis.Redis.from_url(stack.broker_url).flushall()


def crash(stack: Stack) -> None:
    stack.server.crash()


def all_at_once(stack: Stack) -> None:
    stack.kill(*EVERYTHING)
    stack.server.crash()


FAULTS: dict[str, Callable[[Stack], None]] = {
    "a sending worker is killed": kill(SENDERS[0]),
    "every worker is killed": kill(*WORKERS),
    "all of Celery dies for good": lambda stack: stack.bury(*WORKERS, "beat"),
    "a sending worker freezes for 10 s": freeze(SENDERS[0]),
    "every worker freezes for 10 s": freeze(*WORKERS),
    "the keeper is killed": kill("keeper"),
    "the web is killed": kill("web"),
    "Redis is killed": kill("broker"),
    "Redis is flushed": flush,
    "Redis refuses for 10 s": cut_off("redis", "refuse"),
    "Redis freezes for 10 s": cut_off("redis", "freeze"),
    "PostgreSQL crashes": crash,
    "PostgreSQL refuses for 10 s": cut_off("postgres", "refuse"),
    "PostgreSQL freezes for 10 s": cut_off("postgres", "freeze"),
    "Meta's port refuses for 10 s": cut_off("meta", "refuse"),
    "Meta answers 503 for 10 s": answers(131016, 503),
    "Meta answers 130429 for 10 s": answers(130429, 429),
    "everything is killed at once": all_at_once,
}


@dataclass(frozen=True)
class Healed:
    """What one fault came to, in seconds; healing None: all was sent before the fault's end."""

    name: str
    morning: Morning
    healing: float | None
    silence: float

    def line(self) -> str:
        told = "-" if self.healing is None else f"{self.healing:.1f}"
        return f"{self.name:<36} | {told:>9} | {self.silence:>9.1f}"


HEAD = f"{'fault':<36} | healing s | silence s"


def try_one(house: House, name: str) -> Healed:
    """A distribution that is struck once, until all but those in doubt have their end."""
    morning = house.open()
    morning.wait_accepted(int(SENT_BEFORE * house.people))
    began = time.time()
    FAULTS[name](house.stack)
    over = time.time()
    house.stack.wait(lambda: _nobody_ahead(morning), f"nobody waits although {name}", PATIENCE)
    moments = sorted(_acceptances(house.stack, morning))
    later = [at for at in moments if at >= over]
    silence = max(b - a for a, b in pairwise([began, *(at for at in moments if at >= began)]))
    return Healed(name, morning, later[0] - over if later else None, silence)


def _nobody_ahead(morning: Morning) -> bool:
    tally = morning.tally()
    return bool(tally) and not any(tally.get(state) for state in AHEAD)


def _acceptances(stack: Stack, morning: Morning) -> Iterator[float]:
    """When its messages were accepted, Unix seconds."""
    mine = set(Delivery.objects.filter(distribution=morning.pk).values_list("pk", flat=True))
    for entry in stack.cloud.journal():
        key = ids.parse(entry.attempt_id)
        if key is not None and key.delivery_id in mine:
            yield entry.accepted_at


def try_all(server: Server, people: int, only: str) -> int:
    """Print the table; 0 when the promise was kept and every fault healed in time."""
    options: dict[str, Any] = {"env": UNSCALED, "proxied": ("redis", "postgres", "meta")}
    with (
        tempfile.TemporaryDirectory(
            prefix="daybreak-healing-", ignore_cleanup_errors=True
        ) as folder,
        Stack(Path(folder), server, sandbox_settings=json.dumps(CALM), **options) as stack,
    ):
        house = House(stack, people)
        found = []
        for name in (name for name in FAULTS if only in name):
            found.append(try_one(house, name))
            _say(f"{HEAD}\n{found[-1].line()}")
        stack.heal()
        for one in found:
            one.morning.wait_ended(IN_DOUBT)
        verdict = examine(stack, *(one.morning.pk for one in found))
    _say("\n".join(verdict.sentences))
    sys.stdout.write("\n".join([HEAD, *(one.line() for one in found)]) + "\n")
    sys.stdout.write(f"missed {verdict.missed}, doubled {verdict.doubled} of {verdict.people}\n")
    slow = [one for one in found if (one.healing or 0.0) > GOAL]
    return int(bool(verdict or slow or not found))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.healing", description=__doc__)
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--only", default="", help="faults with this in their name")
    options = parser.parse_args(arguments)
    with throwaway() as server:
        return try_all(server, options.people, options.only)


if __name__ == "__main__":
    sys.exit(main())
