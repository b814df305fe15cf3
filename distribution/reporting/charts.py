"""Line charts rendered on the server: a timeline in, points of an SVG out. Pure.

A drawing is 1 000 wide and 300 high and stretched to the screen; its texts are HTML next to it,
so that they keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from django.utils.translation import gettext as _

from distribution.analytics.timeline import Timeline
from distribution.runtime.text_formats import duration, percent

WIDTH, HEIGHT = 1000, 300
TIME_LABELS = 5
ROUND_FIGURES = (1, 2, 5)  # × powers of ten: readable tops of scales


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: its name, its style and its points for a polyline."""

    name: str
    style: str
    points: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template needs to draw it and to describe it in words."""

    title: str
    summary: str  # for those who cannot see it
    lines: list[Line]
    top: str  # the scale's upper end
    times: list[str]  # evenly spaced along the bottom
    deadline: float | None = None  # its place from the left, in units of the drawing
    levels: list[float] = field(default_factory=lambda: [0.0, HEIGHT / 2])


def throughput(past: Timeline, *, span: float, needed: float, deadline: float) -> Chart:
    """Messages per second. `needed` is the constant rate that keeps the service level.

    The drawing is `span` seconds wide, and `deadline` is in seconds from its start.
    """
    accepted_rates = [count / past.width for count in past.accepted]
    delivered_rates = [count / past.width for count in past.delivered]
    top = round_up(max([needed, *accepted_rates, *delivered_rates]))
    step = _step(past.width, span)
    level = _y(needed, top)
    edge = _place(deadline, span)
    return Chart(
        title=_("Messages per second"),
        summary=_(
            "Peak: %(accepted)d accepted and %(delivered)d delivered per second. "
            "The service level needs %(needed)d per second."
        )
        % {
            "accepted": round(max(accepted_rates, default=0)),
            "delivered": round(max(delivered_rates, default=0)),
            "needed": round(needed),
        },
        lines=[
            Line(_("needed"), "target", f"0,{level} {WIDTH if edge is None else edge:.1f},{level}"),
            Line(_("accepted"), "accepted", _steps(accepted_rates, top, step)),
            Line(_("delivered"), "delivered", _steps(delivered_rates, top, step)),
        ],
        top=f"{top:,.0f}/s",
        times=_times(span),
        deadline=edge,
    )


def progress(past: Timeline, *, span: float, people: int, target: float, deadline: float) -> Chart:
    """The share of the people reached so far, against the line that just meets the target."""
    accepted_shares = _shares(past.accepted, people)
    delivered_shares = _shares(past.delivered, people)
    step = _step(past.width, span)
    goal = min(deadline, span) / span * WIDTH if span else WIDTH
    return Chart(
        title=_("Reached"),
        summary=_(
            "%(accepted)s accepted and %(delivered)s delivered. "
            "The service level asks for %(target)s by the deadline."
        )
        % {
            "accepted": percent(accepted_shares[-1] if accepted_shares else 0.0),
            "delivered": percent(delivered_shares[-1] if delivered_shares else 0.0),
            "target": percent(target),
        },
        lines=[
            Line(_("service level"), "target", f"0,{HEIGHT} {goal:.1f},{_y(target, 1)}"),
            Line(_("accepted"), "accepted", _points(accepted_shares, step)),
            Line(_("delivered"), "delivered", _points(delivered_shares, step)),
        ],
        top="100%",
        times=_times(span),
        deadline=_place(deadline, span),
    )


def round_up(value: float) -> float:
    """The least of 1, 2, 5, 10, 20 … that is not below `value`."""
    power = 1
    while True:
        for step in ROUND_FIGURES:
            if step * power >= value:
                return float(step * power)
        power *= 10


def _shares(counts: Sequence[int], people: int) -> list[float]:
    return [min(total / people, 1.0) if people else 0.0 for total in accumulate(counts)]


def _step(width: int, span: float) -> float:
    return WIDTH * width / span if span else WIDTH


def _points(shares: Sequence[float], step: float) -> str:
    """From the lower left corner through the end of each count."""
    points = [(0.0, float(HEIGHT))]
    points += [(step * (n + 1), _y(share, 1.0)) for n, share in enumerate(shares)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _steps(values: Sequence[float], top: float, step: float) -> str:
    """Constant over each count: a rate applies to all of its seconds."""
    points = []
    for n, value in enumerate(values):
        y = _y(value, top)
        points += [(step * n, y), (step * (n + 1), y)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _y(value: float, top: float) -> float:
    return round(HEIGHT * (1 - min(value / top, 1.0)), 1) if top else float(HEIGHT)


def _place(deadline: float, span: float) -> float | None:
    return round(deadline / span * WIDTH, 1) if 0 < deadline <= span else None


def _times(span: float) -> list[str]:
    return [duration(span * n / (TIME_LABELS - 1)) for n in range(TIME_LABELS)]
