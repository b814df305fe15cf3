"""The capacity plan: whom a distribution reaches, by when, and whether one number can be lost.

Pure. `capacity_facts` reads what it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from django.utils.translation import gettext as _

from distribution.cost.estimate import Estimate
from distribution.runtime.money import about
from distribution.runtime.text_formats import minutes_or_seconds

# From the planned time to the first send slot, and from the last slot to its answer: measured by
# `tests/load/plan_bench.py`.
START_SECONDS = 1.0
ANSWER_SECONDS = 0.5
NEVER = float("inf")
STEPS = 50  # of the bisection: a run of hours is known to the microsecond


class PlanVerdict(StrEnum):
    MEETS = "MEETS"  # everybody within the SLA's window
    LATE = "LATE"  # everybody, but later
    CANNOT = "CANNOT"  # not everybody


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What a number can send: slots per second, and messages left of its day."""

    label: str
    portfolio: int
    speed: float
    left: int
    on_standby: bool = False


@dataclass(frozen=True, slots=True)
class PortfolioFacts:
    """Meta's limit of people in 24 hours; None: unlimited. `used` are people who already count."""

    name: str
    limit: int | None
    used: int = 0

    @property
    def room(self) -> float:
        return NEVER if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class PlanFacts:
    tiers: Mapping[str, int]  # people, in the order of sending
    numbers: Sequence[NumberFacts]  # that can send, those on standby included
    portfolios: Mapping[int, PortfolioFacts]
    window_seconds: float
    primaries_lost: int = 0  # those that cannot send: each wakes a backup
    backups_awake: int = 0
    costs: Sequence[Estimate] = ()  # of one message to each of the people

    @property
    def people(self) -> int:
        return sum(self.tiers.values())


@dataclass(frozen=True, slots=True)
class PortfolioNeed:
    """A portfolio's part: `need` are its people of the last 24 hours and of this distribution."""

    name: str
    people: int
    need: int
    limit: int | None

    @property
    def used(self) -> int:
        """Its people of the last 24 hours who are not written to again."""
        return self.need - self.people


@dataclass(frozen=True, slots=True)
class TierPlan:
    tier: str
    people: int
    seconds: float | None  # until it is done; None: not everybody of it is reached


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of it with certain numbers."""

    verdict: PlanVerdict
    reached: int
    seconds: float  # until the last of those who are reached is answered
    late_by: float = 0.0


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    people: int
    window_seconds: float
    outcome: Outcome
    tiers: Sequence[TierPlan]  # in the order of sending
    portfolios: Sequence[PortfolioNeed]
    strongest: str  # the label of the number whose loss is reckoned with; empty: no number
    without: Outcome  # the outcome without it
    costs: Sequence[Estimate] = ()  # if everybody is reached: one for each currency of an account

    @property
    def limit(self) -> int | None:
        """People in 24 hours, of all portfolios together; None: unlimited."""
        limits = [one.limit for one in self.portfolios if one.limit is not None]
        return sum(limits) if limits and len(limits) == len(self.portfolios) else None

    @property
    def room(self) -> int | None:
        """What is left of the limit for this distribution's people."""
        used = sum(min(one.used, one.limit or 0) for one in self.portfolios)
        return None if self.limit is None else self.limit - used

    @property
    def survives(self) -> bool:
        """Whether the service level is met without the strongest number, too."""
        return self.without.verdict == PlanVerdict.MEETS

    @property
    def sentence(self) -> str:
        return " ".join(filter(None, (self._now(), self._without(), self._cost())))

    @property
    def rows(self) -> list[tuple[str, int, str]]:
        """Each tier with its people and when it is done, for display; empty: never."""
        return [
            (one.tier, one.people, "" if one.seconds is None else span(one.seconds))
            for one in self.tiers
        ]

    def _now(self) -> str:
        if not self.people:
            return _("Nobody to send to.")
        named = {"window": minutes_or_seconds(self.window_seconds), **self._named(self.outcome)}
        if not self.strongest:
            return _("No phone number can send.")
        if self.outcome.verdict == PlanVerdict.CANNOT:
            return _("Reaches %(reached)s of %(people)s people.") % named
        if self.outcome.verdict == PlanVerdict.LATE:
            return _("Late by %(late)s: %(people)s people in %(time)s, not %(window)s.") % named
        return _("Meets the SLA: %(people)s people in %(time)s of %(window)s.") % named

    def _without(self) -> str:
        if not self.people or not self.strongest:
            return ""
        named = {"number": self.strongest, **self._named(self.without)}
        if not self.without.reached:
            return _("Does not survive the loss of %(number)s: no other number can send.") % named
        if self.without.verdict == PlanVerdict.CANNOT:
            words = _("Does not survive the loss of %(number)s: reaches %(reached)s people.")
        elif self.without.verdict == PlanVerdict.LATE:
            words = _("Does not survive the loss of %(number)s: late by %(late)s.")
        else:
            words = _("Survives the loss of one number: %(time)s without %(number)s.")
        return words % named

    def _cost(self) -> str:
        """Of those who are reached; empty: it was not asked for, or nobody is."""
        if not self.costs or not self.outcome.reached:
            return ""
        known = [one for one in self.costs if one.per_message is not None]
        if not known:
            return _("Its cost is not known: there is no rate.")
        share = Decimal(self.outcome.reached) / self.people
        amounts = [about(one.amount * share, one.currency) for one in known]
        words = {"amount": _(" or ").join(amounts), "count": f"{known[0].unpriced:,}"}
        if known[0].unpriced:
            return _("Costs at least %(amount)s: %(count)s people have no rate.") % words
        return _("Costs about %(amount)s.") % words

    def _named(self, outcome: Outcome) -> dict[str, str]:
        return {
            "people": f"{self.people:,}",
            "reached": f"{outcome.reached:,}",
            "time": span(outcome.seconds),
            "late": span(outcome.late_by),
        }


