"""Chance that kills, freezes and crashes: a schedule from a seed, told beforehand, replayable."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass, field

from tests.faults.stack import WORKERS, Stack

VICTIMS = (*WORKERS, "keeper", "beat", "web", "broker")
# What sends is struck more often than what does not.
LIKELY = (3, 8, 4, 6, 1, 2, 2)
LONGEST_SLEEP = 9.0  # seconds: more than twice the lease


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """One thing that will happen, `at` seconds after the start."""

    at: float
    what: str  # kill, freeze or crash
    whom: str  # a role, or postgres
    seconds: float = 0.0  # how long it stays frozen

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:.1f} s {self.what} {self.whom}{lasting}"


def schedule(seed: int | str, seconds: float, *, every: float = 2.0) -> list[Strike]:
    """What happens within `seconds`, one strike every `every` seconds or so."""
    dice = random.Random(f"nemesis {seed}")
    strikes = []
    for number in range(int(seconds / every)):
        at = (number + dice.random()) * every
        what = dice.choices(("kill", "freeze", "crash"), (7, 2, 1))[0]
        whom = "postgres" if what == "crash" else dice.choices(VICTIMS, LIKELY)[0]
        lasting = dice.uniform(1.0, LONGEST_SLEEP) if what == "freeze" else 0.0
        strikes.append(Strike(round(at, 2), what, whom, round(lasting, 2)))
    return sorted(strikes)


@dataclass
class Nemesis:
    """Carries a schedule out while somebody calls `step`."""

    stack: Stack
    strikes: list[Strike]
    seconds: float = 0.0  # it is not over before
    started: float = field(default_factory=time.monotonic)
    done: list[tuple[float, Strike]] = field(default_factory=list)  # Unix seconds of each
    _thaws: list[tuple[float, int]] = field(default_factory=list)

    def step(self) -> None:
        """Do what is due by now."""
        elapsed = time.monotonic() - self.started
        while len(self.done) < len(self.strikes) and self.strikes[len(self.done)].at <= elapsed:
            strike = self.strikes[len(self.done)]
            self._carry_out(strike, elapsed)
            self.done.append((time.time(), strike))
        for thaw in [thaw for thaw in self._thaws if thaw[0] <= elapsed]:
            self._thaws.remove(thaw)
            _thaw(thaw[1])

    @property
    def over(self) -> bool:
        """Whether everything was done and everybody has thawed."""
        if time.monotonic() - self.started < self.seconds:
            return False
        return len(self.done) == len(self.strikes) and not self._thaws

    def last_at(self) -> float:
        """When the last of it ended, Unix seconds."""
        return max((at + strike.seconds for at, strike in self.done), default=0.0)

    def counts(self) -> dict[str, int]:
        """How many strikes of each sort were carried out."""
        found = {"kill": 0, "freeze": 0, "crash": 0}
        for _, strike in self.done:
            found[strike.what] += 1
        return found

    def _carry_out(self, strike: Strike, elapsed: float) -> None:
        if strike.what == "crash":
            self.stack.server.crash()
        elif strike.what == "kill":
            self.stack.kill(strike.whom)
        elif self.stack.lives(strike.whom):
            process = self.stack.supervisor.processes[strike.whom]
            self._thaws.append((elapsed + strike.seconds, process.pid))
            self.stack.signal_tree(strike.whom, signal.SIGSTOP)


def _thaw(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGCONT)
