"""Erasure of one person from the ledger; the deliveries stay, for the sums, and as evidence.

Message ids contain the number: in their place stands a keyed hash, by which a late report is still
matched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from distribution.ledger.hidden_ids import hide_message_ids
from distribution.models import (
    Alert,
    Approval,
    Attempt,
    Delivery,
    Distribution,
    DraftStep,
    Duplicate,
    EventDelivery,
    KeptAnswer,
    Ladder,
    Notification,
    OutgoingEvent,
    RotationChange,
    State,
    TemplateDraft,
    Verdict,
)
from distribution.models.deliveries import UNSETTLED
from subscribers.consent.erased_phones import opaque_id
from subscribers.people.personal_data import (
    Place,
    erase_sealed,
    linked_rows,
    mentions,
    sealed_texts,
    texts_place,
)
from subscribers.people.traces import Person

OF_DELIVERY = "delivery__subscriber"  # of a row about a delivery: whose it is
REPORTS_EXPECTED_FOR = timedelta(days=1)  # after acceptance


def objection(subscriber_id: int, now: datetime) -> str:
    """Why the phone cannot be removed yet, or an empty text: reports must still find their rows."""
    deliveries = Delivery.objects.filter(subscriber_id=subscriber_id)
    if deliveries.filter(state__in=UNSETTLED).exists():
        return "A message to this person is on its way. Erase them when the distribution has ended."
    recent = now - REPORTS_EXPECTED_FOR
    if deliveries.filter(state=State.ACCEPTED, accepted_at__gte=recent).exists():
        return "WhatsApp may still report on a message of the last 24 hours. Erase them tomorrow."
    return ""


def _erase_deliveries(person: Person, blank: str) -> None:
    theirs = Delivery.objects.filter(subscriber_id=person.pk)
    theirs.exclude(phone=blank).update(phone=blank)
    hide_message_ids(theirs.exclude(wamid=None).only("pk", "wamid"))


def _erase_duplicates(person: Person, _blank: str) -> None:
    for row in Duplicate.objects.filter(delivery__subscriber=person.pk):
        row.earlier_wamid = opaque_id(row.earlier_wamid) if row.earlier_wamid else ""
        row.later_wamid = opaque_id(row.later_wamid) if row.later_wamid else ""
        row.save(update_fields=["earlier_wamid", "later_wamid"])


def _erase_attempts(person: Person, _blank: str) -> None:
    erase_sealed(Attempt.objects.filter(delivery__subscriber=person.pk), person, ("details",))


def _erase_verdicts(person: Person, _blank: str) -> None:
    mine = Verdict.objects.filter(delivery__subscriber=person.pk)
    erase_sealed(mine, person, ("reason", "evidence"))


def _erase_answers(person: Person, _blank: str) -> None:
    """Kept for two days: those about the person, or that name them anywhere."""
    about = Q(location__endswith=address_end(person.pk))
    for needle in {*person.phones, *(phone[1:] for phone in person.phones), *person.names}:
        about |= Q(body__contains=needle) | Q(key__contains=needle)
    KeptAnswer.objects.filter(about).delete()
    for needle in person.needles:
        for row in KeptAnswer.objects.filter(Q(body__contains=needle) | Q(key__contains=needle)):
            if person.is_named_in(row.body) or person.is_named_in(row.key):
                row.delete()


def address_end(pk: int) -> str:
    """How the address of one subscriber in the API ends. Workers load no routes to ask for it."""
    return f"/subscribers/{pk}"


def _held_deliveries(person: Person) -> list[dict[str, Any]]:
    """Every message, with its day and what WhatsApp reported of it."""
    rows = Delivery.objects.filter(subscriber_id=person.pk).order_by("pk")
    columns = ("id", "distribution__local_date", *_columns_of(Delivery))
    return list(map(dict, rows.values(*columns)))


def _columns_of(model: Any) -> list[str]:
    inner = ("id", "claim_token", "lease_until", "batch_no")
    return [field.attname for field in model._meta.local_fields if field.attname not in inner]


def _held_answers(person: Person) -> list[dict[str, Any]]:
    rows = KeptAnswer.objects.filter(location__endswith=address_end(person.pk)).order_by("pk")
    return list(map(dict, rows.values("created_at", "status", "body", "location")))


PLACES = (
    Place("distribution_delivery", _erase_deliveries, _held_deliveries),
    Place("distribution_duplicate", _erase_duplicates, linked_rows(Duplicate, OF_DELIVERY)),
    Place("distribution_attempt", _erase_attempts, linked_rows(Attempt, OF_DELIVERY)),
    Place("distribution_verdict", _erase_verdicts, linked_rows(Verdict, OF_DELIVERY)),
    Place("distribution_keptanswer", _erase_answers, _held_answers),
    texts_place(Alert.objects.all(), ("message",)),
    texts_place(Ladder.objects.all(), ("reason",)),
    Place(
        "distribution_approval",
        sealed_texts("distribution.Approval", ("reason",)),
        mentions(Approval.objects.all(), ("reason",)),
    ),
    Place(
        "distribution_rotationchange",
        sealed_texts("distribution.RotationChange", ("reason",)),
        mentions(RotationChange.objects.all(), ("reason",)),
    ),
    Place(
        "distribution_draftstep",
        sealed_texts("distribution.DraftStep", ("reason",)),
        mentions(DraftStep.objects.all(), ("reason",)),
    ),
    texts_place(TemplateDraft.objects.all(), (), ("changes",)),
    texts_place(Distribution.objects.all(), ("state_reason", "again_reason")),
    texts_place(OutgoingEvent.objects.all(), (), ("data",)),
    texts_place(EventDelivery.objects.all(), ("error",)),
    texts_place(Notification.objects.all(), ("subject", "text", "error")),
)
