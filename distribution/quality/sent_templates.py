"""Which template each person of a distribution gets: the one in use, or the standby that is kept
warm.

A standby that is never sent has no quality at Meta, is subject to pacing, and cannot be compared.
So a small share of each morning gets it, chosen by a hash of person and day: nobody gets it each
day. On another rung of the ladder everybody gets the rung's template.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from distribution.content import template_accounts
from distribution.ledger.claims import ClaimedDelivery, SentAs
from distribution.ledger.template_shares import PER_MILLE, SentWith, place
from distribution.models import (
    Content,
    Distribution,
    GroupRole,
    LadderRung,
    MessageTemplate,
)
from distribution.quality import groups

UNHARMED = ("GREEN", "UNKNOWN", "")
COMPARABLE_SENDS = 1050  # in seven mornings: Meta compares templates from 1,000 sends on
LEAST_SHARE, LARGEST_SHARE = 10, 100  # per mille of a morning


@dataclass(frozen=True, slots=True)
class SentTemplates:
    """The content of a distribution as it is sent, in the words of each template."""

    content: Content
    warm: Content | None = None
    warm_per_mille: int = 0
    day: int = 0  # ordinal
    rung: LadderRung | None = None  # another one than the first

    def for_person(self, subscriber_id: int) -> Content:
        """The content with the template that this person gets."""
        if self.warm is None or place(subscriber_id, self.day) >= self.warm_per_mille:
            return self.content
        return self.warm

    def sent_with(self, subscriber_id: int) -> SentWith:
        """How a message to this person leaves."""
        if self.rung is not None:
            return SentWith(self.rung.place, self.rung.message_template_id)
        sent = self.for_person(subscriber_id)
        return SentWith(0, None if sent is self.content else sent.message_template_id)

    def sent_as(self, group: Iterable[ClaimedDelivery]) -> SentAs:
        """What is stored of these messages when they are marked in flight."""
        templates = {row.pk: self.sent_with(row.subscriber_id).template_id for row in group}
        others = {pk: template for pk, template in templates.items() if template is not None}
        if self.rung is None:
            return SentAs(templates=others)
        return SentAs(self.rung.pk, self.rung.place, others)


def of(distribution: Distribution, content: Content) -> SentTemplates:
    """As it was fixed when the distribution opened, or as its present rung has it."""
    if distribution.rung is not None:
        rung = distribution.rung
        return SentTemplates(carried_by(rung.content, rung.message_template), rung=rung)
    main = distribution.used_template
    assert main is not None  # it has a content
    warm = distribution.warm_template
    return SentTemplates(
        content=carried_by(content, main),
        warm=carried_by(content, warm) if warm else None,
        warm_per_mille=distribution.warm_per_mille,
        day=distribution.local_date.toordinal(),
    )


def carried_by(content: Content, template: MessageTemplate) -> Content:
    """The content, to be rendered with another template of its group. Not to be saved."""
    if content.message_template == template:
        return content
    sent = copy.copy(content)
    sent._state = copy.copy(content._state)
    sent._state.fields_cache = {**content._state.fields_cache}
    sent.message_template = template
    return sent


def fix(distribution: Distribution, content: Content, *, recipients: int) -> None:
    """Decide it for a distribution that opens; sets fields, saves nothing."""
    planned = content.message_template
    if planned.group_id is None or distribution.message_template_id is not None:
        return
    used = groups.in_use(planned)
    distribution.message_template = used if used != planned else None
    standby = _standby_to_warm(used, distribution.local_date)
    if standby is not None:
        distribution.warm_template = standby
        distribution.warm_per_mille = warm_share(recipients)


def warm_share(recipients: int) -> int:
    """Per mille of a morning that gets the standby: 1,050 people in seven mornings, between 1% and
    10%."""
    if not recipients:
        return 0
    wanted = -(-COMPARABLE_SENDS * PER_MILLE // (7 * recipients))
    return min(LARGEST_SHARE, max(LEAST_SHARE, wanted))


def stop_warming(distribution_id: int) -> bool:
    """Nobody gets the standby any more; False if nobody did. What waits goes out with the main
    template, and a fault that remains is that one's."""
    rows = Distribution.objects.filter(pk=distribution_id, warm_per_mille__gt=0)
    return bool(rows.update(warm_per_mille=0))


def _standby_to_warm(used: MessageTemplate, day: date) -> MessageTemplate | None:
    """The standby that is to be kept in use: GREEN or not rated yet, and known to all numbers that
    carry the main one. Several take turns, each for a week, so that each becomes comparable."""
    carriers = template_accounts.numbers_with(used)
    ready = [
        one
        for one in groups.siblings(used)
        if one.group_role == GroupRole.STANDBY
        and one.quality in UNHARMED
        and _reaches(one, carriers)
    ]
    week = day.toordinal() // 7
    return sorted(ready, key=lambda one: one.pk)[week % len(ready)] if ready else None


def _reaches(standby: MessageTemplate, carriers: frozenset[int] | None) -> bool:
    able = template_accounts.numbers_with(standby)
    return able is None or (carriers is not None and carriers <= able)
