"""Late proof that a message went out twice: recorded, alerted, never hidden."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger.evidence import Conflict
from distribution.models import Certainty, Duplicate, State

PROVEN = (State.ACCEPTED, State.HELD)


@dataclass(frozen=True, slots=True)
class Double:
    """A word about one message of a delivery, while another may be, or is, with WhatsApp."""

    delivery_id: int
    earlier_attempt: str
    earlier_wamid: str
    later_attempt: str
    later_wamid: str
    proven: bool  # the later one, too


def record(doubles: Iterable[Double], *, now: datetime) -> None:
    """Write down and alert each; a suspicion may become certainty, never the other way."""
    for double in doubles:
        certainty = Certainty.CONFIRMED if double.proven else Certainty.SUSPECT
        row, new = Duplicate.objects.get_or_create(
            delivery_id=double.delivery_id,
            defaults={
                "certainty": certainty,
                "earlier_attempt": double.earlier_attempt,
                "earlier_wamid": double.earlier_wamid,
                "later_attempt": double.later_attempt,
                "later_wamid": double.later_wamid,
                "found_at": now,
            },
        )
        if not new and double.proven:
            _confirm(row, double.later_wamid)
        _tell(double.delivery_id, certainty if new or double.proven else row.certainty, now)


def confirm_suspects(now: datetime) -> int:
    """Suspicions whose later message is proven by now; how many."""
    suspects = Duplicate.objects.filter(
        certainty=Certainty.SUSPECT, delivery__state__in=PROVEN
    ).select_related("delivery")
    for row in suspects:
        _confirm(row, row.delivery.wamid or "")
        _tell(row.delivery_id, Certainty.CONFIRMED, now)
    return len(suspects)


def _confirm(row: Duplicate, later_wamid: str) -> None:
    suspected = Duplicate.objects.filter(pk=row.pk, certainty=Certainty.SUSPECT)
    suspected.update(certainty=Certainty.CONFIRMED, later_wamid=row.later_wamid or later_wamid)


def _tell(delivery_id: int, certainty: str, now: datetime) -> None:
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
            message=f"WhatsApp reported an earlier message of delivery {delivery_id} while a "
            "later one is out: it may have been sent twice.",
            now=now,
        )


def tell_conflicts(conflicts: Iterable[Conflict], *, now: datetime) -> None:
    """Alert each: two calls and one message, so one of the two people may have got nothing."""
    for conflict in conflicts:
        incidents.raise_alert(
            AlertRule.MESSAGE_ID_CONFLICT,
            conflict.delivery_id,
            message=f"WhatsApp answered for delivery {conflict.delivery_id} with the message id of "
            f"delivery {conflict.owner_id}, which keeps it. One of the two may have got nothing: "
            "wait for their reports, and ask Meta.",
            now=now,
        )
