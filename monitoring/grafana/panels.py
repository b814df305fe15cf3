"""A panel and a board, and how to ask Prometheus for what they show.

Both servers show the same figures of the database, so every query takes the maximum of them. A
figure that an installation may not have yet is asked for with `or vector(0)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LINE, VALUE, BARS, ROWS = "line", "value", "bars", "rows"
SHARE, RATE, PEOPLE, SECONDS, MOMENT = "percentunit", "mps", "short", "s", "dateTimeFromNow"
COUNT, RUPEES = "none", "currencyINR"
Limits = Sequence[tuple[float | None, str]]  # from which value on it has which colour
GOOD: Limits = [(None, "red"), (0.97, "orange"), (0.99, "green")]
BAD: Limits = [(None, "green"), (1, "red")]
UP: Limits = [(None, "red"), (1, "green")]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, by legend, and how it is drawn."""

    title: str
    unit: str
    queries: dict[str, str]
    shape: str = LINE
    says: str = ""  # what it means, for whoever looks at it for the first time
    limits: Limits = ()


@dataclass(frozen=True, slots=True)
class Board:
    uid: str
    title: str
    refresh: str
    since: str
    panels: Sequence[Panel]


def biggest(metric: str, *labels: str) -> str:
    """The value of each set of labels, the same at every server."""
    name, _, chosen = metric.partition("{")
    whole = f"daybreak_{name}" + (f"{{{chosen}" if chosen else "")
    return f"max by ({', '.join(labels)}) ({whole})" if labels else f"max({whole})"


def of(label: str, metric: str, *more: str) -> dict[str, str]:
    """One query, with the label's value as its legend."""
    return {f"{{{{{label}}}}}": biggest(metric, label, *more)}


def rate(metric: str, *labels: str, span: str = "15s") -> str:
    """Per second; of two servers that see the same counter, one."""
    return f"max by ({', '.join(labels)}) (rate(daybreak_{metric}[{span}]))"


def or_zero(query: str) -> str:
    return f"{query} or vector(0)"


def moment(name: str) -> dict[str, str]:
    return {"{{kind}}": f"1000 * {biggest(f'run_{name}_timestamp_seconds', 'kind')}"}


def quantile(share: float, metric: str) -> dict[str, str]:
    buckets = biggest(f"{metric}_bucket", "number", "le")
    return {"{{number}}": f"histogram_quantile({share}, {buckets})"}
