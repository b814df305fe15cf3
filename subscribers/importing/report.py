"""What became of the rows of an import, and the observer that is notified of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from subscribers.importing.columns import Refusal, Row


@dataclass(slots=True)
class ImportReport:
    """What became of each row: total = new + changed + unchanged + kept_opted_out + refused."""

    filename: str
    dry_run: bool
    encoding: str = ""
    delimiter: str = ""
    total: int = 0  # rows that hold anything
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_opted_out: int = 0  # unsubscribed, so not changed; or STOP came before
    refused: int = 0
    kept_inactive: int = 0  # of the changed and unchanged: paused or invalid before and after
    notes: list[str] = field(default_factory=list)  # what to know of how the file was read
    refusals: list[Refusal] = field(default_factory=list)  # the first KEPT_REFUSALS_LIMIT


@dataclass(frozen=True, slots=True)
class RowResult:
    """What becomes of one row that is taken, and what it changes: field, before, after."""

    row: Row
    count: str  # the report's count it adds to
    changes: tuple[tuple[str, str, str], ...] = ()


class ImportObserver:
    """Is notified of each chunk, and says from which line to resume."""

    # Chunks that end on this line or before it were done by an earlier try.
    resume_after_line = 0

    def chunk_passed_over(self) -> None:
        """A chunk was done by an earlier try."""

    def chunk_written(self, plan: Counter[str], last_line: int) -> None:
        """A chunk was written; called inside its transaction, so both are kept or neither."""

    def chunk_counted(
        self, report: ImportReport, results: Sequence[RowResult], last_line: int
    ) -> None:
        """A chunk was committed and counted."""
