"""What people are told about content: it waits, was approved, was rejected, was commented on."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, User
from django.utils.translation import gettext as _

from distribution.content import second_person
from distribution.models import Content, NotificationKind
from distribution.notifications import audience
from distribution.notifications.writing import Message, notify
from distribution.runtime import india_time


def review_waiting(
    content: Content, *, by: AbstractBaseUser, deadline: datetime | None, now: datetime
) -> None:
    """Tell those who can approve it: nobody who worked on it, and not the maker of its token."""
    text = _("%(who)s submitted “%(title)s” %(day)s for review.") % _facts(content, by)
    if deadline is not None and deadline > now:
        local = deadline.astimezone(india_time.zone())
        text += " " + _("Approve it by %(time)s on %(day)s.") % {
            "time": f"{local:%H:%M %Z}",
            "day": f"{local:%A} {local.day} {local:%B}",
        }
    elif deadline is not None:
        text += " " + _("The deadline has passed, so approving it needs a reason.")
    subject = _("Review needed: %(title)s %(day)s") % _facts(content, by)
    people = audience.allowed(NotificationKind.REVIEW_WAITING) - second_person.workers(content)
    _tell(NotificationKind.REVIEW_WAITING, content, subject, text, people, now)


def approved(content: Content, *, by: AbstractBaseUser, reason: str, now: datetime) -> None:
    """Tell its author."""
    subject = _("Approved: %(title)s %(day)s") % _facts(content, by)
    text = _("%(who)s approved “%(title)s” %(day)s.") % _facts(content, by)
    kind = NotificationKind.CONTENT_APPROVED
    _tell(kind, content, subject, _with_reason(text, reason), {content.author_id}, now)


def rejected(content: Content, *, by: AbstractBaseUser, reason: str, now: datetime) -> None:
    """Tell its author, with the reason."""
    subject = _("Rejected: %(title)s %(day)s") % _facts(content, by)
    text = _("%(who)s rejected “%(title)s” %(day)s.") % _facts(content, by)
    text = _with_reason(text, reason) + "\n\n" + _("Edit it and submit it again.")
    _tell(NotificationKind.CONTENT_REJECTED, content, subject, text, {content.author_id}, now)


def commented(content: Content, *, by: AbstractBaseUser, text: str, now: datetime) -> None:
    """Tell its author and all who took part so far, but not whoever wrote the comment."""
    part = {content.author_id, *content.approvals.values_list("by_id", flat=True)} - {by.pk}
    subject = _("New comment: %(title)s %(day)s") % _facts(content, by)
    said = _("%(who)s commented on “%(title)s” %(day)s:") % _facts(content, by) + f"\n\n{text}"
    _tell(NotificationKind.CONTENT_COMMENTED, content, subject, said, part, now)


def _tell(
    kind: NotificationKind,
    content: Content,
    subject: str,
    text: str,
    people: set[int],
    now: datetime,
) -> None:
    path = f"/admin/distribution/content/{content.pk}/change/"
    notify(Message(kind, subject, text, path), people, now=now)


def _facts(content: Content, by: AbstractBaseUser) -> dict[str, str]:
    day = content.day
    if content.is_fallback or day is None:
        words = _("(fallback)")
    else:
        words = _("for %(day)s") % {"day": f"{day:%a} {day.day} {day:%b}"}
    return {"who": _name(by), "title": content.title, "day": words}


def _name(person: AbstractBaseUser) -> str:
    full = person.get_full_name() if isinstance(person, User) else ""
    return full or str(person.get_username())


def _with_reason(text: str, reason: str) -> str:
    return f"{text}\n\n{_('Reason:')} {reason.strip()}" if reason.strip() else text
