"""Typed events → their effect, in bulk. Applying them twice, or in another order, changes nothing
more. No webhook ever starts a send: statuses, preferences and notices only stop, slow or record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from distribution.content import preflight_messages, setup_messages
from distribution.cost import staff_messages
from distribution.outcomes import status_reports
from distribution.outcomes.restored_attempts import match_restored_attempts
from phonepool.models import PhoneNumber
from phonepool.numbers import accounts
from phonepool.numbers.accounts import OwnAccounts
from subscribers.consent import reachability
from webhooks import metrics
from webhooks.applying import failures, notices, people
from webhooks.applying.events import (
    AccountEvent,
    Event,
    ParsedWebhook,
    Status,
    Trouble,
)

Kind = TypeVar("Kind")


@dataclass(slots=True)
class WebhookCounts:
    """What is counted about one webhook beside its effects."""

    unmatched: int = 0  # statuses of messages that are not known here
    parked: int = 0  # items of phone numbers that are not in the pool
    foreign: int = 0  # notices about accounts that are not ours
    nameless: bool = False  # an unmatched status may match later, by its message id

    @property
    def not_ours(self) -> int:
        return self.parked + self.foreign

    def add(self, others: WebhookCounts) -> None:
        """Add the counts of other events of the same webhook."""
        self.unmatched += others.unmatched
        self.parked += others.parked
        self.foreign += others.foreign
        self.nameless |= others.nameless


@dataclass(slots=True)
class ItemCounts:
    """Items of several webhooks, by what they were, or why they had no effect."""

    applied: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, others: ItemCounts) -> None:
        self.applied += others.applied
        self.left_out += others.left_out

    def save(self) -> None:
        metrics.count(self.applied, +self.left_out)


@dataclass(slots=True)
class Bundle:
    """The events of several webhooks, and from which of them each came."""

    counts: dict[int, WebhookCounts] = field(default_factory=dict)
    events: list[tuple[int, Event]] = field(default_factory=list)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for _, event in self.events if isinstance(event, kind)]


def apply(
    webhooks: Mapping[int, ParsedWebhook], *, now: datetime, items: ItemCounts | None = None
) -> dict[int, WebhookCounts]:
    """Apply the events of some webhooks, by any keys; counts for each key.

    A handful of statements for all together. Call it inside a transaction. The counts of items are
    saved too, unless `items` collects them: their rows are the same in every transaction.
    """
    rows = PhoneNumber.objects.values_list("meta_id", "pk", "portfolio__business_id")
    numbers = {meta_id: pk for meta_id, pk, _ in rows}
    portfolios = {meta_id: business_id for meta_id, _, business_id in rows}
    own = _own_accounts(webhooks.values())
    bundle = _bundle_ours(webhooks, numbers, own)
    _apply_statuses(bundle, numbers, portfolios, now)
    left_out = notices.apply([event for _, event in bundle.events], own, now=now)
    left_out += failures.apply_errors(bundle.of(Trouble), numbers, now=now)
    left_out += people.apply([event for _, event in bundle.events], portfolios, now=now)
    _count(bundle, webhooks.values(), left_out, items)
    return bundle.counts


def _own_accounts(webhooks: Iterable[ParsedWebhook]) -> OwnAccounts:
    """Read from the database only if an event is about an account."""
    events = (event for parsed in webhooks for event in parsed.events)
    is_needed = any(_account_of(event) for event in events)
    return accounts.own_accounts() if is_needed else OwnAccounts({}, "")


def _bundle_ours(
    webhooks: Mapping[int, ParsedWebhook], numbers: Mapping[str, int], own: OwnAccounts
) -> Bundle:
    """All events but those of numbers and accounts that are not ours: of another system on the
    same app."""
    bundle = Bundle()
    for key, parsed in webhooks.items():
        counts = bundle.counts[key] = WebhookCounts()
        for event in parsed.events:
            number = getattr(event, "number", "")
            if number and number not in numbers:
                counts.parked += 1
            elif own.is_foreign(_account_of(event)):
                counts.foreign += 1
            else:
                bundle.events.append((key, event))
    return bundle


def _account_of(event: Event) -> str:
    """The account that an event is about, if it is not about a number."""
    if isinstance(event, AccountEvent) or (isinstance(event, Trouble) and not event.number):
        return event.account
    return ""


# --- statuses -----------------------------------------------------------------------------------


def _apply_statuses(
    bundle: Bundle, numbers: Mapping[str, int], portfolios: Mapping[str, str], now: datetime
) -> None:
    statuses = [(key, event) for key, event in bundle.events if isinstance(event, Status)]
    if not statuses:
        return
    applied = status_reports.apply_reports([event.report for _, event in statuses], now=now)
    if applied.unmatched:
        match_restored_attempts(applied, now=now)
        senders = {id(event.report): event.number for _, event in statuses}
        tests = [report for report in applied.unmatched if report.attempt is None]
        setup_messages.note_reports(tests, now=now)
        preflight_messages.note_reports(tests, now=now)
        staff_messages.note_reports(
            [(test, numbers.get(senders[id(test)])) for test in tests if test.mark]
        )
    sources = {id(event.report): key for key, event in statuses}
    for report in applied.unmatched:
        counts = bundle.counts[sources[id(report)]]
        counts.unmatched += 1
        counts.nameless |= report.attempt is None
    if applied.reached:
        reachability.report_reached(applied.reached, now=now)
    failures.apply(applied, now=now)
    if applied.named:
        senders = {id(event.report): event.number for _, event in statuses}
        people.learn_recipients(
            [(named, portfolios.get(senders[id(named.report)], "")) for named in applied.named],
            now=now,
        )


# --- counts -------------------------------------------------------------------------------------


def _count(
    bundle: Bundle,
    webhooks: Iterable[ParsedWebhook],
    left_out: Counter[str],
    items: ItemCounts | None,
) -> None:
    for parsed in webhooks:
        left_out += parsed.skipped
    left_out["foreign_number"] += sum(counts.parked for counts in bundle.counts.values())
    left_out["foreign_account"] += sum(counts.foreign for counts in bundle.counts.values())
    left_out["unmatched_status"] += sum(counts.unmatched for counts in bundle.counts.values())
    found = ItemCounts(Counter(_kind_of(event) for _, event in bundle.events), left_out)
    if items is None:
        found.save()
    else:
        items.add(found)


def _kind_of(event: Event) -> str:
    return event.report.status if isinstance(event, Status) else type(event).__name__
