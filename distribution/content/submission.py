"""What people do with a content around the decision: withdraw it, comment on it, copy it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from distribution.content import approval, calendar, notices, second_person
from distribution.content.approval import ApprovalError
from distribution.models import ApiToken, Content, ContentState, Decision
from distribution.runtime import india_time

COPIED = ("title", "message_template", "body_variables", "button_variables", "media", "is_fallback")


def withdraw(
    content: Content, *, by: AbstractBaseUser, now: datetime, token: ApiToken | None = None
) -> None:
    """Make a submission a draft again, so that its author can change it."""
    if content.author_id != by.pk:
        raise ApprovalError(_("Only the author can withdraw a submission."))
    with transaction.atomic():
        approval.change_state(
            content,
            [ContentState.SUBMITTED],
            ContentState.DRAFT,
            _("Only content that is waiting for review can be withdrawn."),
            submitted_at=None,
        )
        approval.record(content, Decision.WITHDRAWN, by, "", now, token)


def comment(content: Content, *, by: AbstractBaseUser, now: datetime, text: str) -> None:
    """Add a comment, which decides nothing."""
    if not text.strip():
        raise ApprovalError(_("Enter a comment."))
    with transaction.atomic():
        approval.record(content, Decision.COMMENTED, by, text.strip(), now)
        notices.commented(content, by=by, text=text.strip(), now=now)


def duplicate(
    content: Content, *, by: AbstractBaseUser, now: datetime, day: date | None = None
) -> Content:
    """A new draft with the same texts, for `day` or the next day without approved content."""
    fields = {name: getattr(content, name) for name in COPIED}
    if not content.is_fallback:
        fields["day"] = day or _next_day(now)
    return approval.write(by=by, now=now, **fields)


def _next_day(now: datetime) -> date:
    gap = calendar.next_gap(now)
    return gap.day if gap else india_time.local_date(now) + timedelta(days=15)


def latest(now: datetime) -> Content | None:
    """The content that was sent last, or is to be sent today: what a new day begins with."""
    sent = Content.objects.filter(state=ContentState.APPROVED, is_fallback=False)
    return sent.filter(day__lte=india_time.local_date(now)).order_by("-day").first()


def rivals(content: Content) -> QuerySet[Content]:
    """Other contents that wait for the same day, or are approved for it; not what it replaces."""
    rows = Content.objects.filter(day=content.day, is_fallback=False)
    waiting = rows.filter(state__in=[ContentState.SUBMITTED, ContentState.APPROVED])
    if content.day is None or content.is_fallback:
        return waiting.none()
    return waiting.exclude(pk__in=[content.pk, content.replaces_id or 0]).order_by("pk")


def next_to_review(by: AbstractBaseUser) -> Content | None:
    """What this person can decide on next, the nearest day first."""
    rows = Content.objects.filter(state=ContentState.SUBMITTED).order_by("day", "pk")
    rows = rows.exclude(author_id=by.pk)
    return next((row for row in rows if not second_person.part_in(row, by)), None)
