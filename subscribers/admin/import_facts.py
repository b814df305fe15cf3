"""What the page of an import displays of it: how far it is, its counts, some rows of each kind."""

from __future__ import annotations

from typing import Any

from subscribers.admin import shown_version
from subscribers.admin.shown_version import Shown
from subscribers.importing import jobs, recorders
from subscribers.models import ImportJob, ImportState
from subscribers.shown_part import Part

COUNT_LABELS = (
    ("new", "New"),
    ("changed", "Changed"),
    ("unchanged", "Unchanged"),
    ("kept_opted_out", "Skipped (opted out)"),
    ("refused", "Rejected"),
)
SAMPLE_TITLES = {
    "new": "New people",
    "changed": "People whose details change",
    "kept_opted_out": "Skipped: opted out",
    "unchanged": "Unchanged people",
}


def page_context(job: ImportJob) -> dict[str, Any]:
    return {
        "progress_text": progress_text(job),
        "counts": [(label, job.counts.get(name, 0)) for name, label in COUNT_LABELS],
        "samples": [
            (title, _sample(job, name))
            for name, title in SAMPLE_TITLES.items()
            if job.samples.get(name)
        ],
        "refused": _sample(job, "refused"),
        "importable": sum(job.counts.get(name, 0) for name in ("new", "changed")),
        "differs": _differs(job),
    }


def _sample(job: ImportJob, name: str) -> Part:
    """The kept rows of a kind, of as many as there were."""
    rows = job.samples.get(name, [])
    return Part(rows, 0, max(job.counts.get(name, 0), len(rows)), recorders.SAMPLES_LIMIT)


def progress_text(job: ImportJob) -> str:
    if job.lines and job.state in jobs.RUNNING:
        return f"{job.last_line:,} of {job.lines:,} lines"
    return str(job.get_state_display())


def shown(job: ImportJob) -> Shown:
    """What a decision on an import is about: its state, its columns and what the check found."""
    facts = {"State": str(job.get_state_display())}
    facts |= {f"Column {int(place) + 1}": choice for place, choice in sorted(job.columns.items())}
    if job.state not in jobs.RUNNING:
        facts |= {label: f"{job.counts.get(name, 0):,}" for name, label in COUNT_LABELS}
    return shown_version.of_facts(f"import {job.pk}", facts)


def _differs(job: ImportJob) -> bool:
    """Whether the counts differ from the check's: subscribers changed between the two.

    A file that the API sent with its consent source was imported without a check before.
    """
    return job.state == ImportState.DONE and bool(job.checked) and job.counts != job.checked
