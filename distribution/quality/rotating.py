"""Looks at every rotation group after a morning, and changes its primary where the rules say so."""

from __future__ import annotations

import logging
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import (
    Distribution,
    GroupRole,
    QualitySource,
    RotationCause,
    RotationChange,
    RotationGroup,
    Severity,
)
from distribution.quality import comparisons, figures, groups, history, rules, wording
from distribution.quality.rules import Action, Candidate, Decision, Past
from distribution.runtime import india_time

log = logging.getLogger(__name__)
RULE = AlertRule.TEMPLATE_BLOCKED


def review(*, now: datetime) -> int:
    """Review all groups; how many changed their primary. Never while a distribution runs."""
    if Distribution.objects.running().exists():
        return 0
    today = india_time.local_date(now)
    ids = RotationGroup.objects.order_by("pk").values_list("pk", flat=True)
    return sum(_review(pk, today, now) for pk in list(ids))


def decision_for(group: RotationGroup, today: date) -> Decision | None:
    """What the rules say of a group now; None without a primary."""
    members = sorted(group.templates.all(), key=groups.preference)
    primary = next((one for one in members if one.group_role == GroupRole.PRIMARY), None)
    if primary is None:
        return None
    ready = {one.pk for one in groups.siblings(primary) if one.group_role == GroupRole.STANDBY}
    days = figures.by_template([one.pk for one in members], until=today)
    metas = comparisons.orders(primary, today=today)
    candidates = {
        one.pk: Candidate(
            one.pk,
            one.quality,
            days.get(one.pk, []),
            ready=one.pk in ready,
            blocked_more=metas[one.pk].blocked_more if one.pk in metas else None,
            compared_on=metas[one.pk].on if one.pk in metas else None,
        )
        for one in members
    }
    others = [candidates[one.pk] for one in members if one != primary]
    return rules.decide(candidates[primary.pk], others, _past(group), today=today)


def _past(group: RotationGroup) -> Past | None:
    change = RotationChange.objects.filter(group=group).order_by("-at", "-pk").first()
    if change is None:
        return None
    on_trial = change.cause in (RotationCause.BLOCK_RATE, RotationCause.META_QUALITY)
    return Past(india_time.local_date(change.at), change.before_id, on_trial)


def _review(pk: int, today: date, now: datetime) -> bool:
    """Decide and act under the group's lock, so that two processes do not both change it."""
    with transaction.atomic():
        group = RotationGroup.objects.select_for_update().get(pk=pk)
        decision = decision_for(group, today)
        if decision is None or decision.action is Action.KEEP:
            incidents.close_alert(RULE, pk, now=now)
            return False
        if decision.action is Action.SWITCH and group.automatic:
            return _switch(group, decision, now)
        _ask(group, decision, now)
        return False


def _switch(group: RotationGroup, decision: Decision, now: datetime) -> bool:
    assert decision.to is not None
    assert decision.cause is not None
    template = group.templates.get(pk=decision.to)
    reason = reason_of(decision)
    try:
        change = groups.make_primary(template, cause=decision.cause, reason=reason, now=now)
    except groups.GroupError as error:  # Meta's word on it changed at this very moment
        log.warning("group %d was not rotated: %s", group.pk, error)
        return False
    if decision.cause is RotationCause.BLOCK_RATE and change.before is not None:
        old = change.before
        history.note_template(old, old.quality, history.ABOVE_LIMIT, QualitySource.PROXY, at=now)
    message = _("%(group)s now sends %(after)s instead of %(before)s. %(reason)s") % {
        "group": group,
        "after": template,
        "before": change.before,
        "reason": reason,
    }
    incidents.raise_alert(RULE, group.pk, message=message, severity=Severity.WARNING, now=now)
    return True


def _ask(group: RotationGroup, decision: Decision, now: datetime) -> None:
    """Tell that a person should decide, or that it might come to that."""
    warned = decision.action is Action.WARN
    words = _("%(group)s: its primary may soon have to be changed. %(reason)s")
    if not warned:
        words = _("%(group)s: change its primary. %(reason)s %(why)s")
    message = words % {"group": group, "reason": reason_of(decision), "why": _why(group, decision)}
    severity = Severity.WARNING if warned else Severity.CRITICAL
    incidents.raise_alert(RULE, group.pk, message=message, severity=severity, now=now)


def _why(group: RotationGroup, decision: Decision) -> str:
    if decision.to is None:
        return _("No other template of the group is better.")
    if not group.automatic:
        return _("It does not rotate automatically.")
    return _("It was changed less than 7 days ago.")


def reason_of(decision: Decision) -> str:
    """The figures that a decision rests on, in a sentence."""
    if decision.cause is RotationCause.META_QUALITY:
        return _("Meta lowered its quality.")
    if decision.by_meta:
        return _("Meta says that more people block it than the template before.")
    rate = decision.rate
    words = wording.describe(rate) if rate is not None else ""
    if decision.cause is RotationCause.WORSE:
        return (
            _("After three mornings more people block it than the template before.") + " " + words
        )
    return words
