"""The morning as it happens: a live view on a terminal, plain lines elsewhere, on stderr."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One line about what is being done."""
    console.print(text, soft_wrap=True)  # a log's lines are as long as they are


@dataclass(frozen=True, slots=True)
class Glance:
    """What the view shows at one moment."""

    seconds: float  # since the trigger
    recipients: int
    accepted: int
    delivered: int
    rate: float  # accepted a second, lately
    share: float  # of the service level's headline
    basis: str
    numbers: list[tuple[str, str, str, int]]  # label, state, quality, sent
    note: str = ""


class View:
    """Shows glances until the block ends."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._last_line = 0.0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._live = Live(console=console, refresh_per_second=8, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def is_due(self, seconds: float) -> bool:
        """Whether a glance `seconds` after the trigger is wanted: a plain log has one in two."""
        return self._live is not None or seconds - self._last_line >= 2.0

    def show(self, glance: Glance) -> None:
        if self._live is not None:
            self._live.update(_panel(glance))
        else:
            self._last_line = glance.seconds
            say(_line(glance))


def _line(glance: Glance) -> str:
    text = (
        f"{glance.seconds:6.1f} s  accepted {glance.accepted:,}/{glance.recipients:,}"
        f"  delivered {glance.delivered:,}  {glance.rate:5.1f}/s"
        f"  SLA {glance.share:.1%} {glance.basis}"
    )
    return f"{text}  ({glance.note})" if glance.note else text


def _panel(glance: Glance) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for label, state, quality, sent in glance.numbers:
        colour = "green" if state == "ACTIVE" else "dim" if state == "STANDBY" else "red"
        table.add_row(label, Text(state, style=colour), quality, f"{sent:,} sent")
    bar = ProgressBar(total=max(1, glance.recipients), completed=glance.accepted, width=50)
    return Group(Text(_line(glance)), bar, table)
