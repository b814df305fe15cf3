"""The content's workflow: one person submits, another approves or rejects; approved is frozen."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from distribution.models import Approval, Content, ContentState, Decision

EDITABLE = ("day", "title", "message_template", "body_variables", "media", "is_fallback")


class ApprovalError(Exception):
    """The step is not allowed; the text says why and what to do."""


def edit(content: Content, **changes: object) -> Content:
    """Change a draft or a rejected content, which makes it a draft again."""
    unknown = set(changes) - set(EDITABLE)
    if unknown:
        raise ApprovalError(f"These cannot be edited: {', '.join(sorted(unknown))}.")
    _move(
        content,
        [ContentState.DRAFT, ContentState.REJECTED],
        ContentState.DRAFT,
        "Submitted and approved content is frozen: write a new one for that day instead.",
        **changes,
    )
    return content


def submit(content: Content, *, by: AbstractBaseUser, now: datetime) -> None:
    """Hand a draft to the approvers."""
    if content.author_id != by.pk:
        raise ApprovalError("Only its author can submit a content.")
    with transaction.atomic():
        _move(
            content,
            [ContentState.DRAFT],
            ContentState.SUBMITTED,
            "Only a draft can be submitted; edit a rejected content first.",
            submitted_at=now,
        )
        _record(content, Decision.SUBMITTED, by, "", now)


def approve(content: Content, *, by: AbstractBaseUser, now: datetime, reason: str = "") -> None:
    """Release it for its day; from now on it cannot change."""
    if content.author_id == by.pk:
        raise ApprovalError("The author cannot approve: ask another person.")
    with transaction.atomic():
        try:
            with transaction.atomic():
                _move(
                    content,
                    [ContentState.SUBMITTED],
                    ContentState.APPROVED,
                    "Only submitted content can be approved.",
                    decided_at=now,
                )
        except IntegrityError:
            raise ApprovalError(
                f"There is an approved content for {content.day} already."
            ) from None
        _record(content, Decision.APPROVED, by, reason, now)


def reject(content: Content, *, by: AbstractBaseUser, now: datetime, reason: str) -> None:
    """Send it back to its author, with the reason."""
    if content.author_id == by.pk:
        raise ApprovalError("The author cannot reject: ask another person.")
    if not reason.strip():
        raise ApprovalError("Say why it is rejected, so that the author can mend it.")
    with transaction.atomic():
        _move(
            content,
            [ContentState.SUBMITTED],
            ContentState.REJECTED,
            "Only submitted content can be rejected.",
            decided_at=now,
        )
        _record(content, Decision.REJECTED, by, reason, now)


def _move(
    content: Content,
    before: list[ContentState],
    after: ContentState,
    refusal: str,
    **fields: object,
) -> None:
    """Compare-and-set, so that two people deciding at once make one decision."""
    rows = Content.objects.filter(pk=content.pk, state__in=before)
    if not rows.update(state=after, **fields):
        raise ApprovalError(refusal)
    content.refresh_from_db()


def _record(
    content: Content, decision: Decision, by: AbstractBaseUser, reason: str, now: datetime
) -> None:
    Approval.objects.create(content=content, decision=decision, by_id=by.pk, reason=reason, at=now)
