"""Whether and when a message is tried again after a failure, however the failure became known.

One rule for the API's answer and for a report that comes later, so that a code means the same in
both. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from phonepool.errors import HALTING, RETRY_ONCE, Action, Failure

RETRIED = {Action.BACKOFF, Action.PAIR, Action.NUMBER, Action.TEMPLATE, Action.ABORT}
PAIR_DELAY = timedelta(seconds=6)  # one message in six seconds to the same person


def is_final(failure: Failure) -> bool:
    """Whether another try would be refused again, or must not be."""
    return failure.dropped or (failure.action not in RETRIED and failure not in RETRY_ONCE)


def next_attempt(
    failure: Failure,
    *,
    tries: int,
    at: datetime,
    window_end: datetime | None,
    retry_after: float | None = None,
    late: bool = False,
) -> datetime | None:
    """When to try again after a failure at `at`; None: never.

    `tries` counts the earlier ones: those charged if the failure is charged, else all; with `late`
    (reported after acceptance) the resends that were charged, else all. Failures that may lie in
    the message are tried three times more; late, Meta advises one resend. A refusal that says
    nothing of the person (the number's rate, the account, a network that let nothing out) stays on
    the ladder's last step until the window ends: giving up would leave a recipient out for our own
    trouble.
    """
    if window_end is None or is_final(failure):
        return None
    delays = settings.RETRY_DELAYS_SECONDS
    if failure.charged and tries >= _tries_allowed(failure, late):
        return None
    delay = timedelta(seconds=delays[min(tries, len(delays) - 1)])
    if failure.action is Action.NUMBER:
        delay = timedelta(0)  # another number can take it at once
    elif failure.action is Action.PAIR:
        delay = max(delay, PAIR_DELAY)
    if retry_after:
        delay = max(delay, timedelta(seconds=retry_after))
    if at + delay < window_end:
        return at + delay
    # Who waits for the account or the template waits to the end, and is then skipped for that.
    return window_end if failure.action in HALTING and at < window_end else None


def _tries_allowed(failure: Failure, late: bool) -> int:
    if failure in RETRY_ONCE or (late and failure.action is Action.BACKOFF):
        return 1
    return len(settings.RETRY_DELAYS_SECONDS)
