"""Sums of outcomes in the database, so that all processes judge by the same counts.

A message counts in the ten seconds in which it was sent, not in those in which its outcome was
learnt: a late failure is compared with its contemporaries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, Sum

from distribution.models import Channel, Distribution, OutcomeTally
from distribution.outcomes import mass_failure
from distribution.outcomes.mass_failure import (
    NOT_FAILED,
    WATCHED,
    Counted,
    Counts,
    MassFailure,
    Response,
)
from distribution.outcomes.reported_failures import ReportedFailure, SentMessage
from phonepool.errors import RETRY_ONCE, Action, Failure
from phonepool.models import PhoneNumber

SLOT_SECONDS = 10
RECENT_SECONDS = 60  # the second window: a storm in a long run is seen within a dozen or two
KEPT_FOR = timedelta(days=2)  # after the window's end
# Written out because Django can replace a value on a conflict, but not add to it.
COLUMNS = 7
ROW = "(" + ", ".join(["%s"] * COLUMNS) + ")"
KEY = "distribution_id, channel, resume_no, slot, number_id, reason"
ADD = f"""
    INSERT INTO distribution_outcometally AS known ({KEY}, count) VALUES %s
    ON CONFLICT ({KEY}) DO UPDATE SET count = known.count + excluded.count
"""  # noqa: S608 - constants


class Slot(NamedTuple):
    """What is summed up: a number's messages of ten seconds, alike in their reason."""

    start: int  # Unix seconds
    counted: Counted


Tally = Counter[Slot]


def slot(number_id: int | None, reason: str, sent_at: datetime) -> Slot:
    """Where a message that was sent at that time counts."""
    seconds = int(sent_at.timestamp())
    return Slot(seconds - seconds % SLOT_SECONDS, Counted(number_id or 0, reason))


def reason_of(failure: Failure | None, *, tried_before: bool) -> str | None:
    """What a message counts as; None: its outcome says nothing about the others.

    Of a message that is tried again for its failure, only the first failure counts: at the end of
    a run nothing else is sent any more, so that all answers would be failures.
    """
    if failure is None:
        return NOT_FAILED
    if failure.slug not in WATCHED:
        return None
    retried = failure.action is Action.BACKOFF or failure in RETRY_ONCE
    return None if retried and tried_before else failure.slug


def of_reports(
    failures: Iterable[ReportedFailure],
    sent: Iterable[SentMessage],
    distributions: Mapping[int, Distribution],
) -> dict[int, Tally]:
    """What newly reported messages count as, by distribution.

    Only those that were sent since its last resume; older counts do not count. One that was
    reported as sent and fails later is no longer one that did not fail.
    """
    resumed = {pk: row.resumed_at for pk, row in distributions.items() if row.resumed_at}
    tallied: dict[int, Tally] = defaultdict(Tally)
    for pk, number_id, sent_at in sent:
        if pk not in resumed or sent_at >= resumed[pk]:
            tallied[pk][slot(number_id, NOT_FAILED, sent_at)] += 1
    for one in failures:
        pk, sent_at = one.distribution_id, one.sent_at or one.at
        if pk in resumed and sent_at < resumed[pk]:
            continue
        if one.was_sent:
            tallied[pk][slot(one.number_id, NOT_FAILED, sent_at)] -= 1
        reason = reason_of(one.failure, tried_before=one.was_resent)
        if reason is not None:
            tallied[pk][slot(one.number_id, reason, sent_at)] += 1
    return tallied


def failures(tally: Mapping[Slot, int]) -> set[Counted]:
    """The watched failures among them."""
    return {each.counted for each in tally if each.counted.reason != NOT_FAILED}


def record(
    distribution_id: int, channel: Channel, tally: Mapping[Slot, int], *, resume_no: int
) -> None:
    """Add the counts: one statement, its rows in the order of their keys, in which all lock."""
    values: list[int | str] = []
    for (start, (number_id, reason)), count in sorted(tally.items()):
        if count:
            values += [distribution_id, channel.value, resume_no, start, number_id, reason, count]
    if values:
        rows = ", ".join([ROW] * (len(values) // COLUMNS))
        with connection.cursor() as cursor:
            cursor.execute(ADD % rows, values)


def judge(
    distribution: Distribution, channel: Channel, tally: Mapping[Slot, int]
) -> list[MassFailure]:
    """Judge the failures of this tally, which is recorded already; one query.

    A verdict for each reason that is unusual, the strongest first. Only what was sent since the
    last resume counts.
    """
    failed = failures(tally)
    if not failed:
        return []
    latest = max(each.start for each in tally if each.counted in failed)
    windows = _windows(distribution, channel, latest)
    judge_them = partial(
        mass_failure.judge_each,
        windows,
        failed,
        accepted_reason=distribution.accepted_cause,
        recipients=distribution.recipients,
    )
    found = judge_them()
    if found and found[0].response is Response.PAUSE:
        # Rarely: what tells everybody's failure from that of some numbers is read only now.
        return judge_them(accounts=_accounts(), others_send=_others_send(windows[0]))
    return found


def _accounts() -> dict[int, int]:
    """The accounts of the numbers; one that is not known to have one is in none."""
    rows = PhoneNumber.objects.exclude(waba=None).values_list("pk", "waba_id")
    return {pk: waba for pk, waba in rows if waba is not None}


def _others_send(counts: Counts) -> bool:
    """Whether numbers send of which nothing is counted yet: each batch run counts at its end."""
    seen = {counted.number_id for counted in counts}
    return PhoneNumber.objects.usable().exclude(pk__in=seen).exists()


def _windows(distribution: Distribution, channel: Channel, latest: int) -> list[Counts]:
    """Since the run's start, and the minute up to `latest`."""
    recent = Q(slot__gte=latest - RECENT_SECONDS, slot__lte=latest)
    rows = OutcomeTally.objects.filter(
        distribution=distribution, channel=channel, resume_no=distribution.resume_no
    )
    sums = rows.values_list("number_id", "reason").annotate(
        total=Sum("count"), lately=Sum("count", filter=recent, default=0)
    )
    run: dict[Counted, int] = {}
    minute: dict[Counted, int] = {}
    for number_id, reason, total, lately in sums:
        run[Counted(number_id, reason)] = total
        minute[Counted(number_id, reason)] = lately
    return [run, minute]


def forget_old(now: datetime) -> int:
    """Delete the counts of distributions that ended long ago; how many rows."""
    old = Distribution.objects.filter(window_end__lt=now - KEPT_FOR)
    counted: Collection[int] = old.values_list("pk", flat=True)
    return OutcomeTally.objects.filter(distribution__in=counted).delete()[0]
