"""Which subscribers a webhook is about: by the phone, WhatsApp's spelling of it, or the user id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q

from subscribers.identity.spellings import spellings
from subscribers.models import Subscriber, WhatsAppIdentity


class Contact(NamedTuple):
    """How WhatsApp names a person: by a phone, a user id or both; '' for what it does not tell."""

    phone: str  # E.164
    user_id: str = ""
    portfolio_id: str = ""  # Meta's id of the portfolio that the user id belongs to


@dataclass(frozen=True, slots=True)
class Match:
    """The subscribers that a contact is."""

    subscriber_ids: tuple[int, ...]
    # One person for certain. Otherwise several rows may be the same person, or the person has a
    # number that we do not know: enough to stop messages, not to start them.
    certain: bool
    by_phone: bool  # else by the user id alone


def find(contacts: Collection[Contact]) -> dict[Contact, Match]:
    """The subscribers of these contacts; those of nobody are left out.

    One statement for phones that are stored as WhatsApp spells them, a second for the rest. Who has
    exactly the phone comes first, then who is known to WhatsApp by it, then who has it in another
    spelling, then who has the user id.
    """
    stored = _by_stored_phone(contacts)
    found, rest = {}, []
    for contact in contacts:
        if contact.phone in stored:
            found[contact] = Match((stored[contact.phone],), certain=True, by_phone=True)
        else:
            rest.append(contact)
    if rest:
        learnt = _Learnt(rest)
        for contact in rest:
            if match := _match(contact, stored, learnt):
                found[contact] = match
    return found


def known_by_wa_id(phones: Iterable[str]) -> dict[str, int]:
    """Subscribers by phone (E.164) of these that WhatsApp calls by it while another one is stored;
    those who are several are left out."""
    owners: dict[str, set[int]] = defaultdict(set)
    rows = WhatsAppIdentity.objects.filter(wa_id__in=[phone[1:] for phone in phones])
    for wa_id, pk, stored in rows.values_list("wa_id", "subscriber_id", "subscriber__phone"):
        if stored[1:] != wa_id:
            owners[f"+{wa_id}"].add(pk)
    return {phone: pks.pop() for phone, pks in owners.items() if len(pks) == 1}


def _by_stored_phone(contacts: Iterable[Contact]) -> dict[str, int]:
    """Subscribers by phone, of every spelling of these contacts' phones."""
    phones = {
        spelling for contact in contacts if contact.phone for spelling in spellings(contact.phone)
    }
    if not phones:
        return {}
    return dict(Subscriber.objects.filter(phone__in=phones).values_list("phone", "pk"))


class _Learnt:
    """What is known of the WhatsApp ids and the user ids of these contacts."""

    def __init__(self, contacts: Iterable[Contact]) -> None:
        self.by_wa_id: dict[str, set[int]] = defaultdict(set)
        self.by_user_id: dict[tuple[str, str], int] = {}  # portfolio, user id
        self.moved: dict[tuple[str, str], set[int]] = defaultdict(set)
        wa_ids = {contact.phone[1:] for contact in contacts if contact.phone}
        user_ids = {contact.user_id for contact in contacts if contact.user_id}
        rows = WhatsAppIdentity.objects.filter(
            Q(wa_id__in=wa_ids) | Q(user_id__in=user_ids) | Q(moved_user_id__in=user_ids)
        )
        for pk, portfolio, user_id, wa_id, moved_to in rows.values_list(
            "subscriber_id", "portfolio_id", "user_id", "wa_id", "moved_user_id"
        ):
            self.by_wa_id[wa_id].add(pk)
            self.by_user_id[portfolio, user_id] = pk
            self.moved[portfolio, moved_to].add(pk)


def _match(contact: Contact, stored: Mapping[str, int], learnt: _Learnt) -> Match | None:
    if contact.phone:
        known = learnt.by_wa_id.get(contact.phone[1:]) or {
            stored[spelling] for spelling in spellings(contact.phone) if spelling in stored
        }
        if known:
            return Match(tuple(sorted(known)), certain=len(known) == 1, by_phone=True)
    if not contact.user_id:
        return None
    # A portfolio may have been recorded without its id when the user id was learnt.
    for key in ((contact.portfolio_id, contact.user_id), ("", contact.user_id)):
        if key in learnt.by_user_id:
            return Match((learnt.by_user_id[key],), certain=True, by_phone=False)
        if moved := learnt.moved.get(key):
            return Match(tuple(sorted(moved)), certain=False, by_phone=False)
    return None
