"""The actions on a distribution: in which states, with which permission, and what they do.

Each has a page that takes a reason, is refused without its permission, and is logged. Performing
it is one call of the function that the API and the tasks call, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from distribution import tasks
from distribution.interventions import manual_retry
from distribution.interventions.rules import InterventionError
from distribution.lifecycle import control, opening
from distribution.lifecycle.control import ControlError
from distribution.models import Distribution, DistributionState
from distribution.models.distributions import RUNNING, UNOPENED

REFUSALS = (ControlError, InterventionError)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, why and when; `deliveries` are the ids that the page was about."""

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
    title: str
    permission: str
    states: tuple[str, ...]  # in which it is possible
    warning: str  # what will happen, before it is confirmed
    style: str  # calm, good, bad: of its button
    perform: Perform  # returns the result in a sentence


def _pause(distribution: Distribution, made: Decision) -> str:
    if not control.pause(distribution.pk, reason=made.signed, now=made.now):
        raise ControlError("It is not sending any more, so it was not paused.")
    return "Paused. Calls under way finish, nothing new begins."


def _resume(distribution: Distribution, made: Decision) -> str:
    control.resume(distribution.pk, now=made.now)
    return "Resumed. It goes on where it was paused, within a quarter of a minute."


def _cancel(distribution: Distribution, made: Decision) -> str:
    left_out = control.cancel(distribution.pk, reason=made.signed, now=made.now)
    return f"Cancelled. {left_out:,} people who were still waiting are left out."


def _start(distribution: Distribution, made: Decision) -> str:
    again_reason = made.signed if distribution.again_reason else ""
    if not opening.start_now(distribution.pk, now=made.now, again_reason=again_reason):
        distribution.refresh_from_db()
        raise ControlError(f"It could not begin. {distribution.state_reason}".strip())
    tasks.start_batches(distribution.pk)
    return "Started. Its five minutes count from now."


def _retry(distribution: Distribution, made: Decision) -> str:
    retried = manual_retry.retry(
        distribution.pk, by=made.by, reason=made.reason, now=made.now, only=made.deliveries
    )
    for batch_no in retried.batches:
        if not tasks.publish_batch(distribution.pk, batch_no):
            break  # the tick finds them
    return f"{retried.deliveries:,} failed deliveries are sent again. Nobody else is."


ACTIONS = {
    action.name: action
    for action in (
        DistributionAction(
            name="start",
            title="Start now",
            permission="distribution.start_distribution",
            states=tuple(UNOPENED),
            warning=(
                "It begins at once, with everybody who is eligible now. "
                "Its service level counts from now."
            ),
            style="good",
            perform=_start,
        ),
        DistributionAction(
            name="pause",
            title="Pause",
            permission="distribution.pause_distribution",
            states=(DistributionState.SENDING,),
            warning=(
                "Nothing new is sent until somebody resumes it. The service level's clock runs on."
            ),
            style="calm",
            perform=_pause,
        ),
        DistributionAction(
            name="resume",
            title="Resume",
            permission="distribution.pause_distribution",
            states=(DistributionState.PAUSED,),
            warning="Sending goes on where it was paused. Mend what it was paused for first.",
            style="good",
            perform=_resume,
        ),
        DistributionAction(
            name="retry",
            title="Retry the failed",
            permission=manual_retry.PERMISSION,
            states=(*RUNNING, DistributionState.COMPLETED),
            warning=(
                "Only the safe ones are sent again: those of whom it is certain that nothing was "
                "delivered."
            ),
            style="calm",
            perform=_retry,
        ),
        DistributionAction(
            name="cancel",
            title="Cancel",
            permission="distribution.cancel_distribution",
            states=(*UNOPENED, *RUNNING),
            warning=(
                "Everybody who still waits is left out, for good: "
                "a cancelled distribution cannot be taken up again. Pause it if you are not sure."
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
        if distribution.state in action.states and by.has_perm(action.permission)
    ]
