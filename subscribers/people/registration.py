"""Register one subscriber with the evidence of consent, unless an earlier STOP outranks it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from masking.phones import mask_phone
from subscribers.consent import decisions, erased_phones, suppressions
from subscribers.consent.decisions import Decision, Kind
from subscribers.identity import locks, matching
from subscribers.identity.matching import Contact
from subscribers.models import Subscriber


class Known(NamedTuple):
    """The subscriber whose phone it is, perhaps in another spelling."""

    subscriber_id: int
    phone: str


class AlreadyHere(Exception):  # noqa: N818  # reads as what it is
    """The phone is a subscriber's already."""

    def __init__(self, known: Known) -> None:
        super().__init__(
            _("This phone number already belongs to subscriber %(id)s (%(phone)s). Edit that one.")
            % {"id": known.subscriber_id, "phone": mask_phone(known.phone)}
        )
        self.subscriber_id = known.subscriber_id


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
        raise Erased("This person asked to be erased. Only their own START can bring them back.")
    try:
        with transaction.atomic():
            if known := find_known(phone):
                raise AlreadyHere(known)
            person = Subscriber.objects.create(
                phone=phone, created_at=now, updated_at=now, **details
            )
            record_first_consent(person, source=source, notice=notice, actor=actor, now=now)
    except IntegrityError:
        if (known := find_known(phone)) is None:
            raise
        raise AlreadyHere(known) from None
    person.refresh_from_db()
    return person


def find_known(phone: str) -> Known | None:
    """Who has this phone (E.164), in whatever spelling and however WhatsApp calls them.

    Inside a transaction nobody adds it in another spelling before that ends.
    """
    locks.lock_spellings([phone])
    match = matching.find([Contact(phone)]).get(Contact(phone))
    if match is None:
        return None
    person = Subscriber.objects.get(pk=match.subscriber_ids[0])
    return Known(person.pk, person.phone)


def record_first_consent(
    person: Subscriber,
    *,
    source: str,
    actor: str,
    now: datetime,
    notice: str = "",
    evidence: str = "",
) -> bool:
    """Record the first decision about a new subscriber: consent, or an earlier STOP of the phone.

    False when that STOP keeps them unsubscribed.
    """
    stop = suppressions.find_suppressed([person.phone]).get(person.phone)
    if stop is not None:
        first = decisions.decision_of_suppression(person.pk, stop)
    else:
        first = Decision(
            person.pk, Kind.OPT_IN, source, now, evidence=evidence, notice=notice, actor=actor
        )
    decisions.record([first], now=now)
    return stop is None
