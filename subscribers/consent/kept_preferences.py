"""STOP and START that were kept for an id of nobody apply once it is known whose the id is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import transaction

from subscribers.consent.decisions import Decision, Kind, record
from subscribers.identity import learning, matching
from subscribers.identity.learning import Told
from subscribers.identity.matching import Contact
from subscribers.key_lists import Among
from subscribers.models import Subscriber, Suppression


class Link(NamedTuple):
    """An id of a subscriber. Of one that is not `certain` only STOP applies."""

    subscriber_id: int
    portfolio_id: str
    user_id: str = ""
    wa_id: str = ""
    certain: bool = True


def learn(told: Iterable[Told], *, now: datetime) -> set[int]:
    """Record what WhatsApp calls these subscribers, and what they said under ids that are new;
    returns those whose status changed by it. No statement if nothing is new to this process.
    """
    new = learning.learn(told, now=now)
    links = [Link(item.subscriber_id, item.portfolio_id, item.user_id, item.wa_id) for item in new]
    return apply_kept(links, now=now)


def learn_senders(pairs: Mapping[Contact, datetime], *, now: datetime) -> set[int]:
    """The same for people who wrote at these times; those of no subscriber are left out."""
    unseen = {contact: at for contact, at in pairs.items() if not learning.is_seen(contact)}
    if not unseen:
        return set()
    matches = matching.find(unseen)
    owners = {
        contact: match.subscriber_ids[0]
        for contact, match in matches.items()
        if match.certain and match.by_phone
    }
    rows = Subscriber.objects.filter(pk__in=set(owners.values()))
    phones = dict(rows.values_list("pk", "phone"))
    told = [
        Told(pk, phones[pk], name.portfolio_id, name.phone[1:], name.user_id, unseen[name])
        for name, pk in owners.items()
    ]
    transaction.on_commit(partial(learning.remember, owners))
    return learn(told, now=now)


def apply_kept(links: Collection[Link], *, now: datetime) -> set[int]:
    """Apply what was kept for these ids; returns the ids of subscribers whose status changed.

    What was kept for a user id is not kept any longer; for a phone it is, like every opt-out of a
    phone that is not stored as a subscriber's.
    """
    if not links:
        return set()
    with transaction.atomic():
        kept = _find_kept(links)
        decisions, used = [], []
        for link in links:
            for row in _of(link, kept):
                if row.holds or link.certain:
                    kind = Kind.OPT_OUT if row.holds else Kind.OPT_IN
                    decisions.append(
                        Decision(link.subscriber_id, kind, row.source, row.at, row.evidence)
                    )
                    used.append(row.pk)
        changed = record(decisions, now=now) if decisions else set()
        if used:
            Suppression.objects.filter(pk__in=used, phone=None).delete()
    return changed


def match_again(*, now: datetime) -> None:
    """Apply what is kept for user ids that are known by now: one may have been learnt by another
    process in the moment in which the preference was kept."""
    rows = Suppression.objects.exclude(user_id=None).values_list("user_id", "portfolio_id")
    contacts = {Contact("", user_id or "", portfolio_id) for user_id, portfolio_id in rows}
    links = [
        Link(pk, contact.portfolio_id, contact.user_id, certain=match.certain)
        for contact, match in matching.find(contacts).items()
        for pk in match.subscriber_ids
    ]
    apply_kept(links, now=now)


class _Kept(NamedTuple):
    by_user_id: dict[str, list[Suppression]]
    by_phone: dict[str, Suppression]


def _find_kept(links: Iterable[Link]) -> _Kept:
    user_ids = {link.user_id for link in links if link.user_id}
    phones = {f"+{link.wa_id}" for link in links if link.wa_id}
    kept = _Kept(defaultdict(list), {})
    by_user_id = Suppression.objects.filter(Among("user_id", user_ids)) if user_ids else ()
    by_phone = Suppression.objects.filter(Among("phone", phones)) if phones else ()
    for row in by_user_id:
        if row.user_id:
            kept.by_user_id[row.user_id].append(row)
    for row in by_phone:
        if row.phone:
            kept.by_phone[row.phone] = row
    if kept.by_phone:  # who has exactly the phone comes first
        taken = Subscriber.objects.filter(phone__in=kept.by_phone).values_list("phone", flat=True)
        for phone in taken:
            del kept.by_phone[phone]
    return kept


def _of(link: Link, kept: _Kept) -> Iterator[Suppression]:
    for row in kept.by_user_id.get(link.user_id, ()):
        # Either may have been recorded before the portfolio's id was known.
        if row.portfolio_id == link.portfolio_id or not (row.portfolio_id and link.portfolio_id):
            yield row
    if phone := kept.by_phone.get(f"+{link.wa_id}"):
        yield phone
