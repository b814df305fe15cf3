"""The approval workflow: one person submits, another approves or rejects; approved is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from distribution.content import notices, outlook, second_person, template_schema, validation
from distribution.ledger import outbox
from distribution.models import (
    ApiToken,
    Approval,
    Content,
    ContentState,
    Decision,
    Distribution,
    EventKind,
    Kind,
)
from distribution.models.distributions import UNBEGUN, UNOPENED
from distribution.runtime import india_time
from subscribers.text_cleaning import clean_line

EDITABLE = (
    "day",
    "title",
    "message_template",
    "body_variables",
    "button_variables",
    "media",
    "is_fallback",
)
UTILITY = "UTILITY"  # Meta's cheapest category, without limits per person
EDITORIAL = (ContentState.DRAFT, ContentState.REJECTED)
UNDECIDED = (*EDITORIAL, ContentState.SUBMITTED)


class ApprovalError(Exception):
    """The step is not allowed; the text says why and what to do."""


class ChangedSinceError(ApprovalError):
    """The content was changed after it was read: it has to be reviewed again."""

    def __init__(self) -> None:
        super().__init__(_("This changed since you opened it. Check it again."))


def deadline(day: date) -> datetime:
    """By when a day's content should be approved: the evening before, in India."""
    evening = day - timedelta(days=1)
    return india_time.local_datetime(evening, settings.CONTENT_DEADLINE)


def is_late(content: Content, now: datetime) -> bool:
    """Whether approving it now needs a reason; a fallback has no day and no deadline."""
    return content.day is not None and not content.is_fallback and now > deadline(content.day)


def write(
    *,
    by: AbstractBaseUser,
    now: datetime,
    replaces: Content | None = None,
    token: ApiToken | None = None,
    **fields: Any,
) -> Content:
    """Create a draft, perhaps by an API token."""
    fields = _editable(fields)
    with transaction.atomic():
        content = Content.objects.create(author_id=by.pk, replaces=replaces, **fields)
        record(content, Decision.EDITED, by, "", now, token)
    return content


def edit(
    content: Content,
    *,
    by: AbstractBaseUser,
    now: datetime,
    token: ApiToken | None = None,
    **changes: object,
) -> Content:
    """Change a draft or a rejected content, which makes it a draft again.

    The editor becomes its author, and no one who edited it may approve it.
    """
    changes = _editable(changes)
    with transaction.atomic():
        change_state(
            content,
            EDITORIAL,
            ContentState.DRAFT,
            _("Submitted and approved content cannot be edited. Write a new one for that day."),
            **changes,
            author_id=by.pk,
        )
        record(content, Decision.EDITED, by, "", now, token)
    return content


def new_version(
    content: Content, *, by: AbstractBaseUser, now: datetime, token: ApiToken | None = None
) -> Content:
    """A draft with the texts of an approved content, which it replaces once approved."""
    with transaction.atomic():
        locked = Content.objects.select_for_update().get(pk=content.pk)  # two at once write one
        if locked.state != ContentState.APPROVED:
            raise ApprovalError(_("Only approved content can have a new version."))
        if locked.newer_versions.filter(state__in=UNDECIDED).exists():
            raise ApprovalError(_("A new version is already in progress. Find it in the list."))
        fields = {name: getattr(locked, name) for name in EDITABLE}
        return write(by=by, now=now, replaces=locked, token=token, **fields)


def submit(
    content: Content, *, by: AbstractBaseUser, now: datetime, token: ApiToken | None = None
) -> None:
    """Hand a draft to the approvers."""
    if content.author_id != by.pk:
        raise ApprovalError(_("Only the author can submit this content."))
    _require_day_to_come(content, now)
    _require_valid(content)
    with transaction.atomic():
        change_state(
            content,
            [ContentState.DRAFT],
            ContentState.SUBMITTED,
            _("Only a draft can be submitted. Edit rejected content first."),
            submitted_at=now,
        )
        record(content, Decision.SUBMITTED, by, "", now, token)
        by_when = None if content.is_fallback or content.day is None else deadline(content.day)
        notices.review_waiting(content, by=by, deadline=by_when, now=now)


def approve(content: Content, *, by: AbstractBaseUser, now: datetime, reason: str = "") -> None:
    """Approve it for its day; it cannot change any more.

    Late or too dear only with a reason. The content it replaces is retired at the same time.
    """
    _require_second_person(content, by)
    _require_day_to_come(content, now)
    today, late = india_time.local_date(now), is_late(content, now)
    if not reason.strip() and (words := outlook.reason_needed(content, late=late, today=today)):
        raise ApprovalError(words)
    _require_valid(content)  # Meta may have changed the message template since the submission
    template = content.message_template
    with transaction.atomic():
        chosen_at = _retire_replaced(content, by, now)
        try:
            with transaction.atomic():
                change_state(
                    content,
                    [ContentState.SUBMITTED],
                    ContentState.APPROVED,
                    _("Only submitted content can be approved."),
                    decided_at=now,
                    chosen_at=chosen_at,
                    approved_fingerprint=template_schema.fingerprint(template.components),
                    approved_category=template.category,
                    approved_ttl_seconds=template.send_ttl_seconds,
                )
        except IntegrityError:
            words = _("Content for %(day)s is already approved.") % {"day": content.day}
            raise ApprovalError(words) from None
        record(content, Decision.APPROVED, by, reason, now)
        outbox.content(EventKind.CONTENT_APPROVED, content, reason=reason, now=now)
        if estimate := outlook.above_limit(content, today=today):
            outbox.cost_over_limit(content, {**estimate, "reason": reason}, now=now)
        notices.approved(content, by=by, reason=reason, now=now)


