"""The life of a better version of a message template, up to the approval by a person.

The only writer of a draft until it is created at Meta: `creating.py` and `review.py` go on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import template_schema
from distribution.drafting import evidence, lint, proposal, texts
from distribution.drafting.proposal import Proposal
from distribution.ledger import outbox
from distribution.models import (
    OPEN_STATES,
    DraftAct,
    DraftState,
    DraftStep,
    EventKind,
    MessageTemplate,
    TemplateDraft,
)
from distribution.quality.groups import MAX_TEMPLATES

RULE = AlertRule.TEMPLATE_DRAFT
BY_HAND = "by_hand"  # the rule of what a person rewrote
DISCARDABLE = (
    *(DraftState.DRAFTED, DraftState.APPROVED, DraftState.PENDING),
    *(DraftState.REJECTED, DraftState.WRONG_CATEGORY),
)
VERSION = re.compile(r"_v[0-9]+$")


class DraftError(Exception):
    """It is not possible; the text says why, and what to do."""


def open_draft(template: MessageTemplate) -> TemplateDraft | None:
    return template.drafts.filter(state__in=OPEN_STATES).first()


def shown_with(template: MessageTemplate) -> TemplateDraft | None:
    """The draft on the pages of a template and its group: the latest, unless it was discarded."""
    latest = template.drafts.first()
    return None if latest is None or latest.state == DraftState.DISCARDED else latest


def objection_to_drafting(template: MessageTemplate) -> str:
    """Why no better version of this template can be drafted now; empty: one can."""
    if template.group is not None and template.group.templates.count() >= MAX_TEMPLATES:
        return _("%(group)s has %(most)s templates already, as many as a group may have.") % {
            "group": template.group,
            "most": MAX_TEMPLATES,
        }
    if not template_schema.parse(template.components).body:
        return _("The text of this template is not known yet. Sync with Meta.")
    return ""


def draft(template: MessageTemplate, *, by: User | None, now: datetime) -> TemplateDraft:
    """A better version by rules; `by` None: nobody asked. Raises DraftError if there is none."""
    found = proposal.propose(template, evidence.signals_of(template, now=now))
    if found.refusal:
        raise DraftError(found.refusal)
    if not found.changes:
        raise DraftError(
            _("No rule finds anything to improve in %(template)s. You can write a version by hand.")
            % {"template": template}
        )
    return _begin(template, found, by=by, now=now)


def draft_by_hand(template: MessageTemplate, *, by: User, now: datetime) -> TemplateDraft:
    """A copy for a person to rewrite."""
    same = texts.put_into(template.components, texts.of(template.components))
    return _begin(template, Proposal(same), by=by, now=now)


def edit(
    draft: TemplateDraft,
    rewritten: Mapping[str, str],
    *,
    version: int,
    reason: str,
    by: User,
    now: datetime,
) -> None:
    """Replace texts, by part. What a person wrote has that person's reason."""
    with transaction.atomic():
        row = _locked(draft, DraftState.DRAFTED, version)
        before = texts.of(row.components)
        after = before
        for part, text in rewritten.items():
            after = after.with_part(part, text)
        if after == before:
            raise DraftError(_("Nothing was changed."))
        components = texts.put_into(row.components, after)
        _check(row, components)
        row.components = components
        row.changes = [*row.changes, *_by_hand(before, after, reason)]
        row.version += 1
        row.save(update_fields=["components", "changes", "version"])
        _note(row, DraftAct.EDITED, by, reason, now)


def objection_to_approval(draft: TemplateDraft, person: User) -> str:
    """Why this person may not approve it; empty: they may."""
    worked = draft.steps.filter(by=person, act__in=[DraftAct.DRAFTED, DraftAct.EDITED])
    if worked.exists():
        return _("You worked on this, so someone else must approve it.")
    return ""


def approve(draft: TemplateDraft, *, version: int, reason: str, by: User, now: datetime) -> None:
    """Approve exactly the version that was read, of a template that is still the same."""
    with transaction.atomic():
        row = _locked(draft, DraftState.DRAFTED, version)
        if objection := objection_to_approval(row, by) or objection_to_source(row):
            raise DraftError(objection)
        _check(row, row.components)
        row.state = DraftState.APPROVED
        row.save(update_fields=["state"])
        _note(row, DraftAct.APPROVED, by, reason, now)
        incidents.close_alert(RULE, row.pk, now=now)


