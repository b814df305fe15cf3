"""Runs a preflight: reads, sends, waits for the reports, judges, tells.

Its row says where it is: whoever comes later finishes it, so a crash leaves none open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from config.preflight import checks, facts, loop, verdict
from config.preflight.facts import Facts
from config.preflight.loop import MessageFacts
from config.preflight.verdict import Found
from config.setup.items import Finding, Result
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import eligible_numbers, preflight_messages
from distribution.ledger import outbox
from distribution.models import (
    Distribution,
    Preflight,
    PreflightCheck,
    PreflightMessage,
    PreflightState,
    PreflightVerdict,
    Severity,
)
from distribution.runtime import india_time
from phonepool.cloud_api import client
from subscribers.models import TIER_ORDER, Subscriber

WAIT = timedelta(seconds=loop.DELIVERED_WITHIN)
BY_HAND_EVERY = timedelta(minutes=5)
REMEMBERED = timedelta(hours=1)  # what messages showed counts for later reading preflights
KEPT = timedelta(days=90)
SAMPLE = {"name": "Asha Rao", "tier": "BASIC", "phone": "+910000000000"}


class PreflightRefusedError(Exception):
    """It cannot run now; the text says why."""


def create(slot: str, *, sends: bool, now: datetime, by: Any = None) -> Preflight | None:
    """The row of a preflight; None: its slot was taken already."""
    if Distribution.objects.running().exists():
        raise PreflightRefusedError(
            _("A distribution is running. Test again when it has ended: tests would delay it.")
        )
    fields = {"sends": sends, "started_at": now, "started_by": by}
    row, created = Preflight.objects.get_or_create(slot=slot, defaults=fields)
    return row if created else None


def create_by_hand(*, by: Any, now: datetime) -> Preflight:
    """One that somebody asks for, at most every five minutes."""
    latest = Preflight.objects.filter(started_at__gt=now - BY_HAND_EVERY, sends=True).first()
    if latest is not None:
        raise PreflightRefusedError(_("A test ran a moment ago. Wait five minutes."))
    row = create(f"by hand {now:%Y-%m-%d %H:%M}", sends=True, now=now, by=by)
    if row is None:
        raise PreflightRefusedError(_("A test ran a moment ago. Wait five minutes."))
    return row


def perform(preflight: Preflight, *, now: datetime) -> None:
    """Read everything, store what was found, and send the messages."""
    seen = facts.read(now)
    found = [
        Found(key, str(check.title), check.find(seen), check.serious)
        for key, check in checks.CHECKS.items()
    ]
    _store(preflight, found)
    plan = seen.opening.plan if seen.opening else None
    Preflight.objects.filter(pk=preflight.pk).update(plan=plan.sentence[:500] if plan else "")
    sent = preflight.sends and _send(preflight, seen)
    if not sent:
        finish(preflight, now=now)


def _send(preflight: Preflight, seen: Facts) -> bool:
    content = seen.opening.sent if seen.opening else None
    if seen.distribution is None or content is None or not settings.TEST_RECIPIENTS:
        return False
    found = eligible_numbers.for_content(content, seen.distribution.local_date)
    numbers = {
        row: found.media_id(row.pk)
        for row in seen.numbers
        if found.allowed is None or row.pk in found.allowed
    }
    if not numbers:
        return False
    phones = settings.TEST_RECIPIENTS
    preflight_messages.send(preflight, content, _people(), phones, numbers, api=client.client())
    return True


def _people() -> Sequence[Subscriber]:
    """One subscriber of each tier, whose values the messages show."""
    people = Subscriber.objects.eligible()
    found = [people.filter(tier=tier).order_by("pk").first() for tier in TIER_ORDER]
    return [one for one in found if one is not None] or [Subscriber(**SAMPLE)]


def settle(now: datetime) -> int:
    """Finish those whose messages are all reported, or whose time is over; how many."""
    done = 0
    for preflight in Preflight.objects.filter(state=PreflightState.RUNNING):
        messages = list(preflight.messages.all())
        over = now - preflight.started_at > WAIT + timedelta(seconds=30)
        answered = [one for one in messages if one.answered_at]
        late = bool(answered) and now - max(one.at for one in messages) > WAIT
        if over or late or (messages and all(one.is_settled for one in messages)):
            done += finish(preflight, now=now)
    return done


def finish(preflight: Preflight, *, now: datetime) -> bool:
    """Judge it and tell the result; True if this call did."""
    with transaction.atomic():
        rows = Preflight.objects.select_for_update().filter(state=PreflightState.RUNNING)
        if not rows.filter(pk=preflight.pk).exists():
            return False
        _store(preflight, _of_messages(preflight))
        found = [*_stored(preflight), *_earlier(preflight, now)]
        if not found:  # it broke off before it had read anything
            found = [
                Found("preflight", _("Preflight"), Finding(Result.NOT_CHECKED, _("Broke off.")))
            ]
        judged = verdict.judge(found)
        Preflight.objects.filter(pk=preflight.pk).update(
            state=PreflightState.DONE, verdict=judged, ended_at=now
        )
        _tell(judged, found, now)
        preflight.refresh_from_db()
        outbox.preflight(
            preflight,
            failing=_keys(found, Result.FAILS),
            doubtful=_keys(found, Result.WARNING, Result.NOT_CHECKED),
            now=now,
        )
        Preflight.objects.filter(started_at__lt=now - KEPT).delete()
    return True


def _keys(found: Sequence[Found], *results: Result) -> list[str]:
    """The checks with these results, each once; those of a number are all called `number`."""
    return list(dict.fromkeys(one.key for one in found if one.finding.result in results))


def _of_messages(preflight: Preflight) -> list[Found]:
    rows = list(preflight.messages.select_related("number").order_by("pk"))
    if not rows:
        return []
    told = {row.pk: _facts(row) for row in rows}
    receiver = loop.receiver([*told.values()])
    works = receiver.result is not Result.FAILS
    by_number = {
        row.number: [told[one.pk] for one in rows if one.number == row.number] for row in rows
    }
    findings = {
        number: loop.number(messages, receiver_works=works)
        for number, messages in by_number.items()
    }
    failing = sum(one.result is Result.FAILS for one in findings.values())
    reserve = preflight.checks.filter(key="plan", result=Result.OK).exists()
    serious = failing > 1 or not reserve
    numbers = [
        Found("number", number.label, finding, serious, number.pk)
        for number, finding in findings.items()
    ]
    return [Found("receiver", str(checks.MESSAGE_CHECKS["receiver"]), receiver), *numbers]


def _facts(row: PreflightMessage) -> MessageFacts:
    return MessageFacts(
        answered=row.answered_at is not None,
        accepted=row.accepted,
        held=row.held,
        sent=loop.seconds(row.at, row.sent_at),
        delivered=loop.seconds(row.at, row.delivered_at),
        failed=row.failed_at is not None,
        code=row.code,
        details=row.details,
    )


def _store(preflight: Preflight, found: Sequence[Found]) -> None:
    PreflightCheck.objects.bulk_create(
        [
            PreflightCheck(
                preflight=preflight,
                key=one.key,
                number_id=one.number,
                result=one.finding.result,
                seen=one.finding.seen[:500],
                to_do=one.finding.to_do[:500],
                serious=one.serious,
            )
            for one in found
        ]
    )


def _stored(preflight: Preflight) -> list[Found]:
    return [_found(row) for row in preflight.checks.select_related("number")]


def title(row: PreflightCheck) -> str:
    """The name of a stored check for people."""
    if row.number is not None:
        return row.number.label
    check = checks.CHECKS.get(row.key)
    return str(check.title if check else checks.MESSAGE_CHECKS.get(row.key, row.key))


def _found(row: PreflightCheck) -> Found:
    finding = Finding(Result(row.result), row.seen, row.to_do)
    return Found(row.key, title(row), finding, row.serious, row.number_id)


def _earlier(preflight: Preflight, now: datetime) -> list[Found]:
    """For one that only reads: what the messages of the last hour showed."""
    if preflight.sends:
        return []
    since = now - REMEMBERED
    done = Preflight.objects.filter(sends=True, state=PreflightState.DONE, started_at__gt=since)
    latest = done.first()
    if latest is None:
        return []
    rows = latest.checks.filter(key__in=checks.MESSAGE_CHECKS).select_related("number")
    return [_found(row) for row in rows]


def _tell(judged: PreflightVerdict, found: Sequence[Found], now: datetime) -> None:
    """An alert for the day; those of days before end."""
    day = india_time.local_date(now).isoformat()
    before = incidents.open_alerts(AlertRule.PREFLIGHT)
    before = before.exclude(scope=AlertRule.PREFLIGHT.scope(day))
    incidents.close_all(before, now=now)
    if judged == PreflightVerdict.GREEN:
        incidents.close_alert(AlertRule.PREFLIGHT, day, now=now)
        return
    red = judged == PreflightVerdict.RED
    incidents.raise_alert(
        AlertRule.PREFLIGHT,
        day,
        severity=Severity.CRITICAL if red else Severity.WARNING,
        message=f"Preflight {judged}. {verdict.sentence(found)}"[:500],
        now=now,
    )
