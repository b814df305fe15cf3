"""A distribution that somebody asks for by hand goes to everybody: a second person confirms it.

Nothing opens it before: it is in none of the states that are opened. Two constraints of the table
say the same: none runs unconfirmed, and nobody confirms their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import outbox
from distribution.lifecycle import repetition
from distribution.lifecycle.control import ControlError
from distribution.models import (
    BlackoutDate,
    Content,
    Distribution,
    DistributionState,
    EventKind,
    Kind,
    NotificationKind,
)
from distribution.notifications import audience
from distribution.notifications.writing import Message, notify
from distribution.runtime.india_time import local_date
from subscribers.models import Subscriber

# How long one that is to start at once waits for it; the others wait until their time.
CONFIRM_WITHIN = timedelta(hours=1)
AWAITING = "Awaiting confirmation by a second person."
EXPIRED = "Not confirmed by a second person in time."


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for it, and with which API token, if with one."""

    user_id: int
    token_id: int | None = None

    def fields(self, kind: str, at: datetime) -> dict[str, Any]:
        """Those of the new row."""
        return {
            "state": DistributionState.AWAITING_CONFIRMATION,
            "state_reason": AWAITING,
            "requested_by_id": self.user_id,
            "requested_token_id": self.token_id,
            "confirm_by": at + CONFIRM_WITHIN if kind == Kind.MANUAL else at,
        }


def ask(distribution: Distribution, *, now: datetime) -> None:
    """Tell those who can confirm it, in the transaction that plans it: not who asked for it, nor
    the owner and the maker of the token by which they did."""
    if distribution.state != DistributionState.AWAITING_CONFIRMATION:
        return
    token = distribution.requested_token
    own = {distribution.requested_by_id}
    if token is not None:
        own |= {token.user_id, token.created_by_id}
    kind = NotificationKind.CONFIRMATION_WAITING
    words = {
        "who": distribution.requested_by,
        "what": distribution.content or _("the day's content"),
        "people": f"{Subscriber.objects.eligible().count():,}",
        "when": _moment(distribution.planned_at),
        "by": _moment(distribution.confirm_by),
    }
    text = _(
        "%(who)s wants to send “%(what)s” to everyone subscribed (%(people)s people now) on "
        "%(when)s. It is sent only if someone else confirms it by %(by)s."
    )
    if distribution.kind == Kind.MANUAL:
        text = _(
            "%(who)s wants to send “%(what)s” to everyone subscribed (%(people)s people now) as "
            "soon as someone else confirms it. That is possible until %(by)s."
        )
    subject = _("Confirmation needed: %(what)s") % words
    path = f"/admin/distribution/distribution/{distribution.pk}/do/confirm/"
    message = Message(kind, subject, text % words, path)
    notify(message, audience.allowed(kind) - own, now=now)


def _moment(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%a %-d %b, %H:%M %Z}" if at else "–"


def objection_to(distribution: Distribution, person: AbstractBaseUser) -> str:
    """Why this person is no second one, in a sentence; '' if they are."""
    if distribution.requested_by_id == person.pk:
        return _("You asked for this distribution, so someone else must confirm it.")
    token = distribution.requested_token
    if token is not None and person.pk in (token.user_id, token.created_by_id):
        return _("It was requested with an API token of yours, so someone else must confirm it.")
    return ""


def confirm(distribution_id: int, *, by: AbstractBaseUser, now: datetime) -> Distribution:
    """Let it begin at its time, or at once if it was asked for at once. Raises ControlError."""
    with transaction.atomic():
        rows = Distribution.objects.select_for_update(of=("self",))
        distribution = rows.get(pk=distribution_id)
        if distribution.state != DistributionState.AWAITING_CONFIRMATION:
            raise ControlError(_not_waiting(distribution))
        if objection := objection_to(distribution, by):
            raise ControlError(objection)
        assert distribution.confirm_by is not None
        if distribution.confirm_by <= now:
            raise ControlError(_("It was not confirmed in time. Schedule it again."))
        if distribution.kind == Kind.MANUAL:
            distribution.planned_at, distribution.local_date = now, local_date(now)
        if objection := _objection_now(distribution):
            raise ControlError(objection)
        distribution.state, distribution.state_reason = DistributionState.SCHEDULED, ""
        distribution.confirmed_by_id, distribution.confirmed_at = by.pk, now
        distribution.save(
            update_fields=[
                *("state", "state_reason", "confirmed_by", "confirmed_at"),
                *("planned_at", "local_date"),
            ]
        )
    return distribution


def expire(now: datetime) -> None:
    """Give up those that nobody confirmed in time; each is recorded as missed, with an alert."""
    waiting = Distribution.objects.filter(state=DistributionState.AWAITING_CONFIRMATION)
    for distribution in waiting.filter(confirm_by__lte=now).order_by("pk"):
        with transaction.atomic():
            own = waiting.filter(pk=distribution.pk)  # not if somebody cancels it at this moment
            if not own.update(state=DistributionState.MISSED, state_reason=EXPIRED):
                continue
            distribution.refresh_from_db()
            outbox.distribution(EventKind.DISTRIBUTION_MISSED, distribution, now=now)
            incidents.raise_alert(
                AlertRule.DISTRIBUTION_MISSED,
                distribution.pk,
                message=f"{distribution} was not sent: no second person confirmed it in time.",
                now=now,
            )


def _not_waiting(distribution: Distribution) -> str:
    if distribution.confirmed_by is not None:
        return _("It was already confirmed by %(who)s.") % {"who": distribution.confirmed_by}
    state = distribution.get_state_display().lower()
    return _("It is %(state)s, so it cannot be confirmed.") % {"state": state}


def _objection_now(distribution: Distribution) -> str:
    """What has happened since it was asked for that forbids it."""
    day = distribution.local_date
    if dark := BlackoutDate.objects.filter(day=day).first():
        return _("%(date)s. Nothing is sent on that day.") % {"date": dark}
    content = distribution.content or Content.objects.approved_for(day)
    if content is None or distribution.again_reason:
        return ""
    repetition.lock(content)
    return repetition.objection(content, day, own=distribution)
