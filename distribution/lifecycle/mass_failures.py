"""Carries out what `outcomes/mass_failure.py` says: pauses, rests a number, or tells people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import partial

from django.db import transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import returns
from distribution.ledger.reasons import explain
from distribution.lifecycle import control
from distribution.models import Attempt, Channel, Delivery, Distribution, State
from distribution.models.distributions import ENDED
from distribution.outcomes import tallies
from distribution.outcomes.mass_failure import STOPPED, UNDELIVERABLE, MassFailure, Response
from distribution.outcomes.reported_failures import ReportedFailure, SentMessage
from distribution.outcomes.tallies import Slot
from distribution.runtime import india_time
from phonepool.errors import BY_SLUG, Action
from phonepool.numbers import health
from subscribers.consent import reachability

# Advice for everybody at once, where that of the code is about one person.
ADVICE = {
    UNDELIVERABLE: "So many at once point to a general problem. Check Meta's status page, the "
    "number and the template.",
    STOPPED: "So many at once point to a general problem, so nobody is unsubscribed. Check Meta's "
    "status page and the template's category.",
}


def judge_reports(
    failures: Collection[ReportedFailure], sent: Collection[SentMessage], *, now: datetime
) -> list[tuple[int, MassFailure]]:
    """Count messages that were reported for the first time, and act if too many failed alike.

    Returns the verdicts, with the distributions that they are about.
    """
    verdicts: list[tuple[int, MassFailure]] = []
    concerned = {one.distribution_id for one in failures}
    concerned |= {one.distribution_id for one in sent}
    distributions = Distribution.objects.in_bulk(concerned) if concerned else {}
    for pk, tally in tallies.of_reports(failures, sent, distributions).items():
        resume_no = distributions[pk].resume_no
        tallies.record(pk, Channel.REPORT, tally, resume_no=resume_no)
        verdicts += [(pk, found) for found in respond(pk, Channel.REPORT, tally, now=now)]
    return verdicts


def respond(
    distribution_id: int, channel: Channel, tally: Mapping[Slot, int], *, now: datetime
) -> list[MassFailure]:
    """Judge the failures just recorded and act on the verdicts, which are returned.

    Who failed for these reasons waits again, after the caller's transaction.
    """
    if not tallies.failures(tally):
        return []
    distribution = Distribution.objects.get(pk=distribution_id)
    verdicts = tallies.judge(distribution, channel, tally)
    for found in verdicts:
        _act_on(distribution, found, now)
    return verdicts


def _act_on(distribution: Distribution, found: MassFailure, now: datetime) -> None:
    if found.response is Response.PAUSE:
        _pause(distribution, found, now)
    elif found.response is Response.REST_NUMBER:
        _rest(distribution, found, now)
    elif found.reason != UNDELIVERABLE:
        _tell_refused(distribution, found, now)
    if BY_SLUG[found.reason].action is Action.INVALID:
        _exonerate(distribution, found, now)


def general(
    failures: Collection[ReportedFailure], verdicts: Collection[tuple[int, MassFailure]]
) -> set[ReportedFailure]:
    """Those of these failures that are not the person's, by these `verdicts` or earlier ones."""
    distributions = Distribution.objects.in_bulk({one.distribution_id for one in failures})
    causes = {pk: {row.pause_facts.get("cause", "")} for pk, row in distributions.items()}
    for pk in causes:
        if incidents.was_raised(AlertRule.UNDELIVERABLE_SHARE, pk):
            causes[pk].add(UNDELIVERABLE)
    of_numbers = {(pk, one.reason, number) for pk, one in verdicts for number in one.numbers}
    for pk, found in verdicts:
        if found.response is Response.PAUSE and pk in causes:
            causes[pk].add(found.reason)
    return {
        one
        for one in failures
        if one.failure.slug in causes.get(one.distribution_id, ())
        or (one.distribution_id, one.failure.slug, one.number_id) in of_numbers
    }


def _pause(distribution: Distribution, found: MassFailure, now: datetime) -> None:
    reason = _describe(distribution.pk, found)
    if distribution.state in ENDED:
        incidents.raise_alert(
            AlertRule.MASS_FAILURE,
            distribution.pk,
            message=f"{distribution} has ended, and {reason}",
            now=now,
        )
        return
    if not control.pause(distribution.pk, reason=reason, cause=found.reason, now=now):
        control.note_cause(distribution.pk, found.reason)
    _return_after_commit(distribution.pk, found, now)


def _rest(distribution: Distribution, found: MassFailure, now: datetime) -> None:
    rested = [health.rest(number_id, found.reason, now=now) for number_id in found.numbers]
    if any(rested):
        control.wake_backups(distribution, now)
    if distribution.state not in ENDED:
        _return_after_commit(distribution.pk, found, now)


def _return_after_commit(distribution_id: int, found: MassFailure, now: datetime) -> None:
    """Not in the caller's transaction, which has locked other deliveries."""
    for number_id in found.numbers or (None,):
        transaction.on_commit(
            partial(
                returns.return_failed, distribution_id, found.reason, number_id=number_id, now=now
            )
        )


def _exonerate(distribution: Distribution, found: MassFailure, now: datetime) -> None:
    """This day counts towards nobody's INVALID status; reports that follow ask `general`."""
    told = found.reason == UNDELIVERABLE and found.response is not Response.REST_NUMBER
    if told and not _tell_undeliverable(distribution, found, now):
        return  # done when the alert was opened
    failed = Delivery.objects.filter(distribution=distribution, reason=found.reason)
    failed = failed.filter(state__in=[State.FAILED, State.RETRY_WAIT]).exclude(failed_at=None)
    if found.numbers:
        failed = failed.filter(number_id__in=found.numbers)
    by_day: dict[date, list[int]] = defaultdict(list)
    for subscriber_id, failed_at in failed.values_list("subscriber_id", "failed_at"):
        assert failed_at is not None  # those are left out
        by_day[india_time.local_date(failed_at)].append(subscriber_id)
    for day, subscribers in by_day.items():
        reachability.withdraw_day(subscribers, on=day, now=now)


def _tell_undeliverable(distribution: Distribution, found: MassFailure, now: datetime) -> bool:
    return incidents.raise_alert(
        AlertRule.UNDELIVERABLE_SHARE,
        distribution.pk,
        message=f"{distribution}: {found.failures} of {found.answers} messages were reported "
        f"undeliverable (131026). {ADVICE[UNDELIVERABLE]} No number is marked invalid because of "
        "this day.",
        now=now,
    )


def _tell_refused(distribution: Distribution, found: MassFailure, now: datetime) -> None:
    incidents.raise_alert(
        AlertRule.REFUSED_SHARE,
        distribution.pk,
        message=f"{distribution}: {_describe(distribution.pk, found)}",
        now=now,
    )


def _describe(distribution_id: int, found: MassFailure) -> str:
    """How many of how many, why, what to do, and Meta's words; the first 200 characters matter."""
    example = (
        Attempt.objects.filter(delivery__distribution=distribution_id, reason=found.reason)
        .order_by("-pk")
        .values_list("code", "details")
        .first()
    )
    code, details = example or (None, "")
    number = f" ({code})" if code is not None else ""
    advice = ADVICE.get(found.reason, BY_SLUG[found.reason].advice)
    text = (
        f"{found.failures} of {found.answers} messages failed for the same reason: "
        f"{explain(found.reason).words}{number}. {advice}"
    )
    return f"{text} Meta’s message: “{details}”" if details else text
