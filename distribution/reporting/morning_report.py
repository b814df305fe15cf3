"""The morning report: what a daily distribution came to, by e-mail and as an event, once.

It is written minutes after the window, when most receipts have come, whatever process does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from distribution.cost import figures as costs
from distribution.ledger import outbox
from distribution.ledger.reasons import explain
from distribution.models import Distribution, EventKind, Kind, NotificationKind, OutgoingEvent
from distribution.models.distributions import ENDED
from distribution.notifications import audience
from distribution.notifications.writing import Message, notify
from distribution.runtime import india_time
from distribution.runtime.text_formats import percent
from distribution.service_level import budget_watch, sla
from distribution.service_level.sla import Shares
from phonepool.models import PhoneEvent

WAIT = timedelta(minutes=2)  # after the window: receipts and costs of the last messages
NOT_LATER = timedelta(hours=12)
CAUSES_SHOWN = 10
ACTIONS = {
    "resting": "numbers rested",
    "woken": "numbers taken back, or backups started",
    "rate_cut": "times the rate of a number was halved",
    "breaker_opened": "numbers stopped after failed calls",
    "breaker_closed": "numbers taken back after failed calls",
    "account_paused": "numbers paused at WhatsApp’s request",
    "disabled": "numbers disabled",
}


@dataclass(frozen=True, slots=True)
class MorningReport:
    """One distribution's result. Shares are 0..1; None: nothing was owed, or not known yet."""

    met: bool | None
    shares: Shares
    recipients: int
    owed: int
    seconds: float | None  # from the planned time to the last acceptance
    failures: Mapping[str, int]  # by reason, the commonest first
    skips: Mapping[str, int]
    actions: Mapping[str, int]  # by kind of phone event
    cost: str | None  # in words; None: not counted yet
    budget_left: float | None

    @property
    def verdict(self) -> str:
        if self.met is None:
            return _("Nobody to send to")
        return _("Service level met") if self.met else _("Service level missed")


def send_due(now: datetime) -> int:
    """Write the reports that are due and not written yet; how many."""
    ended = Distribution.objects.filter(
        kind=Kind.DAILY,
        state__in=ENDED,
        sla_deadline__lte=now - WAIT,
        sla_deadline__gt=now - NOT_LATER,
    )
    written = 0
    for distribution in ended.order_by("pk"):
        once = f"report of distribution {distribution.pk}"
        if not OutgoingEvent.objects.filter(once=once).exists():
            _write(distribution, once, now)
            written += 1
    return written


def _write(distribution: Distribution, once: str, now: datetime) -> None:
    report = compose(distribution, now=now)
    kind = NotificationKind.MORNING_REPORT
    day = f"{distribution.local_date:%a} {distribution.local_date.day} {distribution.local_date:%b}"
    message = Message(
        kind,
        f"{day}: {report.verdict}",
        words(report),
        f"/admin/distribution/distribution/{distribution.pk}/change/",
        once,
    )
    with transaction.atomic():
        outbox.distribution(
            EventKind.MORNING_REPORT, distribution, now=now, once=once, morning=described(report)
        )
        notify(message, audience.allowed(kind), now=now)


def compose(distribution: Distribution, *, now: datetime) -> MorningReport:
    """From what was stored when it ended; a few small queries."""
    results = distribution.results
    shares = sla.stored_shares(distribution)
    last = results.get("last_accepted_at")
    found = budget_watch.read(india_time.local_date(now))
    spent = costs.of_distribution(distribution)
    headline = shares.headline
    return MorningReport(
        met=None if headline is None else headline >= settings.SLA_TARGET,
        shares=shares,
        recipients=distribution.recipients,
        owed=int(results.get("owed", 0)),
        seconds=_seconds(distribution.planned_at, last),
        failures=_commonest(results.get("failures", {})),
        skips=_commonest(results.get("skips", {})),
        actions=_actions(distribution, now),
        cost=None if spent is None else f"{spent.words}, {spent.per_message_words} per message",
        budget_left=found.remaining if found else None,
    )


def _seconds(planned_at: datetime, last: object) -> float | None:
    if not isinstance(last, str):
        return None
    return (datetime.fromisoformat(last) - planned_at).total_seconds()


def _commonest(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(counts).most_common(CAUSES_SHOWN))


def _actions(distribution: Distribution, now: datetime) -> dict[str, int]:
    """What was done to phone numbers by itself while it ran."""
    began, ended = distribution.opened_at or now, distribution.completed_at or now
    kinds = PhoneEvent.objects.filter(at__range=(began, ended), kind__in=ACTIONS)
    return dict(Counter(kinds.values_list("kind", flat=True)).most_common())


def words(report: MorningReport) -> str:
    """The report as a plain text."""
    lines = [
        f"{report.verdict}: {percent(report.shares.accepted)} accepted and "
        f"{percent(report.shares.delivered)} delivered in time.",
        f"Recipients: {report.recipients:,}, of whom {report.owed:,} were owed a message.",
    ]
    if report.seconds is not None:
        lines.append(f"The last message was accepted {report.seconds:,.0f} s after the start.")
    lines.append(f"Cost: {report.cost or 'not counted yet'}.")
    if report.budget_left is not None:
        left = percent(max(0.0, report.budget_left))
        lines.append(f"Error budget of 28 days: {left} left.")
    lines += _listed("Failed", report.failures)
    lines += _listed("Skipped", report.skips)
    if report.actions:
        lines += ["", "Done automatically:"]
        lines += [f"- {count} {ACTIONS[kind]}" for kind, count in report.actions.items()]
    return "\n".join(lines)


def _listed(heading: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    return ["", f"{heading}:", *(f"- {n:,}: {explain(slug).words}" for slug, n in counts.items())]


def described(report: MorningReport) -> dict[str, object]:
    """The report as the event's data."""
    return {
        "met": report.met,
        "accepted_share": report.shares.accepted,
        "delivered_share": report.shares.delivered,
        "owed": report.owed,
        "seconds": report.seconds,
        "failures": dict(report.failures),
        "skips": dict(report.skips),
        "actions": dict(report.actions),
        "cost": report.cost,
        "budget_left": report.budget_left,
    }
