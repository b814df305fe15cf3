"""STOP and START from phones, known or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from subscribers.consent import suppressions
from subscribers.consent.decisions import Decision, Kind, in_chunks, record
from subscribers.consent.suppressions import Preference
from subscribers.models import Subscriber


def apply_preferences(items: Sequence[Preference], *, now: datetime) -> list[str]:
    """Many STOP and START at once, in any order; returns the phones of no subscriber.

    The suppressions of those are kept until a subscriber has the phone.
    """
    unknown: list[str] = []
    for chunk in in_chunks(items):
        known = Subscriber.objects.filter(phone__in={item.phone for item in chunk})
        ids = dict(known.values_list("phone", "pk"))
        decisions = []
        for item in chunk:
            if item.phone in ids:
                kind = Kind.OPT_IN if item.wants else Kind.OPT_OUT
                decision = Decision(ids[item.phone], kind, item.source, item.at, item.evidence)
                decisions.append(decision)
            else:
                suppressions.remember(item, now=now)
                unknown.append(item.phone)
        record(decisions, now=now)
    return unknown
