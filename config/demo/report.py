"""The demo's report: every figure as JSON, and a summary as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from config.demo.journal_verdict import Acceptance, JournalVerdict, compare
from distribution.analytics import counts
from distribution.ledger.reasons import category, heading
from distribution.lifecycle.capacity_plan import CapacityPlan
from distribution.models import Delivery, Distribution, State
from distribution.models.deliveries import UNSETTLED
from distribution.runtime.text_formats import part_of, percent
from phonepool.models import PhoneEvent, PhoneNumber, Role
from subscribers.paging import in_pages
from webhooks.models import WebhookEvent

# A recipient in one of these states, never accepted, may be absent from the journal.
EXCUSED_STATES = (State.SKIPPED, State.FAILED, State.UNCONFIRMED)


def build(
    distribution: Distribution,
    journal: Iterable[Acceptance],
    stats: dict[str, Any],
    *,
    triggered_at: datetime,
    scenario: str,
    cpu_seconds: dict[str, float],
    plan: CapacityPlan,
) -> dict[str, Any]:
    """Every figure of the run. `duplicates` and `missed` come from the journal alone."""
    tally, reach = counts.tally(distribution), counts.reach(distribution)
    rows = Delivery.objects.filter(distribution=distribution)
    excused = rows.filter(state__in=EXCUSED_STATES, accepted_at=None)
    verdict = compare(journal, _digits(rows), _digits(excused))
    results = distribution.results
    return {
        "scenario": scenario,
        "state": distribution.state,
        "recipients": tally.recipients,
        "accepted": verdict.accepted,
        "delivered": reach.delivered,
        "read": reach.read,
        "failed": tally.count(State.FAILED),
        "skipped": tally.count(State.SKIPPED),
        "unknown": tally.count(*UNSETTLED),
        "unconfirmed": tally.count(State.UNCONFIRMED),
        "duplicates": verdict.duplicates,
        "missed": verdict.missed,
        "strangers": verdict.unexpected,
        "dispatch_seconds": round(verdict.last - verdict.first, 3),
        "planned_seconds": round(plan.outcome.seconds, 3),
        "completion_seconds": round(verdict.last - triggered_at.timestamp(), 3),
        "first_accepted_at": _rounded(verdict.first),
        "last_accepted_at": _rounded(verdict.last),
        "first_send_lateness_seconds": round(_lateness(reach, triggered_at), 3),
        "pool_utilisation": round(utilisation(verdict), 4),
        "sla_accepted": results.get("sla_accepted"),
        "sla_delivered": results.get("sla_delivered"),
        "sla_met": bool(results.get("sla_met")),
        "webhooks_received": WebhookEvent.objects.count(),
        "per_number": _per_number(verdict, stats),
        "failures": _by_reason(tally.reasons.get(State.FAILED, {})),
        "accepted_per_second": round(sustained(verdict)),
        "engine": "celery",
        "database": connection.vendor,
        "cpu_seconds": cpu_seconds,
        "cpu_ms_per_message": _cpu_per_message(cpu_seconds, verdict.accepted),
    }


def _digits(rows: QuerySet[Delivery]) -> Iterator[str]:
    """Their phones, read in pages."""
    for phone in in_pages(rows.values_list("phone", flat=True)):
        yield phone.lstrip("+")


def utilisation(verdict: JournalVerdict) -> float:
    """Accepted ÷ what the used numbers allowed: a primary from the first acceptance of all numbers,
    a backup from its own first, each until the last acceptance or until it was disabled."""
    allowed = 0.0
    for number in PhoneNumber.objects.filter(meta_id__in=verdict.by_number):
        start = verdict.first
        if number.role == Role.BACKUP:
            start = verdict.by_number[number.meta_id][0]
        disabled = PhoneEvent.objects.filter(number=number, kind="disabled").order_by("at").first()
        end = min(verdict.last, disabled.at.timestamp()) if disabled else verdict.last
        allowed += 1 + number.rate_per_second * max(0.0, end - start)
    return verdict.accepted / allowed if allowed else 0.0


def sustained(verdict: JournalVerdict) -> float:
    """Accepted per second from a tenth to nine tenths of all: without the beginning and the end."""
    moments = sorted(at for accepted in verdict.by_number.values() for at in accepted)
    tenth = len(moments) // 10
    middle = moments[tenth : len(moments) - tenth]
    seconds = middle[-1] - middle[0] if middle else 0.0
    return (len(middle) - 1) / seconds if seconds else 0.0


def passed(report: dict[str, Any]) -> bool:
    """Whether no recipient was missed or got two messages and the service level was met."""
    clean = not (report["missed"] or report["duplicates"] or report["strangers"])
    return clean and report["state"] == "COMPLETED" and report["sla_met"]


def summary(report: dict[str, Any], basis: str) -> str:
    """The summary for the customer."""
    share = percent(report[f"sla_{basis}"])
    failed, recipients = report["failed"], report["recipients"]
    lines = [
        f"Daily Distribution   Status: {report['state'].capitalize()}"
        f"    Recipients: {report['delivered']:,} / {recipients:,}"
        f"    SLA achievement: {share} {basis} in the window",
        f"Delivery time: {_time_of_day(report['first_accepted_at'])} – "
        f"{_time_of_day(report['last_accepted_at'])} IST ({report['dispatch_seconds']:.1f} s, "
        f"first send {report['first_send_lateness_seconds']:.2f} s after the trigger, "
        f"{percent(report['pool_utilisation'])} of what the pool allowed)",
    ]
    lines.append(_speed(report))
    for place, number in enumerate(report["per_number"], start=1):
        refused = number["rate_limited"]
        also = f", {refused:,} refused for rate" if refused else ""
        lines.append(
            f"  Phone #{place} {number['label']}: {number['sent']:,} sent "
            f"({number['quality']}{also}), peak {number['peak_per_second']}/s"
        )
    reasons = ", ".join(f"{heading(k)}: {v}" for k, v in report["failures"].items())
    share_failed = percent(part_of(failed, recipients))
    lines.append(f"Failures: {failed} ({share_failed}){': ' + reasons if reasons else ''}")
    lines.append(
        f"Checked against the sandbox's own journal: {report['accepted']:,} people messaged, "
        f"{report['missed']} missed, {report['duplicates']} duplicates"
    )
    return "\n".join(lines)


def _speed(report: dict[str, Any]) -> str:
    cost = report["cpu_ms_per_message"]
    processor = f", {cost:.2f} ms of CPU per message" if cost else ""
    return f"Speed: {report['accepted_per_second']:,} accepted per second{processor}"


def _per_number(verdict: JournalVerdict, stats: dict[str, Any]) -> list[dict[str, Any]]:
    stored = PhoneNumber.objects.order_by("meta_id")
    return [
        {
            "id": number.meta_id,
            "label": number.label,
            "sent": len(verdict.by_number.get(number.meta_id, [])),
            "quality": number.quality,
            "rate_limited": _refused(stats, number.meta_id),
            "peak_per_second": verdict.peaks.get(number.meta_id, 0),
        }
        for number in stored
    ]


def _refused(stats: dict[str, Any], meta_id: str) -> int:
    number = stats.get("numbers", {}).get(meta_id, {})
    return int(number.get("refused", {}).get("130429", 0))


def _by_reason(slugs: dict[str, int]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for slug, count in slugs.items():
        totals[category(slug)] += count
    return dict(totals)


def _cpu_per_message(seconds: dict[str, float], messages: int) -> float | None:
    """CPU milliseconds per message of everything but the sandbox, from the trigger to the end;
    None if unknown."""
    if not seconds or not messages:
        return None
    ours = sum(spent for name, spent in seconds.items() if name != "sandbox")
    return round(1000 * ours / messages, 3)


def _lateness(reach: counts.Reach, triggered_at: datetime) -> float:
    if reach.first_inflight_at is None:
        return 0.0
    return (reach.first_inflight_at - triggered_at).total_seconds()


def _rounded(seconds: float) -> float | None:
    return round(seconds, 3) or None


def _time_of_day(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    moment = datetime.fromtimestamp(seconds, timezone.get_default_timezone())
    return f"{moment:%H:%M:%S}"
