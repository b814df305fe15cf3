"""Long runs under everything at once: `python -m tests.faults.soak --minutes 10 --seeds 5`.

Each seed is one distribution to 2 500 people on a stack of its own: processes are killed and
frozen, PostgreSQL crashes, and the sandbox accepts and is slow, accepts and resets, answers
502 after accepting, refuses by 429 and 5xx, fails by webhook what it accepted, passes on events
of another account, and twice fails everybody until the distribution pauses. The sandbox's journal
decides.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()

from distribution.ledger.attempts import ids
from tests.faults import morning as mornings
from tests.faults.checker import examine
from tests.faults.database import Server, throwaway
from tests.faults.morning import Morning
from tests.faults.nemesis import Nemesis, schedule
from tests.faults.stack import CALM, UNSCALED, Stack
from tests.faults.storms import Storms

PEOPLE = 2500
STRIKING_SECONDS = 40.0
LONGEST = 300.0  # seconds for one seed, healing included
LONGEST_UNSCALED = 1200.0
MUTANTS = {"retry-on-timeout": "tests.faults.mutants"}
# What the stand-in does to calls, as shares of them.
HOSTILE = (
    ("accept_then_delay", 0.05, {"seconds": 3}),
    ("accept_then_reset", 0.05, {}),
    ("accept_then_http", 0.02, {"status": 502}),
    ("error", 0.03, {"code": 130429, "status": 429}),
    ("error", 0.03, {"code": 131016, "status": 503}),
    ("http", 0.01, {"status": 429, "headers": {"Retry-After": "1.5"}}),
    ("late_failure", 0.02, {"code": 130429}),
    ("late_failure", 0.02, {"code": 131016}),
)
# Reports come later than a call's patience: who resends on a timeout is not saved by them.
TALKATIVE = {**CALM, "sent_p50_s": 1.2, "sent_p95_s": 2.5, "webhook_duplicate_share": 0.2}
RATES = (60, 60, 40)


@dataclass(frozen=True)
class Result:
    """One seed's line of the table."""

    seed: int
    strikes: dict[str, int]
    hostile: int  # calls that the stand-in refused or spoilt
    missed: int
    doubled: int
    healing: float  # longest time from a strike's end to the next acceptance, seconds
    seconds: float
    sentences: Sequence[str]

    def line(self) -> str:
        faults = " ".join(f"{number} {what}" for what, number in self.strikes.items())
        return (
            f"{self.seed:>6} | {faults:<33} | {self.hostile:>7} | {self.missed:>6}"
            f" | {self.doubled:>7} | {self.healing:>9.1f} | {self.seconds:>7.0f}"
        )


HEAD = (
    "  seed | strikes                           | hostile | missed | doubled | healing s | seconds"
)


def hostile() -> list[dict[str, Any]]:
    """The stand-in's faults for a whole run."""
    return [
        {"match": {"probability": share}, "do": do, "for_seconds": 3600, **more}
        for do, share, more in HOSTILE
    ]


def run(
    server: Server,
    seed: int,
    *,
    people: int,
    mutant: str = "",
    seconds: float = STRIKING_SECONDS,
    scaled: bool = True,
) -> Result:
    """One distribution under everything at once."""
    env = {"DJANGO_SETTINGS_MODULE": MUTANTS[mutant]} if mutant else {}
    env |= {} if scaled else UNSCALED
    folder = Path(tempfile.mkdtemp(prefix="daybreak-soak-"))
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        settings = json.dumps(TALKATIVE)
        stack = ends.enter_context(
            Stack(folder, server, env=env, sandbox_settings=settings, rates=RATES)
        )
        return _strike(stack, seed, people, seconds, LONGEST if scaled else LONGEST_UNSCALED)


def _strike(stack: Stack, seed: int, people: int, seconds: float, longest: float) -> Result:
    content = mornings.prepare(people, rates=RATES)
    stack.cloud.faults(*hostile())
    strikes = schedule(seed, seconds)
    _say(f"seed {seed}: " + "; ".join(map(str, strikes)))
    began = time.monotonic()
    morning = Morning(stack, content)
    storms = Storms(morning, hostile())
    trouble = []
    if seed % 2:  # even seeds are struck from the very start, odd ones in the middle
        morning.wait_accepted(20)
    nemesis = Nemesis(stack, strikes, seconds)
    try:
        stack.wait(
            lambda: _stepped(nemesis) and storms.step() and nemesis.over,
            "the strikes are over",
            longest,
        )
        storms.end()
        stack.wait(lambda: storms.step() and morning.unsettled() == 0, "it is settled", longest)
        morning.wait_ended(longest)
    except AssertionError as error:
        trouble.append(str(error))
    found = examine(stack, morning.pk)
    return Result(
        seed=seed,
        strikes={**nemesis.counts(), "storm": storms.begun},
        hostile=int(stack.cloud.get("refusals")["last_seq"]),
        missed=found.missed,
        doubled=found.doubled,
        healing=healing(stack, nemesis),
        seconds=time.monotonic() - began,
        sentences=[*trouble, *found.sentences],
    )


def _stepped(nemesis: Nemesis) -> bool:
    nemesis.step()
    return True


def healing(stack: Stack, nemesis: Nemesis) -> float:
    """Longest time from the end of a strike to the next first call, while there was one to come.

    Second calls are not healing: they wait for the reconcile window by intention.
    """
    entries = [(ids.parse(e.attempt_id), e.accepted_at) for e in stack.cloud.journal()]
    accepted = sorted(at for key, at in entries if key is not None and key.attempt_no == 1)
    longest = 0.0
    for at, strike in nemesis.done:
        end = at + strike.seconds
        later = [moment for moment in accepted if moment >= end]
        if later:
            longest = max(longest, later[0] - end)
    return longest


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every seed kept the promise; with a mutant 0 when doubles were seen."""
    options = _options(arguments)
    results: list[Result] = []
    with throwaway() as server:
        end = time.monotonic() + 60 * options.minutes
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            if time.monotonic() > end:
                _say(f"The time is over before seed {seed}.")
                break
            result = run(
                server,
                seed,
                people=options.people,
                mutant=options.mutant,
                scaled=not options.unscaled,
            )
            results.append(result)
            for sentence in result.sentences:
                _say(f"  {sentence}")
            _say(f"{HEAD}\n{result.line()}")
    sys.stdout.write("\n".join([HEAD, *(result.line() for result in results)]) + "\n")
    if options.mutant:
        return 0 if any(result.doubled for result in results) else 1
    return int(any(result.sentences for result in results) or not results)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="begin no seed after this")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="")
    parser.add_argument("--unscaled", action="store_true", help="production's time constants")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
