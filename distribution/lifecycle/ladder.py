"""The ladder of a distribution: what is sent, and what takes over in which order if it cannot be.

`content_watch` fixes it the evening before; an opening without one fixes it then. A ladder stays as
it is, whatever better appears: it is judged again and written again, with an alert, only when
something in it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from django.conf import settings
from django.db import transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import eligible_numbers, template_accounts, template_schema, validation
from distribution.lifecycle import content_choice
from distribution.lifecycle.content_choice import ContentChoice
from distribution.models import (
    Approval,
    Content,
    ContentState,
    Decision,
    Distribution,
    Kind,
    Ladder,
    LadderRung,
    MessageTemplate,
    RungKind,
)
from distribution.quality import groups, sent_templates

# Which kinds a running distribution may take (LADDER_DURING_RUN).
NAMED = ("content", "message_template")
DURING_RUN: dict[str, tuple[RungKind, ...]] = {
    "none": (),
    "sibling": (RungKind.SIBLING,),
    "fallback": (RungKind.SIBLING, RungKind.FALLBACK),
}


def latest(distribution: Distribution) -> Ladder | None:
    """The one in force: of its opening, else the one written last. A daily distribution, stored or
    not, has its day's."""
    if distribution.ladder_id is not None:
        return distribution.ladder
    rows = Ladder.objects.filter(day=distribution.local_date)
    of_daily = distribution.kind == Kind.DAILY
    return rows.filter(distribution=None if of_daily else distribution).first()


def rungs_of(distribution: Distribution) -> list[LadderRung]:
    """The rungs in force, with what they name; none before a ladder is fixed. Two queries."""
    fixed = latest(distribution)
    return (
        [] if fixed is None else list(fixed.rungs.select_related(*NAMED, "ladder", "approved_by"))
    )


def keep(distribution: Distribution, choice: ContentChoice, *, now: datetime) -> Ladder | None:
    """Fix the ladder that begins with this choice, or keep the one that is fixed if everything in
    it can still be sent. None: nothing can be sent."""
    if choice.content is None or choice.blocking:
        return latest(distribution)
    fixed = latest(distribution)
    if fixed is None:
        return _write(distribution, _judge(distribution, choice), "", now)
    first = _first(distribution, choice)
    gone = list(_gone(fixed, first, distribution.local_date))
    if not gone:
        return fixed
    with transaction.atomic():
        ladder = _write(distribution, _judge(distribution, choice), " ".join(gone), now)
        _tell(ladder, distribution, now)
    return ladder


def _tell(ladder: Ladder, distribution: Distribution, now: datetime) -> None:
    rungs = "; ".join(f"{rung.place + 1}. {rung}" for rung in ladder.rungs.select_related(*NAMED))
    incidents.raise_alert(
        AlertRule.LADDER_CHANGED,
        ladder.day.isoformat(),
        message=f"{distribution}: {ladder.reason} The ladder was fixed again: {rungs}.",
        now=now,
    )


def _gone(ladder: Ladder, first: LadderRung, day: date) -> Iterator[str]:
    """What of the ladder cannot be sent any more, or is not what would be sent first."""
    for rung in ladder.rungs.select_related("content__message_template", "message_template"):
        if why := objection_to(rung, day):
            yield why
        elif rung.place == 0 and _key(rung) != _key(first):
            yield f"{first} is sent instead of {rung}."


def _key(rung: LadderRung) -> tuple[int, int]:
    return rung.content_id, rung.message_template_id


def objection_to(rung: LadderRung, day: date) -> str:
    """Why this rung cannot be sent on that day, in a sentence; empty: it can."""
    content, template = rung.content, rung.message_template
    if content.state != ContentState.APPROVED:
        return f"“{content.title}” is not approved any more."
    if not template_accounts.can_be_sent(template):
        return f"Message template {template} is {template.status} at Meta."
    if rung.kind == RungKind.SIBLING and template.quality == groups.RED:
        return f"Message template {template} is RED at Meta."
    if template_schema.fingerprint(template.components) != rung.template_fingerprint:
        return f"Message template {template} was changed at Meta."
    carried = sent_templates.carried_by(content, template)
    problems = [
        *validation.find_problems(carried, day),
        *eligible_numbers.problems_on(carried, day),
    ]
    return problems[0].message if problems else ""


def _judge(distribution: Distribution, choice: ContentChoice) -> list[LadderRung]:
    """The rungs as they would be fixed now, not stored."""
    first, day = _first(distribution, choice), distribution.local_date
    rungs = [first]
    for one in content_choice.carriers(first.content, first.message_template, day):
        rungs.append(_rung(first.content, one, RungKind.SIBLING))
    fallback = Content.objects.fallback()
    if fallback is not None and fallback != first.content:
        used = groups.in_use(fallback.message_template)
        taken = {rung.message_template_id for rung in rungs}
        # A template that an earlier rung has is refused by then.
        if used.pk not in taken and not content_choice.problems_on(fallback, day):
            rungs.append(_rung(fallback, used, RungKind.FALLBACK))
    for place, rung in enumerate(rungs):
        rung.place = place
    return rungs


def _first(distribution: Distribution, choice: ContentChoice) -> LadderRung:
    content = choice.content
    assert content is not None  # the caller knows
    if choice.template is not None:
        return _rung(content, choice.template, RungKind.SIBLING)
    planned = not content.is_fallback or distribution.content == content
    used = distribution.message_template or groups.in_use(content.message_template)
    return _rung(content, used, RungKind.PLANNED if planned else RungKind.FALLBACK)


def _rung(content: Content, template: MessageTemplate, kind: RungKind) -> LadderRung:
    return LadderRung(
        kind=kind,
        content=content,
        message_template=template,
        template_fingerprint=template_schema.fingerprint(template.components),
        during_run=kind in DURING_RUN[settings.LADDER_DURING_RUN],
    )


def _write(
    distribution: Distribution, rungs: Iterable[LadderRung], reason: str, now: datetime
) -> Ladder:
    owner = None if distribution.kind == Kind.DAILY else distribution
    with transaction.atomic():
        ladder = Ladder.objects.create(
            day=distribution.local_date, distribution=owner, frozen_at=now, reason=reason[:500]
        )
        for rung in rungs:
            rung.ladder = ladder
            decisions = Approval.objects.filter(content=rung.content, decision=Decision.APPROVED)
            if approval := decisions.order_by("-at", "-pk").first():
                rung.approved_by_id, rung.approved_at = approval.by_id, approval.at
        LadderRung.objects.bulk_create(rungs)
    return ladder
