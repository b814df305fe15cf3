"""Lines of a chart, drawn on the server: numbers in, points of an SVG out. Pure.

A drawing is 1 000 wide and 300 high whatever the screen; words stand beside it as HTML, so
that they keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

WIDTH, HEIGHT = 1000, 300
LABELS = 5  # along the time
NICE = (1, 2, 5)  # × powers of ten: tops of scales that people can read


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: its name, its style and its points for a polyline."""

    name: str
    style: str
    points: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template needs to draw it and to say it in words."""

    title: str
    summary: str  # for those who cannot see it
    lines: list[Line]
    top: str  # the scale's upper end
    times: list[str]  # evenly spaced along the bottom
    mark: float | None = None  # where the deadline stands, in the drawing's own units
    levels: list[float] = field(default_factory=lambda: [0.0, HEIGHT / 2])


def pace(
    accepted: Sequence[int],
    delivered: Sequence[int],
    *,
    width: int,
    span: float,
    needed: float,
    deadline: float,
) -> Chart:
    """Messages a second. `needed` is the level pace that keeps the service level.

    Counts are of `width` seconds each, as far as time has come; the drawing is `span` seconds
    wide, and the deadline is counted from its start.
    """
    went, came = [n / width for n in accepted], [n / width for n in delivered]
    top = nice(max([needed, *went, *came]))
    step = _step(width, span)
    level = _y(needed, top)
    edge = _mark(deadline, span)
    return Chart(
        title="Messages a second",
        summary=f"At most {max(went, default=0):.0f} accepted and {max(came, default=0):.0f} "
        f"delivered a second; {needed:.0f} a second keep the service level.",
        lines=[
            Line("needed", "target", f"0,{level} {WIDTH if edge is None else edge:.1f},{level}"),
            Line("accepted", "accepted", _steps(went, top, step)),
            Line("delivered", "delivered", _steps(came, top, step)),
        ],
        top=f"{top:,.0f}/s",
        times=_times(span),
        mark=edge,
    )


def progress(
    accepted: Sequence[int],
    delivered: Sequence[int],
    *,
    width: int,
    span: float,
    people: int,
    target: float,
    deadline: float,
) -> Chart:
    """The share of the people reached so far, against the line that just keeps the target."""
    went, came = _shares(accepted, people), _shares(delivered, people)
    step = _step(width, span)
    goal = min(deadline, span) / span * WIDTH if span else WIDTH
    return Chart(
        title="Share of the people reached",
        summary=f"{went[-1] if went else 0:.1%} accepted and {came[-1] if came else 0:.1%} "
        f"delivered; the service level asks for {target:.0%} at the deadline.",
        lines=[
            Line("service level", "target", f"0,{HEIGHT} {goal:.1f},{_y(target, 1)}"),
            Line("accepted", "accepted", _points(went, step)),
            Line("delivered", "delivered", _points(came, step)),
        ],
        top="100 %",
        times=_times(span),
        mark=_mark(deadline, span),
    )


def nice(value: float) -> float:
    """The least of 1, 2, 5, 10, 20 … that is not below `value`."""
    power = 1
    while True:
        for step in NICE:
            if step * power >= value:
                return float(step * power)
        power *= 10


def _shares(counts: Sequence[int], people: int) -> list[float]:
    return [min(total / people, 1.0) if people else 0.0 for total in accumulate(counts)]


def _step(width: int, span: float) -> float:
    return WIDTH * width / span if span else WIDTH


def _points(shares: Sequence[float], step: float) -> str:
    """From the chart's corner through the end of each count."""
    points = [(0.0, float(HEIGHT))]
    points += [(step * (n + 1), _y(share, 1.0)) for n, share in enumerate(shares)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _steps(values: Sequence[float], top: float, step: float) -> str:
    """Level over each count: a rate is true for all of its time."""
    points = []
    for n, value in enumerate(values):
        y = _y(value, top)
        points += [(step * n, y), (step * (n + 1), y)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _y(value: float, top: float) -> float:
    return round(HEIGHT * (1 - min(value / top, 1.0)), 1) if top else float(HEIGHT)


def _mark(deadline: float, span: float) -> float | None:
    return round(deadline / span * WIDTH, 1) if 0 < deadline <= span else None


def _times(span: float) -> list[str]:
    return [clock(span * n / (LABELS - 1)) for n in range(LABELS)]


def clock(seconds: float) -> str:
    """A length of time as people read it: 0:05, 4:59, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
