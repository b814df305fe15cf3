"""The demo's progress on stderr: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from distribution.runtime.text_formats import percent

console = Console(stderr=True, highlight=False)


def print_line(text: str) -> None:
    """Prints one line."""
    console.print(text, soft_wrap=True)  # no line breaks inside the lines of a log


@dataclass(frozen=True, slots=True)
class Progress:
    """The figures shown at one moment."""

    seconds: float  # since the trigger
    recipients: int
    accepted: int
    delivered: int
    rate: float  # recently accepted per second
    share: float | None  # SLA achievement, 0 to 1; None: nobody is owed a message
    basis: str
    numbers: list[tuple[str, str, str, int]]  # label, state, quality, sent
    note: str = ""


class ProgressView:
    """Shows the progress: in `live` on a terminal, else as a line every two seconds."""

    def __init__(self, live: Live | None) -> None:
        self._live = live
        self._last_line = 0.0

    def is_due(self, seconds: float) -> bool:
        """Whether to show the progress `seconds` after the trigger."""
        return self._live is not None or seconds - self._last_line >= 2.0

    def show(self, progress: Progress) -> None:
        if self._live is not None:
            self._live.update(_panel(progress))
        else:
            self._last_line = progress.seconds
            print_line(_line(progress))


@contextmanager
def progress_view() -> Iterator[ProgressView]:
    """The view for the duration of a `with` block."""
    if not sys.stderr.isatty():
        yield ProgressView(None)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield ProgressView(live)


def _line(progress: Progress) -> str:
    text = (
        f"{progress.seconds:6.1f} s  accepted {progress.accepted:,}/{progress.recipients:,}"
        f"  delivered {progress.delivered:,}  {progress.rate:5.1f}/s"
        f"  SLA {percent(progress.share)} {progress.basis}"
    )
    return f"{text}  ({progress.note})" if progress.note else text


def _panel(progress: Progress) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for label, state, quality, sent in progress.numbers:
        colour = "green" if state == "ACTIVE" else "dim" if state == "STANDBY" else "red"
        table.add_row(label, Text(state, style=colour), quality, f"{sent:,} sent")
    bar = ProgressBar(total=max(1, progress.recipients), completed=progress.accepted, width=50)
    return Group(Text(_line(progress)), bar, table)
