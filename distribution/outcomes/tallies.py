"""Sums of outcomes in the database, so that all processes judge by the same counts.

A message counts in the ten seconds in which it was sent, not in those in which its outcome was
learnt: a late failure is compared with its contemporaries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q, Sum

from distribution.models import Channel, Distribution, OutcomeTally
from distribution.outcomes import mass_failure
from distribution.outcomes.mass_failure import NOT_FAILED, WATCHED, Counted, Counts, MassFailure
from distribution.outcomes.reported_failures import ReportedFailure, SentMessage
from phonepool.errors import RETRY_ONCE, Action, Failure

SLOT_SECONDS = 10
RECENT_SECONDS = 60  # the second window: a storm in a long run is seen within a dozen or two
KEPT_FOR = timedelta(days=2)  # after the window's end


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
    """Add the counts: one INSERT."""
    rows = [
        OutcomeTally(
            distribution_id=distribution_id,
            channel=channel,
            slot=each.start,
            number_id=each.counted.number_id,
            reason=each.counted.reason,
            count=count,
            resume_no=resume_no,
        )
        for each, count in tally.items()
        if count
    ]
    OutcomeTally.objects.bulk_create(rows)


def judge(
    distribution: Distribution, channel: Channel, tally: Mapping[Slot, int]
) -> MassFailure | None:
    """Judge the failures of this tally, which is recorded already; one query.

    Only what was sent since the last resume counts.
    """
    failed = failures(tally)
    if not failed:
        return None
    latest = max(each.start for each in tally if each.counted in failed)
    return mass_failure.judge(
        _windows(distribution, channel, latest),
        failed,
        accepted_reason=distribution.accepted_cause,
    )


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
