"""The chart of costs by morning or month, and its words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext as _

from distribution.reporting.charts import HEIGHT, TIME_LABELS, WIDTH, Chart, Line, round_up
from distribution.runtime.money import money


def chart(
    title: str,
    values: Sequence[tuple[str, Decimal]],
    currency: str,
    *,
    limit: Decimal | None = None,
) -> Chart:
    """One step per morning or month, each with its label, the earliest first; `limit` is drawn."""
    amounts = [float(amount) for _label, amount in values]
    top = round_up(max([1.0, *amounts]))
    most = max(values, key=lambda value: value[1], default=("–", Decimal(0)))
    lines = [Line(_("without tax"), "accepted", _steps(amounts, top))]
    if limit is not None:
        y = HEIGHT * (1 - min(1.0, float(limit) / top))
        lines.insert(0, Line(_("limit"), "target", f"0,{y:.1f} {WIDTH},{y:.1f}"))
    return Chart(
        title=title,
        summary=_("The most was %(amount)s on %(label)s.")
        % {"amount": money(most[1], currency), "label": most[0]},
        lines=lines,
        top=money(Decimal(top), currency),
        times=_labels([label for label, _amount in values]),
    )


def _steps(values: Sequence[float], top: float) -> str:
    width = WIDTH / max(1, len(values))
    points = []
    for place, value in enumerate(values):
        y = HEIGHT * (1 - value / top)
        points += [f"{place * width:.1f},{y:.1f}", f"{(place + 1) * width:.1f},{y:.1f}"]
    return " ".join(points)


def _labels(labels: Sequence[str]) -> list[str]:
    """A few of them, evenly spaced, the first and the last among them."""
    if len(labels) <= TIME_LABELS:
        return list(labels)
    last = len(labels) - 1
    return [labels[round(last * place / (TIME_LABELS - 1))] for place in range(TIME_LABELS)]
