"""When another template of a group is taken into use. Pure: daily counts in, a decision out.

Meta reports no blocks, so what we count is a proxy (`Counts`). It decides only if its lower bound
exceeds the limit; a plain percentage would switch on four annoyed people of 150. What Meta says
of the template's quality, or of two templates compared, always counts more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from distribution.models import RotationCause
from distribution.quality import bounds

LIMIT = 0.02  # people who block a template, of those it reached
WARNING_LIMIT = 0.01
SOFT_WEIGHT = 0.5  # of a person who went silent: about half of them come back
SHORT_WINDOW, LONG_WINDOW = 3, 7  # mornings
SWITCH_INTERVAL = timedelta(days=7)
VERDICT_MORNINGS = 3
READ_DROP = 0.25  # relative to the median of 14 mornings, on two mornings running
READ_MORNINGS = 14
COLOURS = ("GREEN", "YELLOW", "RED")  # the worse, the later; a template without rating is the first


@dataclass(frozen=True, slots=True)
class Counts:
    """What one template came to on one morning, or on several."""

    day: date
    audience: int = 0  # people whom that morning reached with any template
    delivered: int = 0  # with this one
    read: int = 0
    hard: int = 0  # people who stopped: by word, by WhatsApp's own button, by refusal
    soft: int = 0  # people who went silent


class Side(StrEnum):
    """On which side of the limit a block rate is, as far as so many people can tell."""

    NOT_COUNTED = "NOT_COUNTED"
    ABOVE = "ABOVE"
    BELOW = "BELOW"
    NOT_MEASURABLE = "NOT_MEASURABLE"


@dataclass(frozen=True, slots=True)
class Rate:
    """A block rate over a window with its bounds, 0..1: of the people whom it reached."""

    people: int
    hard: int
    soft: int
    share: float
    low: float
    high: float

    @property
    def blocked(self) -> float:
        return self.hard + SOFT_WEIGHT * self.soft

    @property
    def measurable(self) -> bool:
        """Whether it is sure on which side of the limit the rate is: the limit does not lie between
        the bounds."""
        return not self.low <= LIMIT < self.high

    @property
    def side(self) -> Side:
        if not self.people:
            return Side.NOT_COUNTED
        if self.low > LIMIT:
            return Side.ABOVE
        return Side.BELOW if self.measurable else Side.NOT_MEASURABLE


@dataclass(frozen=True, slots=True)
class Candidate:
    """A template as the rule sees it. `days` are its mornings, the latest last."""

    pk: int
    colour: str
    days: Sequence[Counts] = ()
    ready: bool = True  # approved, in its category, and not at rest
    # Of another template than the primary: whether Meta says that it is blocked more than the
    # primary, and when. None: Meta has not compared them.
    blocked_more: bool | None = None
    compared_on: date | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The latest change of the group: when, from which template, and whether the new one is on
    trial (a rule took it into use, and not because it is what was used before)."""

    day: date
    before: int | None
    on_trial: bool


class Action(StrEnum):
    KEEP = "keep"
    WARN = "warn"
    SWITCH = "switch"
    ASK = "ask"  # a person has to decide: no better template, or too soon after the last change


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    cause: RotationCause | None = None
    to: int | None = None
    rate: Rate | None = None
    by_meta: bool = False  # Meta's comparison decided the verdict, not our own counts


def rate_over(days: Sequence[Counts], mornings: int) -> Rate:
    """The block rate over the last mornings of a template."""
    return rate_of(days[-mornings:])


def people_reached(days: Sequence[Counts]) -> int:
    """How many different people a template reached on these mornings.

    Everybody who is subscribed gets a message each morning, and which of the templates or numbers
    it is depends on the day alone. So of the largest morning's audience it missed those whom it
    missed every time: the product of the shares that it did not reach.
    """
    largest, missed = max((day.audience for day in days), default=0), 1.0
    for day in days:
        if day.audience:
            missed *= 1 - min(1.0, day.delivered / day.audience)
    return round(largest * (1 - missed))


def rate_of(days: Sequence[Counts]) -> Rate:
    people = people_reached(days)
    hard, soft = sum(day.hard for day in days), sum(day.soft for day in days)
    blocked = hard + SOFT_WEIGHT * soft
    return Rate(
        people=people,
        hard=hard,
        soft=soft,
        share=blocked / people if people else 0.0,
        low=bounds.lower_bound(blocked, people),
        high=bounds.upper_bound(blocked, people),
    )


