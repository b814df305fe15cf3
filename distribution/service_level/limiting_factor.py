"""What keeps a distribution from being faster, and what is being done about it, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import ngettext

from distribution.analytics.counts import Tally
from distribution.ledger.reasons import explain
from distribution.models import State
from distribution.models.deliveries import IN_HAND
from distribution.service_level.pace import Pace
from phonepool.models import Breaker, NumberState, PhoneNumber

SLOW_ANSWER = 5.0  # seconds
REFUSED_SHARE = 0.1  # of the recipients wait for another try


def describe(tally: Tally, measured: Pace, numbers: Sequence[PhoneNumber]) -> str:
    """The part that limits the pace, the likeliest first."""
    return (
        _numbers(numbers)
        or _refusals(tally)
        or _nobody_sends(tally, measured)
        or _slow_answers(measured)
        or f"All phone numbers work. Together they can send {measured.capacity:,.0f} messages per "
        "second."
    )


def _numbers(numbers: Sequence[PhoneNumber]) -> str:
    active = [one for one in numbers if one.is_usable and one.breaker == Breaker.CLOSED]
    meant = [one for one in numbers if one.state != NumberState.STANDBY]
    standby = [one for one in numbers if one.can_send and one.state == NumberState.STANDBY]
    lost = len(meant) - len(active)
    if not lost:
        return ""
    fact = ngettext(
        "%(lost)d of %(all)d phone number can’t send.",
        "%(lost)d of %(all)d phone numbers can’t send.",
        len(meant),
    ) % {"lost": lost, "all": len(meant)}
    if standby:
        return f"{fact} {len(standby)} on standby can take over."
    return f"{fact} No other number is on standby."


def _refusals(tally: Tally) -> str:
    waiting = tally.reasons.get(State.RETRY_WAIT)
    if not waiting or sum(waiting.values()) < REFUSED_SHARE * tally.recipients:
        return ""
    reason, count = waiting.most_common(1)[0]
    return f"{count:,} messages wait for another try: {explain(reason).words}."


def _nobody_sends(tally: Tally, measured: Pace) -> str:
    if measured.owed_now <= 0 or tally.count(*IN_HAND):
        return ""
    return (
        "No process has a message in hand. The keeper sends what no worker takes for "
        f"{settings.KEEPER_PATIENCE:g} s: check the workers and the broker."
    )


def _slow_answers(measured: Pace) -> str:
    if measured.slow_answer < SLOW_ANSWER:
        return ""
    return f"WhatsApp takes up to {measured.slow_answer:.0f} s to answer."
