"""Block rates in words, the same on every page, in alerts and in the reasons of changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from distribution.quality.figures import Shown
from distribution.quality.rules import Rate, Side
from distribution.runtime.text_formats import percent

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class ShownRate:
    """A block rate on a page."""

    window: str
    verdict: str
    style: str  # good, bad, or fair: of the verdict
    people: str
    share: str
    bounds: str
    hard: int
    soft: int


def verdict(rate: Rate) -> tuple[str, str]:
    """On which side of the limit the rate is, as far as so many people can tell; and its style."""
    match rate.side:
        case Side.NOT_COUNTED:
            return _("Not counted yet"), "fair"
        case Side.ABOVE:
            return _("Above 2%"), "bad"
        case Side.BELOW:
            return _("Below 2%"), "good"
        case Side.NOT_MEASURABLE:
            return _("Not measurable at this size"), "fair"


def explanation() -> str:
    """How a block rate is calculated."""
    return _(
        "Meta does not report blocks, so this is an estimate. Stopped: people who, within 24 hours "
        "of the message, wrote STOP, used WhatsApp’s own stop, or whose next message Meta refused "
        "for the first time (131050). Went silent: people who usually get the message, and did not "
        "get the next three. Half of the silent ones count as blocked, because some come back."
    )


def shown(figures: Shown) -> list[ShownRate]:
    return list(_rows(figures))


def _rows(figures: Shown) -> Iterator[ShownRate]:
    for mornings, rate in figures.windows:
        words, style = verdict(rate)
        if not rate.people:
            yield ShownRate(_window(mornings), words, style, NOTHING, NOTHING, NOTHING, 0, 0)
            continue
        yield ShownRate(
            window=_window(mornings),
            verdict=words,
            style=style,
            people=_("%(blocked)s of %(people)s people")
            % {"blocked": _count(rate.blocked), "people": f"{rate.people:,}"},
            share=percent(rate.share),
            bounds=_("%(low)s to %(high)s")
            % {"low": percent(rate.low), "high": percent(rate.high)},
            hard=rate.hard,
            soft=rate.soft,
        )


def _window(mornings: int) -> str:
    return _("last %(mornings)s mornings") % {"mornings": mornings}


def describe(rate: Rate) -> str:
    """The figures that a decision rests on, in a sentence."""
    return _(
        "%(blocked)s of %(people)s people blocked it or stopped: at least %(low)s with 95%% "
        "confidence."
    ) % {
        "blocked": _count(rate.blocked),
        "people": f"{rate.people:,}",
        "low": percent(rate.low),
    }


def _count(blocked: float) -> str:
    """81, or 81.5: a person who went silent counts half."""
    return f"{blocked:,.0f}" if blocked == int(blocked) else f"{blocked:,.1f}"
