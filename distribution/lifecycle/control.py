"""Pause, resume, reopen and cancel a distribution.

With `opening.py`, `closing.py` and `schedule.py`, which plans it, the only writers of its state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Sum

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.analytics import shared_counts
from distribution.dead_man import mornings
from distribution.ledger import deliveries, outbox, returns, rollup_marks
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import pause_facts
from distribution.models import (
    Delivery,
    Distribution,
    DistributionState,
    EventKind,
    Kind,
    Preparation,
    State,
)
from distribution.models.distributions import RUNNING, UNBEGUN
from phonepool.errors import Failure
from phonepool.models import Portfolio
from phonepool.numbers import breakers, health

# Ends the reason of a pause by one click, until somebody gives one.
UNEXPLAINED = "no reason given yet"


class ControlError(Exception):
    """The step is not possible in the distribution's state; the text says why."""


def pause(
    distribution_id: int, *, reason: str, now: datetime, cause: str = "", more: str = ""
) -> bool:
    """Nothing new is claimed from now on; calls under way finish. True when this call did it.

    `cause` is the slug of the failure that keeps everybody waiting, if it is one. Who failed for it
    waits again, and it is resumed when the cause is gone (`recovery.py`). `more` is told in the
    alert, beside the reason.
    """
    sending = Distribution.objects.sending().filter(pk=distribution_id)
    facts = pause_facts.read(distribution_id, cause, now) if cause else {}
    with transaction.atomic():
        paused = sending.update(
            state=DistributionState.PAUSED,
            state_reason=reason[:200],
            pause_cause=cause,
            pause_facts=facts,
        )
        if paused:
            emit_state_event(EventKind.DISTRIBUTION_PAUSED, distribution_id, now)
            incidents.raise_alert(
                AlertRule.DISTRIBUTION_PAUSED,
                distribution_id,
                message=f"Distribution {distribution_id} is paused: {reason} {more}".rstrip(),
                now=now,
            )
    return bool(paused)


def explain_pause(distribution_id: int, *, reason: str, now: datetime) -> bool:
    """Give the reason of a pause by one click; False if it has one, or is no pause any more."""
    rows = Distribution.objects.filter(pk=distribution_id, state=DistributionState.PAUSED)
    rows = rows.filter(pause_cause="", state_reason__endswith=UNEXPLAINED)
    with transaction.atomic():
        if not rows.update(state_reason=reason[:200]):
            return False
        incidents.raise_alert(
            AlertRule.DISTRIBUTION_PAUSED,
            distribution_id,
            message=f"Distribution {distribution_id} is paused: {reason}",
            now=now,
        )
    return True


def pause_for(
    distribution_id: int, failure: Failure, *, now: datetime, seen: str = "", more: str = ""
) -> bool:
    """Pause because of a failure that keeps everybody waiting; `seen` says how it became known,
    if not by an answer to a send."""
    words = f"{failure.slug}, {seen}" if seen else failure.slug
    reason = f"{words}: {failure.advice}"
    return pause(distribution_id, reason=reason, cause=failure.slug, more=more, now=now)


def note_cause(distribution_id: int, cause: str) -> None:
    """A paused distribution has another cause beside the one that it is paused for: who failed for
    it waits again, too."""
    with transaction.atomic():
        rows = Distribution.objects.select_for_update(of=("self",))
        row = rows.filter(pk=distribution_id, state=DistributionState.PAUSED).first()
        others = row.pause_facts.get("others", []) if row else []
        if row and cause not in (row.pause_cause, *others):
            row.pause_facts = {**row.pause_facts, "others": [*others, cause]}
            row.save(update_fields=["pause_facts"])


def resume(distribution_id: int, *, now: datetime, by_rule: bool = False) -> None:
    """Continue where it was paused. Nothing was lost meanwhile: what waited still waits, and one
    message tests at once whether the fault is over.

    A person who resumes accepts the cause; `by_rule` means that the cause is gone.
    """
    distribution = Distribution.objects.get(pk=distribution_id)
    cause = distribution.pause_cause
    if distribution.state == DistributionState.PAUSED:
        returns.return_for_pause(distribution, now=now)
    paused = Distribution.objects.filter(pk=distribution_id, state=DistributionState.PAUSED)
    with transaction.atomic():
        if not paused.update(
            state=DistributionState.SENDING,
            state_reason="",
            pause_cause="",
            resume_no=F("resume_no") + 1,
            resumed_at=now,
            accepted_cause="" if by_rule else cause,
        ):
            raise ControlError("Only a paused distribution can be resumed.")
        emit_state_event(EventKind.DISTRIBUTION_SENDING, distribution_id, now)
    breakers.retry_now(now)
    incidents.close_alert(AlertRule.DISTRIBUTION_PAUSED, distribution_id, now=now)


