"""The pool's interface for senders: reserves slots and takes reports about calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from phonepool.errors import Action
from phonepool.models import PhoneNumber, Portfolio
from phonepool.numbers import (
    breakers,
    handover,
    health,
    late_reports,
    leases,
    ramps,
    reservation,
    return_rule,
    selection,
)
from phonepool.numbers.breakers import CallReport
from phonepool.numbers.leases import Sender
from phonepool.numbers.reservation import Reservation


def reserve(
    count: int,
    *,
    now: datetime,
    allowed: Collection[int] | None = None,
    sender: Sender | None = None,
) -> Reservation | None:
    """Slots for up to `count` messages on the number that finishes them first.

    If a number has no slots (full, resting, disabled, another process's), the next one is tried.
    None: no number has. `allowed` are the ids of the numbers that may carry the content; None: any.
    """
    sender = sender or leases.this_process()
    usable = PhoneNumber.objects.usable().select_related("portfolio")
    able = [one for one in usable if allowed is None or one.pk in allowed]
    reduced = health.reduced(able, now)
    sender.observe(able)
    handover.let_go(sender, able, now)
    taken = None
    for number in selection.rank(
        _open_to(sender, able, reduced, now), count, now=now, reduced=reduced
    ):
        taken = reservation.reserve(
            number, count, now=now, part=reduced.get(number.pk), sender=sender
        )
        if taken is not None:
            break
    handover.ask(sender, able, now)
    return taken


def _open_to(
    sender: Sender, numbers: Sequence[PhoneNumber], reduced: Mapping[int, float], now: datetime
) -> list[PhoneNumber]:
    """The numbers that this process may reserve from. Beside others it takes a reduced number only
    if it has a whole one, or else it would hold batches for a number that sends next to nothing."""
    own = [number for number in numbers if sender.may_reserve(number, now)]
    if len(own) < len(numbers) and all(number.pk in reduced for number in own):
        return []
    return own


def is_held_elsewhere(
    *, now: datetime, allowed: Collection[int] | None = None, sender: Sender | None = None
) -> bool:
    """Whether a number that could send belongs to another process: waiting may help."""
    sender = sender or leases.this_process()
    numbers = PhoneNumber.objects.able_to_send()
    if allowed is not None:
        numbers = numbers.filter(pk__in=allowed)
    able = list(numbers)
    sender.observe(able)
    return any(sender.is_anothers(number, now) for number in able)


THROUGHPUT = "throughput_exceeded"
# A few 130429 among many calls are jitter on the way to Meta: a retry is enough. From this share on
# (and more than one) the rate itself is too high.
REFUSED_SHARE = 0.2


# Limits of the whole app, and of one account: another number of it would be refused, too, and the
# refused calls count at Meta.
APP_LIMIT, ACCOUNT_LIMIT = "app_rate_limited", "management_rate_limited"
DEFAULT_PAUSE_SECONDS = 60.0  # seconds, when Meta does not say how long


def report_calls(reports: Sequence[CallReport], *, now: datetime) -> bool:
    """Applies how calls ended to their numbers; True if a number's breaker opened or it rests now.

    Failures that are only about a recipient have no effect.
    """
    by_number: dict[int, list[CallReport]] = defaultdict(list)
    for report in reports:
        by_number[report.number_id].append(report)
    lost = [_report_number(number_id, of_it, now) for number_id, of_it in by_number.items()]
    _pause_accounts(reports, now)
    return any(lost)


def _pause_accounts(reports: Sequence[CallReport], now: datetime) -> None:
    limited = [report for report in reports if _slug(report) in (APP_LIMIT, ACCOUNT_LIMIT)]
    # One of each kind, that with the longest wait, else the last one sent.
    ordered = sorted(limited, key=lambda report: (report.wait or 0.0, report.slot))
    for report in {(_slug(report), report.number_id): report for report in ordered}.values():
        affected = Portfolio.objects.all()
        if _slug(report) == ACCOUNT_LIMIT:
            affected = affected.filter(numbers=report.number_id)
        if report.late:  # of messages sent before a pause ended: nothing new
            affected = affected.filter(paused_until__lt=report.slot)
        seconds = report.wait or DEFAULT_PAUSE_SECONDS
        health.pause_account(affected, seconds, _slug(report), now=now)


def _report_number(number_id: int, reports: Sequence[CallReport], now: datetime) -> bool:
    if _is_too_fast(late_reports.after_last_cut(number_id, reports)):
        health.cut_rate(number_id, now=now)
    relevant = any(report.is_relevant for report in reports)
    lost = relevant and breakers.apply_reports(number_id, reports, now=now)
    refused = [r for r in reports if r.failure and r.failure.action is Action.NUMBER]
    returning = _returning(number_id, now) if relevant or refused else None
    must_rest = returning is None or ramps.note_answers(returning, reports, now=now)
    if refused and must_rest:
        new = late_reports.after_last_rest(number_id, refused)
        lost |= bool(new) and health.rest(number_id, _slug(new[0]), now=now)
    elif any(report.watched and report.failure is None for report in reports):
        health.reset_failures([number_id])
    return lost


def _returning(number_id: int, now: datetime) -> PhoneNumber | None:
    """The number, if it comes back in steps; None if it may use its whole speed."""
    number = PhoneNumber.objects.get(pk=number_id)
    is_whole = return_rule.share(number, now.timestamp()) == return_rule.STEPS[-1]
    return None if is_whole or not number.is_usable else number


def _is_too_fast(reports: Sequence[CallReport]) -> bool:
    too_fast = sum(_slug(report) == THROUGHPUT for report in reports)
    return too_fast > 1 and too_fast >= REFUSED_SHARE * len(reports)


def _slug(report: CallReport) -> str:
    return report.failure.slug if report.failure else ""


def recipient_limit(allowed: Collection[int] | None = None) -> int | None:
    """Unique recipients that the portfolios of usable numbers allow in a rolling 24 h, if only the
    `allowed` ones send (None: any); None: unlimited."""
    numbers = PhoneNumber.objects.all()
    if allowed is not None:
        numbers = numbers.filter(pk__in=allowed)
    usable = numbers.usable()
    if not usable.exists():  # backups on standby will be woken
        usable = numbers.standing_by()
    portfolios = Portfolio.objects.filter(numbers__in=usable).distinct()
    limits = list(portfolios.values_list("recipient_limit", flat=True))
    if not limits or None in limits:
        return None
    return sum(limit for limit in limits if limit is not None)
