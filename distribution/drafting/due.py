"""Drafts that nobody asks for: where the rules of rotation warn, a better version is prepared.

Meta's review takes up to a day, so it has to be there before it is needed.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.utils.translation import gettext as _

from distribution.alerts import incidents
from distribution.drafting import drafts, evidence, proposal
from distribution.drafting.drafts import BY_HAND, RULE, DraftError
from distribution.models import GroupRole, MessageTemplate, RotationGroup
from distribution.quality import rotating
from distribution.quality.rules import Action
from distribution.runtime import india_time

log = logging.getLogger(__name__)


def draft_due(*, now: datetime) -> int:
    """Draft for each group whose primary is blocked or read less; how many were drafted.

    What was drafted once is not drafted again by itself, whatever became of it.
    """
    today = india_time.local_date(now)
    drafted = 0
    for group in RotationGroup.objects.order_by("pk"):
        decision = rotating.decision_for(group, today)
        if decision is None or decision.action is Action.KEEP:
            continue
        primary = group.templates.get(group_role=GroupRole.PRIMARY)
        if drafts.open_draft(primary) is None and not _was_drafted(primary, now):
            drafted += _draft(primary, now)
    return drafted


def _draft(primary: MessageTemplate, now: datetime) -> bool:
    try:
        made = drafts.draft(primary, by=None, now=now)
    except DraftError as error:
        log.info("no better version of template %d: %s", primary.pk, error)
        return False
    message = _("A better version of %(template)s waits for approval. %(evidence)s") % {
        "template": primary,
        "evidence": made.evidence,
    }
    incidents.raise_alert(RULE, made.pk, message=message.strip(), now=now)
    return True


def _was_drafted(primary: MessageTemplate, now: datetime) -> bool:
    found = proposal.propose(primary, evidence.signals_of(primary, now=now))
    wanted = [(one.rule, one.part, one.after) for one in found.changes]
    for earlier in primary.drafts.all():
        ruled = [one for one in earlier.changes if one["rule"] != BY_HAND]
        if [(one["rule"], one["part"], one["after"]) for one in ruled] == wanted:
            return True
    return False
