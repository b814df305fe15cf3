"""What people say and do: STOP and START in any form. No webhook starts a message."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from distribution.alerts import moved_people, unmatched_opt_outs
from distribution.outcomes.status_reports import NamedRecipient
from subscribers.consent import kept_preferences
from subscribers.consent.kept_preferences import Link
from subscribers.consent.preferences import apply_preferences
from subscribers.consent.suppressions import Preference
from subscribers.identity import matching, moves
from subscribers.identity.learning import Told
from subscribers.identity.matching import Contact
from subscribers.people import replies
from subscribers.people.replies import Said
from webhooks.applying import keywords
from webhooks.applying.events import Event, Inbound, PersonMoved, PreferenceChanged

log = logging.getLogger(__name__)

NO_REPLY = frozenset(("reaction", "unsupported", ""))  # nothing to read


def apply(events: Sequence[Event], portfolios: Mapping[str, str], *, now: datetime) -> Counter[str]:
    """Apply what comes from people; `portfolios` are by the number that it came through.

    Events of a person apply in any order. Returns how many had no effect, by reason.
    """
    preferences, moved = [], []
    for event in events:
        if isinstance(event, PersonMoved):
            moved.append(event)
        elif isinstance(event, Inbound | PreferenceChanged):
            portfolio_id = portfolios.get(event.number, "")
            preferences += _preferences(event, portfolio_id)
    _learn_senders(events, portfolios, now)
    _note_moves(moved, portfolios, now)
    _keep_replies(events, portfolios)
    unknown = apply_preferences(preferences, now=now)
    if unknown and not all(item.phone for item in preferences):
        unmatched_opt_outs.refresh(now)
    return Counter(unknown_person=len(unknown))


def learn_recipients(named: Iterable[tuple[NamedRecipient, str]], *, now: datetime) -> None:
    """Record what statuses tell of their recipients, with the portfolio each came through."""
    kept_preferences.learn(
        (
            Told(
                recipient.subscriber_id,
                recipient.phone,
                portfolio_id,
                recipient.report.wa_id,
                recipient.report.user_id,
                recipient.report.at,
            )
            for recipient, portfolio_id in named
        ),
        now=now,
    )


def _learn_senders(events: Iterable[Event], portfolios: Mapping[str, str], now: datetime) -> None:
    """Record the user ids of people who write or choose under a phone that we know."""
    pairs = {
        Contact(event.phone, event.user_id, portfolios.get(event.number, "")): event.at
        for event in events
        if isinstance(event, Inbound | PreferenceChanged) and event.phone and event.user_id
    }
    if pairs:
        kept_preferences.learn_senders(pairs, now=now)


def _note_moves(moved: Sequence[PersonMoved], portfolios: Mapping[str, str], now: datetime) -> None:
    """Note who has a new number, and tell staff; what was said under the new user id counts."""
    names = {
        event: Contact(event.phone, event.user_id, portfolios.get(event.number, ""))
        for event in moved
    }
    matches = matching.find(set(names.values())) if names else {}
    links = []
    for event, name in names.items():
        for pk in matches[name].subscriber_ids if name in matches else ():
            portfolio_id, new_user_id = name.portfolio_id, event.new_user_id
            moves.note(pk, portfolio_id, new_user_id=new_user_id, at=event.at, now=now)
            links.append(Link(pk, portfolio_id, new_user_id, certain=False))
            log.warning("subscriber %s told WhatsApp of a new number: ask for it", pk)
    if links:
        kept_preferences.apply_kept(links, now=now)
        moved_people.refresh(now)


def _keep_replies(events: Iterable[Event], portfolios: Mapping[str, str]) -> None:
    """Keep what people whom we know write, except STOP and START: those are their consent."""
    said = {
        event: Contact(event.phone, event.user_id, portfolios.get(event.number, ""))
        for event in events
        if isinstance(event, Inbound)
        and event.message_id
        and event.message_type not in NO_REPLY
        and keywords.parse_opt(event.said, event.chosen) is None
    }
    if not said:
        return
    matches = matching.find(set(said.values()))
    replies.keep(
        Said(pk, event.message_id, event.at, event.message_type, event.said or _label(event.chosen))
        for event, who in said.items()
        if who in matches
        for pk in matches[who].subscriber_ids
    )


def _label(chosen: Sequence[str]) -> str:
    """What the button said; its payload is ours."""
    return chosen[-1] if chosen else ""


def _preferences(event: Inbound | PreferenceChanged, portfolio_id: str) -> list[Preference]:
    """The preference that the event states, if any."""
    if isinstance(event, Inbound):
        wants = keywords.parse_opt(event.said, event.chosen)
        if wants is None:
            return []
        source, evidence = f"whatsapp:{'START' if wants else 'STOP'}", event.message_id
    else:
        wants, value = event.wants, "resume" if event.wants else "stop"
        source, evidence = "whatsapp:switch", f"{value} {event.at.timestamp():.0f}"
    person = (event.phone, wants, source, evidence, event.at)
    return [Preference(*person, user_id=event.user_id, portfolio_id=portfolio_id)]
