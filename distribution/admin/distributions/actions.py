"""The actions on a distribution: in which states, with which permission, and what they do.

Each has a page that takes a reason, is refused without its permission, and is logged. Performing
it is one call of the function that the API and the tasks call, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from distribution import tasks
from distribution.interventions import manual_retry
from distribution.interventions.rules import InterventionError
from distribution.lifecycle import confirmation, control, opening
from distribution.lifecycle.control import ControlError
from distribution.models import Distribution, DistributionState
from distribution.models.distributions import RUNNING, UNBEGUN, UNOPENED

REFUSALS = (ControlError, InterventionError)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, why and when; the ids that the page was about. A reason may be empty."""

    by: User
    reason: str
    now: datetime
    deliveries: Sequence[int] = ()

    @property
    def signed(self) -> str:
        return f"{self.by}: {self.reason}"


Perform = Callable[[Distribution, Decision], str]


@dataclass(frozen=True, slots=True)
class DistributionAction:
    """One action, as a button and a page."""

    name: str  # in the URL
    title: Any  # lazy words
    permission: str
    states: tuple[str, ...]  # in which it is possible
    warning: Any  # what will happen, before it is confirmed
    style: str  # calm, good, bad: of its button
    perform: Perform  # returns the result in a sentence
    at_once: bool = False  # by one click, without a page that asks; a reason may follow


def _pause(distribution: Distribution, made: Decision) -> str:
    reason = made.signed if made.reason else f"{made.by}: {control.UNEXPLAINED}"
    if control.pause(distribution.pk, reason=reason, now=made.now):
        return _("Distribution paused. Calls already made to WhatsApp will finish.")
    distribution.refresh_from_db()
    if distribution.state == DistributionState.PAUSED:
        return _("The distribution is already paused.")
    raise ControlError(_("The distribution is no longer sending, so it was not paused."))


def _resume(distribution: Distribution, made: Decision) -> str:
    control.resume(distribution.pk, now=made.now)
    return _("Distribution resumed. Sending continues within 15 seconds.")


def _cancel(distribution: Distribution, made: Decision) -> str:
    left_out = control.cancel(distribution.pk, reason=made.signed, now=made.now)
    words = ngettext(
        "Distribution cancelled. %(people)s person who was still waiting won't get the message.",
        "Distribution cancelled. %(people)s people who were still waiting won't get the message.",
        left_out,
    )
    return words % {"people": f"{left_out:,}"}


def _start(distribution: Distribution, made: Decision) -> str:
    again_reason = made.signed if distribution.again_reason else ""
    if not opening.start_now(distribution.pk, now=made.now, again_reason=again_reason):
        distribution.refresh_from_db()
        words = _("The distribution could not start. %(why)s")
        raise ControlError((words % {"why": distribution.state_reason}).strip())
    tasks.start_batches(distribution.pk)
    return _("Distribution started. The 5-minute window begins now.")


def _confirm(distribution: Distribution, made: Decision) -> str:
    confirmed = confirmation.confirm(distribution.pk, by=made.by, now=made.now)
    if confirmed.planned_at <= made.now:
        transaction.on_commit(tasks.open_soon)
        return _("Distribution confirmed. It starts within moments.")
    at = f"{timezone.localtime(confirmed.planned_at):%d %b, %H:%M %Z}"
    return _("Distribution confirmed. It starts on %(time)s.") % {"time": at}


def _retry(distribution: Distribution, made: Decision) -> str:
    retried = manual_retry.retry(
        distribution.pk, by=made.by, reason=made.reason, now=made.now, only=made.deliveries
    )
    for batch_no in retried.batches:
        if not tasks.publish_batch(distribution.pk, batch_no):
            break  # the tick finds them
    words = ngettext(
        "Retrying %(count)s failed delivery.",
        "Retrying %(count)s failed deliveries.",
        retried.deliveries,
    )
    return words % {"count": f"{retried.deliveries:,}"}


ACTIONS = {
    action.name: action
    for action in (
        DistributionAction(
            name="confirm",
            title=gettext_lazy("Confirm"),
            permission="distribution.confirm_distribution",
            states=(DistributionState.AWAITING_CONFIRMATION,),
            warning=gettext_lazy(
                "It starts automatically at its time and goes to everyone subscribed at that "
                "moment. Messages that were sent cannot be recalled."
            ),
            style="good",
            perform=_confirm,
        ),
        DistributionAction(
            name="start",
            title=gettext_lazy("Start now"),
            permission="distribution.start_distribution",
            states=tuple(UNOPENED),
            warning=gettext_lazy(
                "It starts immediately and goes to everyone subscribed at that moment. "
                "The 5-minute window begins now. Messages that were sent cannot be recalled."
            ),
            style="good",
            perform=_start,
        ),
        DistributionAction(
            name="pause",
            title=gettext_lazy("Pause"),
            permission="distribution.pause_distribution",
            states=(DistributionState.SENDING,),
            warning=gettext_lazy(
                "Nothing new is sent until someone resumes it. The SLA clock keeps running."
            ),
            style="bad",
            perform=_pause,
            at_once=True,
        ),
        DistributionAction(
            name="resume",
            title=gettext_lazy("Resume"),
            permission="distribution.pause_distribution",
            states=(DistributionState.PAUSED,),
            warning=gettext_lazy(
                "Sending continues where it stopped. Fix the cause of the pause first."
            ),
            style="good",
            perform=_resume,
        ),
        DistributionAction(
            name="retry",
            title=gettext_lazy("Retry failed"),
            permission=manual_retry.PERMISSION,
            states=(*RUNNING, DistributionState.COMPLETED),
            warning=gettext_lazy(
                "Only safe ones are sent again: deliveries that certainly did not arrive."
            ),
            style="calm",
            perform=_retry,
        ),
        DistributionAction(
            name="cancel",
            title=gettext_lazy("Cancel distribution"),
            permission="distribution.cancel_distribution",
            states=(*UNBEGUN, *RUNNING),
            warning=gettext_lazy(
                "Anyone not yet sent to won't get it. This cannot be undone. "
                "Pause the distribution if you are not sure."
            ),
            style="bad",
            perform=_cancel,
        ),
    )
}


def available_actions(distribution: Distribution, by: User) -> list[DistributionAction]:
    """The actions that its state and the user's permissions allow."""
    return [
        action
        for action in ACTIONS.values()
        if distribution.state in action.states
        and by.has_perm(action.permission)
        and not (action.name == "confirm" and confirmation.objection_to(distribution, by))
    ]
