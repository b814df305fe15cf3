"""STOP and START from people, known or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from subscribers.consent import suppressions
from subscribers.consent.decisions import Decision, Kind, in_chunks, record
from subscribers.consent.suppressions import Preference
from subscribers.identity import matching
from subscribers.identity.matching import Match
from subscribers.models import Subscriber
from subscribers.phones import BLANK_PREFIX


def apply_preferences(items: Sequence[Preference], *, now: datetime) -> list[str]:
    """Many STOP and START at once, in any order; returns the phones, or else user ids, of no
    subscriber.

    They are kept as suppressions until a subscriber has the phone or is known to have the user id.
    """
    unknown: list[str] = []
    for chunk in in_chunks(items):
        matches = matching.find({item.contact for item in chunk})
        decisions: list[Decision] = []
        decided_by: dict[int, list[Preference]] = defaultdict(list)
        for item in chunk:
            match = matches.get(item.contact)
            decided = list(_decisions(item, match)) if match else []
            decisions += decided
            for decision in decided:
                decided_by[decision.subscriber_id].append(item)
            if not decided:
                unknown.append(item.phone or item.user_id)
            # A person with a number that is not stored here: it must not be written to later.
            if not decided or (match and item.phone and not match.by_phone):
                suppressions.remember(item, now=now)
        record(decisions, now=now)
        # Who was removed since the match is nobody: the preference must outlast the row.
        for pk in _removed(decided_by):
            for item in decided_by[pk]:
                suppressions.remember(item, now=now)
    return unknown


def _removed(ids: Collection[int]) -> list[int]:
    rows = Subscriber.objects.filter(pk__in=ids, phone__startswith=BLANK_PREFIX) if ids else []
    return [row.pk for row in rows]


def _decisions(item: Preference, match: Match) -> Iterator[Decision]:
    if item.wants and not match.certain:
        return
    kind = Kind.OPT_IN if item.wants else Kind.OPT_OUT
    for subscriber_id in match.subscriber_ids:
        yield Decision(subscriber_id, kind, item.source, item.at, item.evidence)
