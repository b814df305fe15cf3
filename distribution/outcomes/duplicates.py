"""Evidence that a message went out twice: recorded and alerted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger.attempts.conflicts import Conflict
from distribution.models import Certainty, Delivery, Duplicate, State

PROVEN = (State.ACCEPTED, State.HELD)


@dataclass(frozen=True, slots=True)
class SuspectedDuplicate:
    """A report of one message of a delivery, while another may be, or is, with WhatsApp."""

    delivery_id: int
    earlier_attempt: str
    earlier_wamid: str
    later_attempt: str
    later_wamid: str
    proven: bool  # the later message is proven, too


def record_duplicates(suspected: Iterable[SuspectedDuplicate], *, now: datetime) -> None:
    """Record and alert each. SUSPECT may become CONFIRMED, never the other way."""
    for duplicate in suspected:
        certainty = Certainty.CONFIRMED if duplicate.proven else Certainty.SUSPECT
        row, new = Duplicate.objects.get_or_create(
            delivery_id=duplicate.delivery_id,
            defaults={
                "certainty": certainty,
                "earlier_attempt": duplicate.earlier_attempt,
                "earlier_wamid": duplicate.earlier_wamid,
                "later_attempt": duplicate.later_attempt,
                "later_wamid": duplicate.later_wamid,
                "found_at": now,
            },
        )
        if not new and duplicate.proven:
            _confirm(row, duplicate.later_wamid)
        _alert(duplicate.delivery_id, certainty if new or duplicate.proven else row.certainty, now)


def confirm_suspects(now: datetime) -> int:
    """Confirm suspected duplicates whose later message is proven by now; how many."""
    suspects = {
        row.delivery_id: row for row in Duplicate.objects.filter(certainty=Certainty.SUSPECT)
    }
    if not suspects:
        return 0
    proven = Delivery.objects.filter(pk__in=suspects, state__in=PROVEN).values_list("pk", "wamid")
    for delivery_id, wamid in (confirmed := list(proven)):
        _confirm(suspects[delivery_id], wamid or "")
        _alert(delivery_id, Certainty.CONFIRMED, now)
    return len(confirmed)


def _confirm(row: Duplicate, later_wamid: str) -> None:
    suspected = Duplicate.objects.filter(pk=row.pk, certainty=Certainty.SUSPECT)
    suspected.update(certainty=Certainty.CONFIRMED, later_wamid=row.later_wamid or later_wamid)


def _alert(delivery_id: int, certainty: str, now: datetime) -> None:
    if certainty == Certainty.CONFIRMED:
        incidents.close_alert(AlertRule.DUPLICATE_SUSPECT, delivery_id, now=now)
        incidents.raise_alert(
            AlertRule.DUPLICATE_CONFIRMED,
            delivery_id,
            message=f"WhatsApp accepted two messages for delivery {delivery_id}.",
            now=now,
        )
    else:
        incidents.raise_alert(
            AlertRule.DUPLICATE_SUSPECT,
            delivery_id,
            message=f"WhatsApp reported an earlier message of delivery {delivery_id} after a "
            "later one was sent. The message may have been sent twice.",
            now=now,
        )


def alert_conflicts(conflicts: Iterable[Conflict], *, now: datetime) -> None:
    """Alert each: two calls, one message, so one of two recipients may have received nothing."""
    for conflict in conflicts:
        incidents.raise_alert(
            AlertRule.MESSAGE_ID_CONFLICT,
            conflict.delivery_id,
            message=f"WhatsApp answered for delivery {conflict.delivery_id} with the message ID of "
            f"delivery {conflict.owner_id}, which keeps it. One of the two people may have got "
            "nothing. Wait for their reports, and ask Meta.",
            now=now,
        )
