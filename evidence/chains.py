"""Which tables are chained, and which of their columns are personal."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.db import models


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a row that a link covers, in the order of the digest; the id is first."""

    plain: tuple[str, ...]
    personal: tuple[str, ...] = ()  # enter as salted hashes, so that they can be erased

    @property
    def columns(self) -> tuple[str, ...]:
        return ("id", *self.plain, *self.personal)


@dataclass(frozen=True, slots=True)
class Chain:
    """One chained table. A new column gets a layout of its own at the end: older links keep theirs.
    A table is never removed and no number used twice."""

    number: int
    label: str  # "app.Model"
    layouts: tuple[Layout, ...]

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def layout(self) -> Layout:
        """That of new links."""
        return self.layouts[-1]


CHAINS = (
    Chain(
        1,
        "subscribers.ConsentEvent",
        (
            Layout(
                ("subscriber_id", "kind", "at", "recorded_at"),
                ("source", "evidence", "notice", "actor"),
            ),
            Layout(
                ("subscriber_id", "kind", "at", "recorded_at", "resumes_on"),
                ("source", "evidence", "notice", "actor"),
            ),
        ),
    ),
    Chain(
        2,
        "admin.LogEntry",
        (
            Layout(
                ("action_time", "user_id", "content_type_id", "object_id", "action_flag"),
                ("object_repr", "change_message"),
            ),
        ),
    ),
    Chain(
        3,
        "distribution.Approval",
        (Layout(("content_id", "decision", "by_id", "token_id", "at"), ("reason",)),),
    ),
    Chain(
        4,
        "distribution.Attempt",
        (
            Layout(
                (
                    *("delivery_id", "attempt_id", "number_id", "outcome", "reason", "code"),
                    *("http_status", "fbtrace_id", "started_at", "ended_at"),
                ),
                ("details",),
            ),
        ),
    ),
    Chain(
        5,
        "distribution.Verdict",
        (
            Layout(
                ("delivery_id", "attempt_id", "ruling", "by_id", "at"),
                ("reason", "evidence"),
            ),
        ),
    ),
    Chain(6, "phonepool.PhoneEvent", (Layout(("number_id", "kind", "detail", "at")),)),
    Chain(
        7,
        "distribution.RotationChange",
        (Layout(("group_id", "before_id", "after_id", "cause", "by_id", "at"), ("reason",)),),
    ),
    Chain(
        8,
        "distribution.QualityChange",
        (Layout(("number_id", "template_id", "before", "after", "source", "at")),),
    ),
    Chain(
        9,
        "distribution.DraftStep",
        (Layout(("draft_id", "act", "by_id", "version", "at"), ("reason",)),),
    ),
)


def chain_of(label: str) -> Chain:
    """The chain of a model, as "app.Model"; LookupError if it has none."""
    for chain in CHAINS:
        if chain.label == label:
            return chain
    raise LookupError(f"{label} is not chained.")
