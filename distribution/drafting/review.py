"""Follow a created draft through Meta's review, to the standby of its rotation group.

Meta's word comes by notice or by the regular sync; both end in `follow`. What Meta files in another
category costs more and may be capped, so it is refused for good: it joins no group.
"""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import outlook, template_schema
from distribution.drafting import texts
from distribution.ledger import outbox
from distribution.models import (
    DraftState,
    EventKind,
    MessageTemplate,
    RotationGroup,
    TemplateDraft,
    TemplateStatus,
)
from distribution.quality import groups
from distribution.quality.groups import GroupError
from distribution.runtime import india_time
from phonepool.cloud_api.client import TemplateFacts

RULE = AlertRule.TEMPLATE_DRAFT
FINAL = {
    TemplateStatus.APPROVED: DraftState.READY,
    TemplateStatus.REJECTED: DraftState.REJECTED,
    TemplateStatus.DISABLED: DraftState.REJECTED,
}
OTHER_REASON = "OTHER"


def texts_of(components: object) -> tuple[texts.Texts, str]:
    """What two templates must share to be the same: the words, and the kind of header."""
    return texts.of(components), template_schema.parse(components).header


def adopt(draft: TemplateDraft, facts: TemplateFacts, *, now: datetime) -> TemplateDraft:
    """Meta has it: mirror it, and go on from what Meta says."""
    with transaction.atomic():
        row = TemplateDraft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        if row.state != DraftState.SUBMITTED:  # the sync was faster
            return row
        source = row.source
        template, _created = MessageTemplate.objects.get_or_create(
            waba=source.waba,
            name=facts.name,
            language=source.language,
            defaults={
                "meta_id": facts.id,
                "category": facts.category[:16],
                "correct_category": facts.correct_category[:16],
                "status": _status(facts.status),
                "status_reason": facts.rejected_reason,
                "components": list(facts.components),
                # No sync that began before this may take it for deleted.
                "synced_at": now,
            },
        )
        row.state, row.template, row.answer = DraftState.PENDING, template, ""
        row.save(update_fields=["state", "template", "answer"])
        follow(template, now=now)
        row.refresh_from_db()
    return row


def follow(template: MessageTemplate, *, now: datetime) -> None:
    """Decide on the draft behind a template from what Meta says of it now, if it is in review."""
    pending = TemplateDraft.objects.filter(template=template.pk, state=DraftState.PENDING)
    with transaction.atomic():
        row = pending.select_for_update(of=("self",)).select_related("source__group").first()
        if row is None:
            return
        row.template = template
        told = template.correct_category or template.category
        if {template.category, told} != {row.category}:
            other = told if told != row.category else template.category
            _end(row, DraftState.WRONG_CATEGORY, _wrong_category(row, other, now), now)
        elif (state := FINAL.get(TemplateStatus(template.status))) is not None:
            words = _join(row) if state == DraftState.READY else rejection(template)
            _end(row, state, words, now)


def rejection(template: MessageTemplate) -> str:
    """Why Meta rejected it, in plain words, and what to do."""
    found = next((row for row in REJECTIONS if row["reason"] in template.status_reason), None)
    if found is None:
        found = next(row for row in REJECTIONS if row["reason"] == OTHER_REASON)
    return f"{_(found['means'])} {_(found['to_do'])}"


def _end(row: TemplateDraft, state: DraftState, words: str, now: datetime) -> None:
    row.state, row.answer, row.ended_at = state, words[:600], now
    row.save(update_fields=["state", "answer", "ended_at"])
    outbox.template_draft(EventKind.TEMPLATE_REVIEWED, row, now=now)
    if state == DraftState.READY and not words:
        incidents.close_alert(RULE, row.pk, now=now)
        return
    message = f"{row}: {row.get_state_display()}. {words}"
    incidents.raise_alert(RULE, row.pk, message=message, now=now)


def _join(row: TemplateDraft) -> str:
    """On standby from now on; else why not. A template without a group gets one with it."""
    template, source = row.template, row.source
    assert template is not None
    try:
        if source.group is not None:
            groups.add(source.group, template)
        else:
            groups.create(_group_name(source), [source, template], primary=source)
    except GroupError as error:
        return _("Meta approved it, but it is on standby nowhere. %(why)s") % {"why": error}
    return ""


def _group_name(source: MessageTemplate) -> str:
    name = slugify(source.name.replace("_", "-"))[:36] or "group"
    number, found = 1, name
    while RotationGroup.objects.filter(name=found).exists():
        number += 1
        found = f"{name}-{number}"
    return found


def _wrong_category(row: TemplateDraft, other: str, now: datetime) -> str:
    price = outlook.change_words(row.category, other, on=india_time.local_date(now))
    words = _(
        "Meta files it as %(other)s, not %(wanted)s, so Daybreak never sends it. %(price)s Draft a "
        "new version without words that promote or persuade, or ask for a review in WhatsApp "
        "Manager within 60 days."
    ) % {"other": other.lower(), "wanted": row.category.lower(), "price": price}
    return " ".join(words.split())


def _status(word: str) -> TemplateStatus:
    upper = word.upper()
    return TemplateStatus(upper) if upper in TemplateStatus.values else TemplateStatus.OTHER


def _read() -> list[dict[str, Any]]:
    table = Path(__file__).with_name("rejections.csv").read_text("utf-8").splitlines()
    return list(csv.DictReader(table))


REJECTIONS = _read()
