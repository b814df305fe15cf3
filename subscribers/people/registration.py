"""Register one subscriber with the evidence of consent, unless an earlier STOP outranks it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from subscribers.consent import decisions, erased_phones, suppressions
from subscribers.consent.decisions import Decision, Kind
from subscribers.models import Subscriber


class AlreadyHere(Exception):  # noqa: N818  # reads as what it is
    """The phone is a subscriber's already."""

    def __init__(self, subscriber_id: int) -> None:
        super().__init__("This phone number is a subscriber already.")
        self.subscriber_id = subscriber_id


class Erased(Exception):  # noqa: N818
    """The person asked to be erased: only their own START brings them back."""


def register(
    phone: str,
    details: Mapping[str, Any],
    *,
    source: str,
    notice: str,
    actor: str,
    now: datetime,
) -> Subscriber:
    """A new subscriber with `phone` (E.164); raises AlreadyHere or Erased.

    `source` names the page or API they came by, `notice` where and to what wording they agreed.
    """
    if erased_phones.find_erased([phone]):
        raise Erased("This person asked to be erased: only their own START brings them back.")
    try:
        with transaction.atomic():
            person = Subscriber.objects.create(
                phone=phone, created_at=now, updated_at=now, **details
            )
            record_first_consent(person, source=source, notice=notice, actor=actor, now=now)
    except IntegrityError:
        known = Subscriber.objects.filter(phone=phone).values_list("pk", flat=True).first()
        if known is None:
            raise
        raise AlreadyHere(known) from None
    person.refresh_from_db()
    return person


def record_first_consent(
    person: Subscriber, *, source: str, actor: str, now: datetime, notice: str = ""
) -> bool:
    """Record the first decision about a new subscriber: consent, or an earlier STOP of the phone.

    False when that STOP keeps them unsubscribed.
    """
    stop = suppressions.find_suppressed([person.phone]).get(person.phone)
    if stop is not None:
        first = decisions.decision_of_suppression(person.pk, stop)
    else:
        first = Decision(person.pk, Kind.OPT_IN, source, now, notice=notice, actor=actor)
    decisions.record([first], now=now)
    return stop is None
