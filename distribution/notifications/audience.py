"""Who can be told what: by permission, and by what each person chose."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from distribution.models import NotificationChannel, NotificationChoice, NotificationKind

WRITE, APPROVE = "distribution.add_content", "distribution.approve_content"
PAUSE, START = "distribution.pause_distribution", "distribution.start_distribution"
CONFIRM = "distribution.confirm_distribution"

# Whoever has one of these can choose the event. Each is on until the person turns it off.
PERMISSIONS: dict[NotificationKind, tuple[str, ...]] = {
    NotificationKind.REVIEW_WAITING: (APPROVE,),
    NotificationKind.CONTENT_APPROVED: (WRITE,),
    NotificationKind.CONTENT_REJECTED: (WRITE,),
    NotificationKind.CONTENT_COMMENTED: (WRITE, APPROVE),
    NotificationKind.CONTENT_NOT_READY: (WRITE, APPROVE),
    NotificationKind.MORNING_BLOCKED: (APPROVE, PAUSE, START),
    NotificationKind.MORNING_REPORT: (APPROVE, PAUSE, START),
    NotificationKind.CONFIRMATION_WAITING: (CONFIRM,),
}
ACCOUNT = (NotificationKind.PASSWORD_RESET, NotificationKind.PASSWORD_CHANGED)


def why(kind: NotificationKind) -> str:
    """Why a person gets it, as the last paragraph of the message says."""
    return {
        NotificationKind.REVIEW_WAITING: _("You can approve content."),
        NotificationKind.CONTENT_APPROVED: _("You wrote this content."),
        NotificationKind.CONTENT_REJECTED: _("You wrote this content."),
        NotificationKind.CONTENT_COMMENTED: _("You worked on this content."),
        NotificationKind.CONTENT_NOT_READY: _("You can write or approve content."),
        NotificationKind.MORNING_BLOCKED: _("You can approve content or control distributions."),
        NotificationKind.MORNING_REPORT: _("You can approve content or control distributions."),
        NotificationKind.CONFIRMATION_WAITING: _("You can confirm distributions."),
    }.get(kind, "")


def allowed(kind: NotificationKind) -> set[int]:
    """The ids of active staff who have one of the permissions for this event."""
    staff: set[int] = set()
    for permission in PERMISSIONS[kind]:
        staff |= set(_staff_with(permission))
    return staff


def choosable(user: User) -> list[NotificationKind]:
    """The events that this person can turn on and off."""
    return [kind for kind, names in PERMISSIONS.items() if any(map(user.has_perm, names))]


def choices_of(user: User, channel: NotificationChannel) -> dict[NotificationKind, bool]:
    """What this person gets by a channel, of what they can choose."""
    rows = NotificationChoice.objects.filter(user=user, channel=channel)
    chosen = dict(rows.values_list("kind", "wanted"))
    return {kind: chosen.get(kind, True) for kind in choosable(user)}


def choose(user: User, channel: NotificationChannel, wanted: Collection[str]) -> None:
    """Store the choice of each event that the person can choose."""
    for kind in choosable(user):
        NotificationChoice.objects.update_or_create(
            user=user, kind=kind, channel=channel, defaults={"wanted": kind.value in wanted}
        )


def without_muted(
    kind: NotificationKind, channel: NotificationChannel, user_ids: Iterable[int]
) -> list[User]:
    """Those of them who get this event by this channel: active, and not turned off."""
    off = NotificationChoice.objects.filter(kind=kind, channel=channel, wanted=False)
    people = User.objects.filter(pk__in=list(user_ids), is_active=True)
    return list(people.exclude(pk__in=off.values("user")).order_by("pk"))


def _staff_with(permission: str) -> Iterable[int]:
    users = User.objects.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
    return users.filter(is_staff=True).values_list("pk", flat=True)