def discard(draft: TemplateDraft, *, reason: str, by: User, now: datetime) -> None:
    """Nothing comes of it. What is in review at Meta stays there; Daybreak never sends it."""
    with transaction.atomic():
        row = TemplateDraft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        if row.state not in DISCARDABLE:
            raise DraftError(
                _("%(draft)s can't be discarded: %(state)s.")
                % {"draft": row, "state": row.get_state_display()}
            )
        row.state, row.ended_at = DraftState.DISCARDED, now
        row.save(update_fields=["state", "ended_at"])
        _note(row, DraftAct.DISCARDED, by, reason, now)
        incidents.close_alert(RULE, row.pk, now=now)


def objection_to_source(draft: TemplateDraft) -> str:
    """Why it is no better version of its template any more; empty: it is."""
    source = MessageTemplate.objects.select_related("group").get(pk=draft.source_id)
    again = _("Discard this draft and draft a new one.")
    if template_schema.fingerprint(source.components) != draft.source_fingerprint:
        changed = _("Meta changed %(template)s after this was drafted.") % {"template": source}
        return f"{changed} {again}"
    if source.category != draft.category or not proposal.fits(source, draft.components):
        return _("It takes other values than %(template)s.") % {"template": source} + f" {again}"
    return ""


def unused_name(template: MessageTemplate) -> str:
    """The next name of this template that neither Meta nor a draft has ever had."""
    base = re.sub("[^a-z0-9_]", "_", VERSION.sub("", template.name.lower()))[:500]
    taken = set(
        MessageTemplate.objects.filter(name__startswith=base).values_list("name", flat=True)
    ) | set(TemplateDraft.objects.filter(name__startswith=base).values_list("name", flat=True))
    number = 2
    while f"{base}_v{number}" in taken:
        number += 1
    return f"{base}_v{number}"


def _begin(
    template: MessageTemplate, found: Proposal, *, by: User | None, now: datetime
) -> TemplateDraft:
    try:
        with transaction.atomic():
            source = MessageTemplate.objects.select_for_update(of=("self",)).get(pk=template.pk)
            if objection := objection_to_drafting(source):
                raise DraftError(objection)
            made = TemplateDraft.objects.create(
                source=source,
                source_fingerprint=template_schema.fingerprint(source.components),
                name=unused_name(source),
                category=source.category,
                components=found.components,
                changes=[_as_json(change) for change in found.changes],
                evidence=evidence.signals_of(source, now=now).evidence[:500],
                by_rule=by is None,
                created_at=now,
            )
            _note(made, DraftAct.DRAFTED, by, "", now)
            outbox.template_draft(EventKind.TEMPLATE_DRAFTED, made, now=now)
    except IntegrityError as error:  # two clicks at once: the other one drafted it
        raise DraftError(_("A better version is drafted already.")) from error
    for earlier in template.drafts.exclude(pk=made.pk):
        incidents.close_alert(RULE, earlier.pk, now=now)
    return made


def _locked(draft: TemplateDraft, state: DraftState, version: int) -> TemplateDraft:
    """The row as it is now; DraftError unless it is what the page displayed."""
    row = TemplateDraft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
    if row.version != version:
        raise DraftError(_("This changed since you opened it. Read it again."))
    if row.state != state:
        raise DraftError(
            _("This is no longer possible: %(state)s.") % {"state": row.get_state_display()}
        )
    return row


def problems(draft: TemplateDraft) -> list[str]:
    """What has to be edited before it can be approved."""
    return _problems(draft, draft.components)


def _check(row: TemplateDraft, components: list[dict[str, Any]]) -> None:
    if found := _problems(row, components):
        raise DraftError(" ".join(found))


def _problems(row: TemplateDraft, components: list[dict[str, Any]]) -> list[str]:
    found = [one.message for one in lint.problems(row.name, row.category, components)]
    if not proposal.fits(row.source, components):
        found.append(
            _("The variables must be the same as those of %(template)s.") % {"template": row.source}
        )
    if texts.of(components) == texts.of(row.source.components):
        found.append(_("It says the same as %(template)s.") % {"template": row.source})
    return found


def _by_hand(before: texts.Texts, after: texts.Texts, reason: str) -> list[dict[str, str]]:
    old = dict(before.parts())
    return [
        {
            "rule": BY_HAND,
            "part": part,
            "before": old.get(part, ""),
            "after": text,
            "reason": reason,
        }
        for part, text in after.parts()
        if text != old.get(part, "")
    ]


def _as_json(change: proposal.Change) -> dict[str, str]:
    return {name: getattr(change, name) for name in ("rule", "part", "before", "after", "reason")}


def _note(row: TemplateDraft, act: DraftAct, by: User | None, reason: str, at: datetime) -> None:
    DraftStep(draft=row, act=act, by=by, version=row.version, reason=reason[:300], at=at).save()