def make(facts: PlanFacts) -> CapacityPlan:
    """The plan, with and without the number that sends most in the window."""
    awake = _awake(facts)
    strongest = max(awake, key=lambda one: _sendable(one, facts.window_seconds), default=None)
    without = facts
    if strongest is not None:
        others = [one for one in facts.numbers if one != strongest]
        without = replace(facts, numbers=others, primaries_lost=facts.primaries_lost + 1)
    return CapacityPlan(
        people=facts.people,
        window_seconds=facts.window_seconds,
        outcome=_outcome(facts, awake),
        tiers=_by_tier(facts, awake),
        portfolios=_needs(facts, awake),
        strongest=strongest.label if strongest else "",
        without=_outcome(without, _awake(without)),
        costs=facts.costs,
    )


def span(seconds: float) -> str:
    """A length of time, rounded up to whole seconds: "14 s", "5 min 20 s"."""
    whole = int(-(-seconds // 1)) if seconds < 10**9 else 10**9
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _awake(facts: PlanFacts) -> list[NumberFacts]:
    """As `health.ensure_capacity` wakes backups, the fastest first: one for each primary that is
    lost, and more while the others cannot meet the window."""
    awake = [one for one in facts.numbers if not one.on_standby]
    backups = sorted(
        (one for one in facts.numbers if one.on_standby), key=lambda one: (-one.speed, one.label)
    )
    owed = facts.primaries_lost - facts.backups_awake
    for backup in backups:
        fits = sum(_sendable(one, facts.window_seconds) for one in awake)
        if owed <= 0 and fits >= facts.people:
            break
        awake.append(backup)
        owed -= 1
    return awake


def _sendable(number: NumberFacts, seconds: float) -> float:
    return min(number.speed * seconds, number.left)


def _sent(facts: PlanFacts, numbers: Sequence[NumberFacts], seconds: float) -> dict[int, float]:
    """Messages by portfolio within so many seconds of sending."""
    sent = dict.fromkeys(facts.portfolios, 0.0)
    for number in numbers:
        sent[number.portfolio] += _sendable(number, seconds)
    return {pk: min(count, facts.portfolios[pk].room) for pk, count in sent.items()}


def _seconds_for(facts: PlanFacts, numbers: Sequence[NumberFacts], people: int) -> float:
    """Seconds of sending until so many are sent; NEVER: they are more than can be sent."""
    longest = max((one.left / one.speed for one in numbers if one.speed), default=0.0)
    if sum(_sent(facts, numbers, longest).values()) < people - 1e-6:
        return NEVER
    low, high = 0.0, longest
    for _step in range(STEPS):
        middle = (low + high) / 2
        if sum(_sent(facts, numbers, middle).values()) < people:
            low = middle
        else:
            high = middle
    return high


def _outcome(facts: PlanFacts, numbers: Sequence[NumberFacts]) -> Outcome:
    everything = _sent(facts, numbers, NEVER)
    reached = min(facts.people, int(sum(everything.values()) + 1e-6))
    seconds = _completion(_seconds_for(facts, numbers, reached)) if reached else 0.0
    late_by = max(0.0, seconds - facts.window_seconds)
    if reached < facts.people:
        return Outcome(PlanVerdict.CANNOT, reached, seconds, late_by)
    verdict = PlanVerdict.LATE if late_by else PlanVerdict.MEETS
    return Outcome(verdict, reached, seconds, late_by)


def _completion(sending: float) -> float:
    return START_SECONDS + sending + ANSWER_SECONDS


def _by_tier(facts: PlanFacts, numbers: Sequence[NumberFacts]) -> list[TierPlan]:
    """Tiers are sent one after the other."""
    done, before = [], 0
    for tier, people in facts.tiers.items():
        before += people
        sending = _seconds_for(facts, numbers, before)
        done.append(TierPlan(tier, people, None if sending == NEVER else _completion(sending)))
    return done


def _needs(facts: PlanFacts, numbers: Sequence[NumberFacts]) -> list[PortfolioNeed]:
    reached = _outcome(facts, numbers).reached
    parts = _sent(facts, numbers, _seconds_for(facts, numbers, reached) if reached else 0.0)
    sending = {number.portfolio for number in numbers}
    return [
        PortfolioNeed(one.name, round(parts[pk]), one.used + round(parts[pk]), one.limit)
        for pk, one in facts.portfolios.items()
        if pk in sending
    ]