def worst(days: Sequence[Counts]) -> Rate:
    """Of the last 3 mornings and the last 7, the one with the higher lower bound: the short window
    is faster, the long one needs fewer people."""
    windows = [rate_over(days, SHORT_WINDOW), rate_over(days, LONG_WINDOW)]
    return max(windows, key=lambda rate: rate.low)


def decide(
    primary: Candidate, standbys: Sequence[Candidate], past: Past | None, *, today: date
) -> Decision:
    """What to do between this morning and the next. `standbys` are in order of preference."""
    rate = worst(primary.days)
    metas = _metas_verdict(primary, standbys, past)
    cause = _cause(primary, rate) or _verdict(primary, standbys, past, metas)
    if cause is None:
        early = rate.low > WARNING_LIMIT or reads_dropped(primary.days)
        return Decision(Action.WARN if early else Action.KEEP, rate=rate)
    to = _replacement(primary, standbys, past, cause)
    # A template that is worse than the one before goes back at once: that ends the trial.
    too_soon = past is not None and today - past.day < SWITCH_INTERVAL
    if to is None or (too_soon and cause is not RotationCause.WORSE):
        return Decision(Action.ASK, cause, to, rate)
    by_meta = cause is RotationCause.WORSE and metas is True
    return Decision(Action.SWITCH, cause, to, rate, by_meta)


def reads_dropped(days: Sequence[Counts]) -> bool:
    """The share of readers fell by more than a quarter below its median on two mornings running."""
    recent = days[-2:]
    before = [_reads(day) for day in days[-READ_MORNINGS - 2 : -2] if day.delivered]
    if len(recent) < 2 or len(before) < SHORT_WINDOW:
        return False
    usual = sorted(before)[len(before) // 2]
    return all(day.delivered and _reads(day) < (1 - READ_DROP) * usual for day in recent)


def _reads(day: Counts) -> float:
    return day.read / day.delivered


def _cause(primary: Candidate, rate: Rate) -> RotationCause | None:
    if _rank(primary.colour) > 0:
        return RotationCause.META_QUALITY
    return RotationCause.BLOCK_RATE if rate.low > LIMIT else None


def _verdict(
    primary: Candidate, standbys: Sequence[Candidate], past: Past | None, metas: bool | None
) -> RotationCause | None:
    """After three mornings: whether the new template is worse than the one that it replaced. What
    Meta says of the two (`metas`) counts more than our own counts."""
    if metas is not None:
        return RotationCause.WORSE if metas else None
    before, mornings = _trial(primary, standbys, past)
    if past is None or before is None or len(mornings) != VERDICT_MORNINGS:
        return None
    old = rate_of([day for day in before.days if day.day <= past.day][-LONG_WINDOW:])
    new = rate_of(mornings)
    worse = bounds.is_higher(new.blocked, new.people, old.blocked, old.people)
    return RotationCause.WORSE if worse else None


def _metas_verdict(
    primary: Candidate, standbys: Sequence[Candidate], past: Past | None
) -> bool | None:
    """From the third to the seventh morning: whether Meta says that the new template is blocked
    more than the one before. None: it has not compared them since the change."""
    before, mornings = _trial(primary, standbys, past)
    if past is None or before is None or before.blocked_more is None:
        return None
    due = VERDICT_MORNINGS <= len(mornings) <= LONG_WINDOW
    if not due or before.compared_on is None or before.compared_on <= past.day:
        return None
    return not before.blocked_more


def _trial(
    primary: Candidate, standbys: Sequence[Candidate], past: Past | None
) -> tuple[Candidate | None, list[Counts]]:
    """The template that a new one on trial replaced, and the mornings of the new one."""
    if past is None or not past.on_trial:
        return None, []
    before = next((one for one in standbys if one.pk == past.before), None)
    return before, [day for day in primary.days if day.day > past.day]


def _replacement(
    primary: Candidate, standbys: Sequence[Candidate], past: Past | None, cause: RotationCause
) -> int | None:
    """The template to take: never one that is RED, that Meta rates or orders worse, or that is
    blocked as much."""
    if cause is RotationCause.WORSE and past is not None:
        # Back, if Meta does not forbid it: it is better than this one, by the same test.
        back = next((one for one in standbys if one.pk == past.before), None)
        return back.pk if back is not None and back.colour != "RED" else None
    for one in standbys:
        better = _rank(one.colour) <= _rank(primary.colour) and one.colour != "RED"
        if one.ready and better and not one.blocked_more and worst(one.days).low <= LIMIT:
            return one.pk
    return None


def _rank(colour: str) -> int:
    return COLOURS.index(colour) if colour in COLOURS else 0
