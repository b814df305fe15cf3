"""Distributions that a rule paused: who failed for the cause waits again, and they are resumed when
the cause is gone. The tick and the keeper call it; harmless at any time.
"""

from __future__ import annotations

import logging
from datetime import datetime

from distribution.ledger import returns
from distribution.lifecycle import control, pause_facts
from distribution.lifecycle.control import ControlError
from distribution.models import Distribution, DistributionState
from phonepool.errors import BY_SLUG

log = logging.getLogger(__name__)


def check(now: datetime) -> list[int]:
    """Return who failed meanwhile, resume what can be resumed; the resumed distributions."""
    return [
        distribution.pk
        for distribution in Distribution.objects.running().filter(window_end__gt=now)
        if _check_one(distribution, now)
    ]


def _check_one(distribution: Distribution, now: datetime) -> bool:
    # Calls that were in flight when it was paused fail one by one, also after a resume.
    returns.return_for_pause(distribution, now=now)
    failure, then = BY_SLUG.get(distribution.pause_cause), distribution.pause_facts
    if failure is None or distribution.state != DistributionState.PAUSED or not then:
        return False
    facts = pause_facts.read(distribution.pk, distribution.pause_cause, now)
    if pause_facts.is_cause_gone(failure, then, facts):
        return _resume(distribution, pause_facts.after_trial(then, facts), now)
    if facts["template"] != then["template"] and not facts["sendable"]:
        _keep(distribution, pause_facts.with_template_of(facts, then))
    return False


def _resume(distribution: Distribution, facts: dict[str, object], now: datetime) -> bool:
    _keep(distribution, facts)
    try:
        control.resume(distribution.pk, now=now, by_rule=True)
    except ControlError:  # another process was faster
        return False
    log.info("%s goes on: the cause of its pause is gone", distribution)
    return True


def _keep(distribution: Distribution, facts: dict[str, object]) -> None:
    paused = Distribution.objects.filter(pk=distribution.pk, state=DistributionState.PAUSED)
    paused.update(pause_facts=facts)
