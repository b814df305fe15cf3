"""Carries out the ramps of numbers: the warm-up begins, the steps within a run are taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from phonepool.errors import NO_CALL_MADE, Action, is_fault
from phonepool.models import PhoneNumber, RampCause, Role
from phonepool.numbers import health, ramp_rule, return_rule
from phonepool.numbers.breakers import CallReport
from phonepool.numbers.ramp_rule import Ramp
from phonepool.numbers.return_rule import Act, Progress


def warm_up(number_id: int, *, now: datetime) -> bool:
    """Begins the warm-up of a number that never sent; True if it did.

    Not of a backup, which takes the place of a lost number and is needed whole, nor while no other
    number has sent before today: nobody else could carry the people.
    """
    established = PhoneNumber.objects.usable().filter(ramp=ramp_rule.FULL, day__isnull=False)
    others = established.exclude(pk=number_id).values_list("verified_at", flat=True)
    today = timezone.localdate(now)
    if not any(at and timezone.localdate(at) < today for at in others):
        return False
    share = ramp_rule.NEW_STEPS[0]
    fresh = PhoneNumber.objects.filter(
        pk=number_id, role=Role.PRIMARY, day=None, ramp=ramp_rule.FULL
    )
    begun = fresh.update(ramp=share, ramp_cause=RampCause.NEW, ramp_at=now)
    if begun:
        health.record_event(number_id, "warm_up", f"begins with {share}%", now)
    return bool(begun)


def change(number: PhoneNumber, ramp: Ramp, why: str, *, now: datetime) -> bool:
    """Stores the ramp of the next morning; False if another process has judged it already."""
    same = PhoneNumber.objects.filter(pk=number.pk, ramp_at=number.ramp_at)
    if not same.update(ramp=ramp.share, ramp_cause=ramp.cause, ramp_at=now):
        return False
    if ramp.share != number.ramp:
        health.record_event(number.pk, "ramp", f"{number.ramp}% → {ramp.share}%: {why}", now)
    return True


def note_answers(number: PhoneNumber, reports: Sequence[CallReport], *, now: datetime) -> bool:
    """Counts the answers of a number that comes back, and takes its next step, up or down.

    Messages that were due before its last step say nothing about this one. True if it must rest.
    """
    since = [
        report.failure
        for report in reports
        if report.slot >= number.return_at and report.failure not in NO_CALL_MADE
    ]
    faults = sum(failure is not None and is_fault(failure) for failure in since)
    refused = any(failure is not None and failure.action is Action.NUMBER for failure in since)
    progress = Progress(
        number.return_share,
        number.return_at,
        number.return_answers + len(since),
        number.return_faults + faults,
        number.return_not_before,
        number.return_drops,
    )
    decision = return_rule.decide(progress, refused=refused, now=now.timestamp())
    if decision.act is Act.OUT:
        return True
    here = PhoneNumber.objects.filter(pk=number.pk, return_at=number.return_at)
    if decision.act is Act.STAY:
        here.update(
            return_answers=F("return_answers") + len(since),
            return_faults=F("return_faults") + faults,
        )
    elif here.update(
        return_share=decision.share,
        return_at=now.timestamp(),
        return_answers=0,
        return_faults=0,
        return_not_before=decision.not_before,
        return_drops=decision.drops,
    ):
        kind = "return_step" if decision.act is Act.RISE else "return_back"
        health.record_event(number.pk, kind, f"{progress.share}% → {decision.share}%", now)
    return False
