"""How often the rules of rotation change a template, on simulated mornings: with the rule that is
used, and with the plain percentage next to it.

    python -m tests.load.rotation_simulation --seeds 100

Each morning everybody who is still reached gets the primary, or the standby by the warm share. A
template makes a share of its readers stop (known the same evening) or go silent (known after three
more mornings and 24 hours). Meta's colour is withheld: it stays GREEN.
"""

from __future__ import annotations

import argparse
import math
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
if not apps.ready:
    django.setup()

from distribution.quality import rules
from distribution.quality.rules import (
    Action,
    Candidate,
    Counts,
    Decision,
    Past,
    Rate,
)
from distribution.quality.sent_templates import warm_share

FIRST = date(2026, 9, 1)
SILENCE_KNOWN = 4  # days after the message that was blocked
PRIMARY, STANDBY = 1, 2
Rule = Callable[[Candidate, Candidate, "Past | None", date], Decision]


@dataclass(frozen=True)
class Scenario:
    """The chance of each person and morning to stop and to go silent, by the primary's wording."""

    name: str
    people: int = 2_000
    mornings: int = 60
    stops: float = 0.0002
    silent: float = 0.0002
    once: bool = False  # the harm is done on the first morning only
    usual: float = 0.0002  # of the standby, and of the primary without harm

    def chances(self, template: int, morning: int) -> tuple[float, float]:
        if template == STANDBY or (self.once and morning > 0):
            return self.usual, self.usual
        return self.stops, self.silent


HARMLESS = Scenario("no harm")
SMALL = Scenario("no harm, 150 people", people=150, stops=0.0005, silent=0.0005, usual=0.0005)
STOPS = Scenario("4% stop each morning", stops=0.04, mornings=10)
SILENT = Scenario("4% block silently each morning", silent=0.04, mornings=10)
ONCE = Scenario("4% block silently once", silent=0.04, once=True, mornings=10)
SCENARIOS = (HARMLESS, SMALL, STOPS, SILENT, ONCE)


class Run(NamedTuple):
    """The mornings (from 1) after which the primary was changed, and the rates on the way."""

    switches: list[int]
    rates: list[Rate]


def with_bounds(primary: Candidate, standby: Candidate, past: Past | None, today: date) -> Decision:
    return rules.decide(primary, [standby], past, today=today)


def plain(primary: Candidate, standby: Candidate, past: Past | None, today: date) -> Decision:
    """Changes as soon as the share of the last 7 mornings, or of 3, is above the limit."""
    worst = max(
        rules.rate_over(primary.days, mornings).share
        for mornings in (rules.SHORT_WINDOW, rules.LONG_WINDOW)
    )
    above = worst > rules.LIMIT
    return Decision(Action.SWITCH if above else Action.KEEP, to=standby.pk if above else None)


def run(scenario: Scenario, seed: int, rule: Rule = with_bounds) -> Run:
    chance = random.Random(seed)
    left, in_use, past = scenario.people, PRIMARY, None
    rows: dict[int, dict[int, Counts]] = {PRIMARY: {}, STANDBY: {}}
    coming: dict[int, list[tuple[int, int, int]]] = {}  # what becomes known, by morning
    switches, rates = [], []
    for morning in range(scenario.mornings):
        today, per_mille = FIRST + timedelta(days=morning), warm_share(left)
        other = STANDBY if in_use == PRIMARY else PRIMARY
        warm = _binomial(chance, left, per_mille / 1000)
        audience = left
        for template, delivered in ((in_use, left - warm), (other, warm)):
            stops, silent = scenario.chances(template, morning)
            hard, soft = _binomial(chance, delivered, stops), _binomial(chance, delivered, silent)
            read = _binomial(chance, delivered, 0.6)
            rows[template][morning] = Counts(today, audience, delivered, read, hard)
            coming.setdefault(morning + SILENCE_KNOWN, []).append((template, morning, soft))
            left -= hard + soft
        for template, then, soft in coming.pop(morning, []):
            known = rows[template][then]
            rows[template][then] = Counts(
                known.day, known.audience, known.delivered, known.read, known.hard, soft
            )
        primary, standby = (
            Candidate(pk, "GREEN", list(rows[pk].values())) for pk in (in_use, other)
        )
        rates.append(rules.worst(primary.days))
        decision = rule(primary, standby, past, today)
        if decision.action is Action.SWITCH:
            switches.append(morning + 1)
            past, in_use = Past(today, in_use, on_trial=True), other
    return Run(switches, rates)


def _binomial(chance: random.Random, people: int, share: float) -> int:
    """Draws by the gaps between successes: as many numbers as there are successes."""
    if share <= 0 or people <= 0:
        return 0
    if share > 0.5:
        return people - _binomial(chance, people, 1 - share)
    scale, found, place = math.log(1 - share), 0, 0
    while True:
        place += int(math.log(1 - chance.random()) / scale) + 1
        if place > people:
            return found
        found += 1


def lines(seeds: int) -> Iterator[str]:
    yield f"{'':34}{'changed in':>12}{'by morning':>12}{'plain rule':>12}{'by morning':>12}"
    for scenario in SCENARIOS:
        told = [_told(scenario, seeds, rule) for rule in (with_bounds, plain)]
        yield f"{scenario.name:34}" + "".join(f"{word:>12}" for pair in told for word in pair)


def _told(scenario: Scenario, seeds: int, rule: Rule) -> tuple[str, str]:
    runs = [run(scenario, seed, rule) for seed in range(seeds)]
    first = sorted(one.switches[0] for one in runs if one.switches)
    share = f"{100 * len(first) / seeds:.0f}%"
    return share, f"{first[int(0.95 * (len(first) - 1))]}" if first else "–"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    print("\n".join(lines(parser.parse_args().seeds)))
