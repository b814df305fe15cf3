"""Mirror the message templates of our accounts as Meta lists them."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from distribution.drafting import creating
from distribution.mirror import templates
from distribution.mirror.ordering import is_stale
from distribution.models import MessageTemplate, QualitySource, TemplateStatus
from distribution.quality import history
from phonepool.cloud_api.client import CloudApi, TemplateFacts
from phonepool.exceptions import CloudApiError
from phonepool.models import Waba
from phonepool.numbers import accounts

log = logging.getLogger(__name__)

NOT_LISTED = "Meta does not list it any more"


def sync(api: CloudApi, *, now: datetime) -> int:
    """Write them down as Meta has them now; how many there are.

    An account that cannot be read does not hold up the others; the error is raised after them.
    """
    own = accounts.own_accounts()
    accounts.adopt_numbers()
    listed, failed = 0, None
    for meta_id in own.ids() or [""]:
        try:
            seen = api.message_templates(meta_id)
        except CloudApiError as error:
            log.warning("the templates of account %s could not be read: %s", meta_id, error)
            failed = error
            continue
        _mirror(seen, own.wabas.get(meta_id), now)
        creating.look_up(seen, own.wabas.get(meta_id), now=now)
        listed += len(seen)
    if failed is not None:
        raise failed
    return listed


def status_of(word: str) -> TemplateStatus:
    """Our status for Meta's; one that cannot be sent is OTHER."""
    upper = word.upper()
    return TemplateStatus(upper) if upper in TemplateStatus.values else TemplateStatus.OTHER


def _mirror(seen: Collection[TemplateFacts], waba: Waba | None, now: datetime) -> None:
    """Take over a complete list of an account's templates."""
    kept = []
    for facts in seen:
        with transaction.atomic():
            kept.append(_take_over(facts, waba, now))
    _drop_unlisted(kept, waba, now)


def _take_over(facts: TemplateFacts, waba: Waba | None, now: datetime) -> int:
    rows = MessageTemplate.objects.select_for_update(of=("self",))
    mine = rows.filter(
        Q(waba=waba) | Q(waba__isnull=True), name=facts.name, language=facts.language
    )
    template = mine.order_by("waba").first()
    status = status_of(facts.status)
    plain = {
        "waba": waba,
        "meta_id": facts.id,
        "components": list(facts.components),
        "sub_category": facts.sub_category[:40],
        "send_ttl_seconds": facts.send_ttl_seconds,
        "source": facts.source[:40],
        "synced_at": now,
    }
    if template is None:
        first = {
            "category": facts.category[:16],
            "correct_category": facts.correct_category[:16],
            "quality": facts.quality[:8],
            "status": status,
            "status_reason": _reason(facts),
        }
        created = MessageTemplate.objects.create(
            name=facts.name, language=facts.language, **plain, **first
        )
        templates.tell_category(created, now)
        return created.pk
    before = template.category, template.correct_category or template.category
    changed = _newer_facts(template, facts, now)
    rated = changed.get("quality", template.quality)
    history.note_template(template, template.quality, rated, QualitySource.POLL, at=now)
    MessageTemplate.objects.filter(pk=template.pk).update(**plain, **changed)
    for name, value in (plain | changed).items():
        setattr(template, name, value)
    if status != template.status and not is_stale(now, template.status_at, None, bad=False):
        templates.write_status(template, status, reason=_reason(facts), now=now)
    if before != (template.category, template.correct_category or template.category):
        templates.tell_category(template, now)
    return template.pk


def _reason(facts: TemplateFacts) -> str:
    """As notices spell it: REJECTED: INVALID_FORMAT."""
    if status_of(facts.status) == TemplateStatus.APPROVED:
        return ""
    words = [facts.status.upper(), facts.rejected_reason]
    return ": ".join(word for word in words if word)[:200]


def _newer_facts(template: MessageTemplate, facts: TemplateFacts, now: datetime) -> dict[str, Any]:
    """Quality and category, unless a notice is newer than this reading."""
    changed: dict[str, Any] = {}
    if not is_stale(now, template.quality_at, None, bad=False):
        changed["quality"] = facts.quality[:8]
    category = facts.category[:16]
    if category != template.category and not is_stale(now, template.category_at, None, bad=False):
        changed |= {"category": category, "category_before": template.category}
        changed |= {"category_at": now}
    coming = facts.correct_category[:16] or (category if "category" in changed else "")
    if coming and not is_stale(now, template.correct_category_at, None, bad=False):
        changed |= {"correct_category": coming, "correct_category_at": now}
    return changed


def _drop_unlisted(kept: Collection[int], waba: Waba | None, now: datetime) -> None:
    """What the account's complete list lacks cannot be sent."""
    ours = Q(waba=waba)
    if not Waba.objects.exclude(pk=waba.pk if waba else 0).exists():
        ours |= Q(waba__isnull=True)  # they can be of no other account
    with transaction.atomic():
        rows = MessageTemplate.objects.select_for_update(of=("self",)).filter(ours)
        older = Q(synced_at__isnull=True) | Q(synced_at__lt=now)
        for template in rows.filter(older).exclude(pk__in=kept).exclude(status_at__gt=now):
            if template.status_reason != NOT_LISTED:
                templates.write_status(
                    template, TemplateStatus.OTHER, reason=NOT_LISTED, now=now, synced_at=now
                )
