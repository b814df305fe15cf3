"""A requested status, as the decisions that lead to it; or why it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from subscribers.consent import decisions as consent
from subscribers.models import ConsentEvent, Erasure, Status, Subscriber
from subscribers.people.pauses import ends_on

Kind = ConsentEvent.Kind
_KINDS = {Status.PAUSED: [Kind.PAUSE], Status.UNSUBSCRIBED: [Kind.OPT_OUT]}
# INVALID cannot be requested: WhatsApp or a file reports it.
SETTABLE_STATUSES = [
    (word.value, word.label) for word in (Status.ACTIVE, Status.PAUSED, Status.UNSUBSCRIBED)
]


class StatusRefused(Exception):  # noqa: N818
    """The consent on record does not allow it; the message says what to do."""


def set_status(
    subscriber_id: int,
    status: Status,
    *,
    reason: str,
    source: str,
    actor: str,
    now: datetime,
    consent_source: str = "",
    resumes_on: date | None = None,
) -> bool:
    """Bring a subscriber to `status`; False when they have it already. Raises StatusRefused.

    An unsubscribed person becomes active only with a `consent_source`: where they agreed again.
    A pause ends by itself on `resumes_on`; giving one that has begun another end replaces it.
    """
    with transaction.atomic():
        rows = Subscriber.objects.select_for_update(no_key=True)
        current = rows.values_list("status", flat=True).get(pk=subscriber_id)
        if current == status and (resumes_on is None or resumes_on == ends_on(subscriber_id)):
            return False
        if status == Status.ACTIVE and Erasure.objects.filter(subscriber=subscriber_id).exists():
            raise StatusRefused("They asked to be erased. Only their own START brings them back.")
        record_kinds(
            [subscriber_id],
            _kinds(status, consent_source),
            reason=reason,
            source=source,
            actor=actor,
            now=now,
            notice=consent_source,
            anew=bool(consent_source),
            resumes_on=resumes_on,
        )
        reached = rows.values_list("status", flat=True).get(pk=subscriber_id)
        if reached != status:  # inside the transaction: rolls back
            raise StatusRefused(_why(Status(reached), consent_source))
    return True


def record_kinds(
    ids: Sequence[int],
    kinds: Sequence[ConsentEvent.Kind],
    *,
    reason: str,
    source: str,
    actor: str,
    now: datetime,
    notice: str = "",
    anew: bool = False,
    resumes_on: date | None = None,
) -> set[int]:
    """Decisions of these kinds for each, the reason as their evidence; returns the changed ids.

    `anew`: a consent given after all that is on record, perhaps in the same second.
    """
    # The moment makes the evidence of each act its own: the same reason may come twice.
    moment = now.isoformat(timespec="microseconds")
    decisions = [
        consent.Decision(
            pk,
            kind,
            source,
            now,
            f"{reason[:150]} ({moment})" if kind == kinds[0] else f"{kind} ({moment})",
            notice=notice if kind == Kind.OPT_IN else "",
            actor=actor,
            exact=anew,
            resumes_on=resumes_on if kind == Kind.PAUSE else None,
        )
        for pk in ids
        for kind in kinds
    ]
    return consent.record(decisions, now=now)


def _kinds(status: Status, consent_source: str) -> list[ConsentEvent.Kind]:
    if status == Status.ACTIVE:
        # Consent counts in whole seconds: alone it would not end a pause of the same second.
        return [Kind.OPT_IN, Kind.RESUME] if consent_source else [Kind.RESUME]
    return _KINDS[status]


def _why(current: Status, consent_source: str) -> str:
    if current == Status.UNSUBSCRIBED and consent_source:
        return "They sent STOP just now. Send the request again in two seconds."
    if current == Status.UNSUBSCRIBED:
        return (
            "They unsubscribed. To message them again, say in consent_source how they consented"
            " again after that."
        )
    return f"They are {current.label.lower()}, and the consent on record keeps them so. Check it."
