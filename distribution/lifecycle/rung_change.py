"""A running distribution takes the next rung of its ladder when Meta refuses its message template.

The change is one UPDATE that names the rung it leaves. Whoever still sends on that rung marks
nothing from then on, since the mark asks for the rung, and what waits in a process is withdrawn. So
the next rung takes only people who certainly received nothing: never in flight, or definitely
refused. Who may have a message, or has one, stays on the rung of that message. A distribution never
goes back within its run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import outbox, rung_rows
from distribution.lifecycle import control, ladder, repetition
from distribution.models import Distribution, DistributionState, EventKind, LadderRung
from phonepool.errors import FAILURES

# Only these say that this template cannot be sent, and another one may: not a fault of the account,
# and not Meta's judgement of all our templates.
CAUSES = frozenset(FAILURES[code].slug for code in (132001, 132015, 132016))

MINUTE = timedelta(minutes=1)


def leave(distribution_id: int, place: int, *, why: str, now: datetime) -> bool:
    """Leave the rung at `place` for the next one that can be sent. True: another one carries on,
    by this call or an earlier one; False: none is left."""
    with transaction.atomic():
        rows = Distribution.objects.select_for_update(of=("self",))
        distribution = rows.select_related("rung", "ladder").get(pk=distribution_id)
        if distribution.place != place:
            return True
        rung = _next(distribution)
        if rung is None or distribution.state != DistributionState.SENDING:
            return False
        _take(distribution, rung, why, now)
    return True


def _next(distribution: Distribution) -> LadderRung | None:
    if distribution.ladder is None:
        return None
    rungs = distribution.ladder.rungs.filter(place__gt=distribution.place, during_run=True)
    rungs = rungs.select_related("content__message_template", "message_template")
    day = distribution.local_date
    return next((rung for rung in rungs if not ladder.objection_to(rung, day)), None)


def _take(distribution: Distribution, rung: LadderRung, why: str, now: datetime) -> None:
    rows = Distribution.objects.sending().filter(pk=distribution.pk, rung=distribution.rung_id)
    if not rows.update(rung=rung):
        return
    distribution.rung = rung
    LadderRung.objects.filter(pk=rung.pk).update(taken_at=now)
    waiting = control.waiting(distribution.pk)
    outbox.distribution(
        EventKind.RUNG_TAKEN,
        distribution,
        now=now,
        rung={
            "place": rung.place,
            "kind": str(rung.kind),
            "content": rung.content_id,
            "message_template": rung.message_template_id,
            "reason": why,
            "waiting": waiting,
        },
    )
    incidents.raise_alert(
        AlertRule.RUNG_TAKEN,
        distribution.pk,
        message=f"{distribution}: {why}. The {waiting:,} people who have received nothing get "
        f"{rung}. Nobody gets two messages.",
        now=now,
    )
    if rung.content_id != distribution.content_id:
        repetition.lock(rung.content)
        repetition.skip_received(distribution, rung.content)
    transaction.on_commit(partial(settle, distribution, now=now))


def settle(distribution: Distribution, *, now: datetime) -> None:
    """Have the refused try again at once, and leave who may have a message to its report. The sweep
    calls it too, for whatever came in after the change, and after a crash."""
    if distribution.rung is not None:
        rung_rows.hasten(distribution.pk, distribution.place, CAUSES, now=now)
        rung_rows.leave_in_doubt(distribution.pk, distribution.place, now=now)


def none_left(distribution_id: int, now: datetime) -> str:
    """That no rung is left, and how much time is, in a sentence for the alert of the pause."""
    distribution = Distribution.objects.get(pk=distribution_id)
    end = distribution.sla_deadline
    if end is None or end <= now:
        end = distribution.window_end
    if end is None or end <= now:
        return "Nothing else on its ladder can be sent."
    return f"Nothing else on its ladder can be sent. Minutes left: {(end - now) // MINUTE}."