def reject(content: Content, *, by: AbstractBaseUser, now: datetime, reason: str) -> None:
    """Send it back to its author, with the reason."""
    _require_second_person(content, by)
    if not reason.strip():
        raise ApprovalError(_("Give a reason so the author can fix it."))
    with transaction.atomic():
        change_state(
            content,
            [ContentState.SUBMITTED],
            ContentState.REJECTED,
            _("Only submitted content can be rejected."),
            decided_at=now,
        )
        record(content, Decision.REJECTED, by, reason, now)
        outbox.content(EventKind.CONTENT_REJECTED, content, reason=reason, now=now)
        notices.rejected(content, by=by, reason=reason, now=now)


def choose_fallback(content: Content, *, by: AbstractBaseUser, now: datetime) -> None:
    """Make it the content of days that have no approved content."""
    with transaction.atomic():
        if not content.is_fallback:
            raise ApprovalError(_("Only an approved fallback can be used."))
        change_state(
            content,
            [ContentState.APPROVED],
            ContentState.APPROVED,
            _("Only an approved fallback can be used."),
            chosen_at=now,
        )
        record(content, Decision.CHOSEN, by, "", now)


def template_changed(content: Content) -> bool:
    """Whether Meta changed the components of the message template since the approval."""
    stored, current = content.approved_fingerprint, content.message_template.components
    return bool(stored) and not template_schema.is_fingerprint_of(stored, current)


def category_changed(content: Content) -> bool:
    """Whether Meta has the message template in a dearer category than at the approval."""
    category = content.message_template.category
    stored = content.approved_category
    return bool(stored) and category not in (stored, UTILITY)


def ttl_changed(content: Content) -> bool:
    """Whether Meta keeps undelivered messages longer than at the approval: phones that were off
    get several mornings at once. A change of the category clears a time to live."""
    stored, current = content.approved_ttl_seconds, content.message_template.send_ttl_seconds
    limited = stored is not None and stored > 0  # -1 is Meta's default, as null is
    return limited and (current is None or not 0 < current <= (stored or 0))


def _retire_replaced(content: Content, by: AbstractBaseUser, now: datetime) -> datetime | None:
    """Retire the content it replaces; returns that one's `chosen_at`."""
    old = content.replaces
    if old is None or (old.day, old.is_fallback) != (content.day, content.is_fallback):
        return None
    if content.day is not None and not content.is_fallback and _has_opened(content.day):
        raise ApprovalError(_("That day's distribution has started, so its content stays."))
    change_state(
        old,
        [ContentState.APPROVED],
        ContentState.REPLACED,
        _("A newer version already exists. Write a new version of that one."),
    )
    Distribution.objects.filter(content=old, state__in=UNBEGUN).update(content=content)
    record(old, Decision.REPLACED, by, f"Replaced by “{content.title}”."[:500], now)
    return old.chosen_at


def _has_opened(day: date) -> bool:
    daily = Distribution.objects.filter(kind=Kind.DAILY, local_date=day)
    return daily.exclude(state__in=UNOPENED).exists()


def objection_to_day(day: date, now: datetime) -> str:
    """Why content for that day would never be sent; '' if it may be: the day is to come, or its
    distribution is not open yet."""
    if day < india_time.local_date(now):
        return _("Choose a future date.")
    daily = Distribution.objects.filter(kind=Kind.DAILY, local_date=day)
    begun = daily.exclude(state__in=UNOPENED).select_related("content").first()
    if begun is None:
        return ""
    if begun.opened_at is None:
        state = begun.get_state_display().lower()
        return _("That day's distribution is %(state)s. Choose another day.") % {"state": state}
    sent = begun.content
    what = _("the fallback") if sent and sent.is_fallback else f"“{sent.title}”" if sent else "–"
    return _("That day's distribution has started with %(content)s. Choose a future date.") % {
        "content": what
    }


def _require_day_to_come(content: Content, now: datetime) -> None:
    if content.day is None or content.is_fallback:
        return
    if objection := objection_to_day(content.day, now):
        raise ApprovalError(objection)


def _require_valid(content: Content) -> None:
    if problems := validation.content_problems(content):
        raise ApprovalError(" ".join(problems))


def _require_second_person(content: Content, by: AbstractBaseUser) -> None:
    """Approval needs a person who has not edited the content, not even an earlier version."""
    if objection := second_person.objection(content, by):
        raise ApprovalError(objection)


def _editable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, if each may be edited; the title without characters that nobody sees."""
    if unknown := set(fields) - set(EDITABLE):
        names = ", ".join(sorted(unknown))
        raise ApprovalError(_("These cannot be edited: %(names)s.") % {"names": names})
    return {
        name: clean_line(str(text)) if name == "title" else text for name, text in fields.items()
    }


def change_state(
    content: Content,
    before: Sequence[ContentState],
    after: ContentState,
    refusal: str,
    **fields: object,
) -> None:
    """Compare-and-set on the state and on the version that the caller holds: of two simultaneous
    steps only one takes effect, and never on a text that the person has not seen."""
    rows = Content.objects.filter(pk=content.pk, state__in=before)
    if rows.filter(version=content.version).update(state=after, version=F("version") + 1, **fields):
        content.refresh_from_db()
        return
    raise ChangedSinceError if rows.exists() else ApprovalError(refusal)


def record(
    content: Content,
    decision: Decision,
    by: AbstractBaseUser,
    reason: str,
    now: datetime,
    token: ApiToken | None = None,
) -> None:
    Approval.objects.create(
        content=content, decision=decision, by_id=by.pk, reason=reason, at=now, token=token
    )