def reopen(distribution_id: int, *, until: datetime) -> None:
    """Let a distribution send at least until `until`: a person wants more sent after its end.

    Call it inside a transaction.
    """
    distribution = Distribution.objects.select_for_update(of=("self",)).get(pk=distribution_id)
    if distribution.state not in (*RUNNING, DistributionState.COMPLETED):
        raise ControlError("This distribution was cancelled, so nothing more is sent.")
    if distribution.state == DistributionState.COMPLETED:
        distribution.state = DistributionState.SENDING
        distribution.completed_at, distribution.pause_cause = None, ""
    assert distribution.window_end is not None  # it was opened once
    distribution.window_end = max(distribution.window_end, until)
    distribution.save(update_fields=["state", "completed_at", "pause_cause", "window_end"])


def cancel(distribution_id: int, *, reason: str, now: datetime) -> int:
    """Skip every unsent delivery; how many those are. Calls under way are still settled, and who
    is not frozen yet is skipped when their slice comes."""
    rows = Distribution.objects.filter(pk=distribution_id, state__in=[*UNBEGUN, *RUNNING])
    with transaction.atomic():
        # Paused first and for good: a claim that runs now commits before or finds nothing.
        if not rows.update(state=DistributionState.CANCELLED, state_reason=reason[:200]):
            raise ControlError("This distribution has already ended and can't be cancelled.")
        rollup_marks.mark_changed([distribution_id], now=now)
        emit_state_event(EventKind.DISTRIBUTION_CANCELLED, distribution_id, now)
        if Distribution.objects.filter(pk=distribution_id, kind=Kind.DAILY).exists():
            mornings.tell(distribution_id, mornings.FAILED)
    incidents.close_alert(AlertRule.DISTRIBUTION_PAUSED, distribution_id, now=now)
    left_out = to_come(distribution_id)
    return left_out + deliveries.skip_waiting(distribution_id, DeliveryReason.CANCELLED)


def wake_backups(distribution: Distribution, now: datetime) -> None:
    """Have the pool wake backups if the active numbers cannot send what waits in time."""
    if distribution.sla_deadline is not None:
        unsent = _waiting_lately(distribution, now)
        health.ensure_capacity(unsent, until=distribution.sla_deadline, now=now)


def wake_all_backups(now: datetime) -> None:
    """For all that are sending, at once: the regular check would do it some seconds later."""
    for distribution in Distribution.objects.sending():
        wake_backups(distribution, now)


def sending_by(portfolio_id: int | None) -> list[int]:
    """Distributions that send with numbers of this portfolio; None: all that send."""
    sending = Distribution.objects.sending()
    if portfolio_id is not None and Portfolio.objects.exclude(pk=portfolio_id).exists():
        sent = Delivery.objects.filter(distribution=OuterRef("pk"), number__portfolio=portfolio_id)
        sending = sending.filter(Exists(sent))
    return list(sending.values_list("pk", flat=True))


def waiting(distribution_id: int) -> int:
    """People who have not been written to yet."""
    rows = Delivery.objects.filter(distribution_id=distribution_id)
    unsent = rows.filter(state__in=[State.PENDING, State.RETRY_WAIT, State.CLAIMED]).count()
    return unsent + to_come(distribution_id)


def _waiting_lately(distribution: Distribution, now: datetime) -> int:
    """The same a few seconds ago, of a large distribution: backups are woken a little early."""
    if not shared_counts.is_large(distribution):
        return waiting(distribution.pk)
    counted = shared_counts.read(distribution, now=now)
    return counted.count(State.PENDING, State.RETRY_WAIT, State.CLAIMED)


def to_come(distribution_id: int) -> int:
    """People of the audience whose slice is not frozen yet."""
    rows = Preparation.objects.filter(distribution=distribution_id, distribution__preparing=True)
    left = rows.aggregate(people=Sum(F("distribution__recipients") - F("frozen")))["people"]
    return max(0, left or 0)


def emit_state_event(kind: EventKind, distribution_id: int, now: datetime, **more: Any) -> None:
    """The event of its new state for other systems; call it in the transaction that changed it."""
    distribution = Distribution.objects.get(pk=distribution_id)
    outbox.distribution(kind, distribution, now=now, **more)
