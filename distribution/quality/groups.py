"""Rotation groups: which templates may stand in for each other, and which one is in use.

The only writer of a template's group and role. A group has one account, one language, one category
and one signature, so that an approved content fits each of its templates.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from distribution.content import template_accounts
from distribution.ledger import outbox
from distribution.models import (
    GroupRole,
    MessageTemplate,
    RotationCause,
    RotationChange,
    RotationGroup,
    TemplateStatus,
)
from distribution.quality import signature

RED = "RED"
ORDER = {GroupRole.PRIMARY: 0, GroupRole.STANDBY: 1, GroupRole.RESTING: 2}
COLOUR_RANK = {"GREEN": 0, "": 1, "UNKNOWN": 1, "YELLOW": 2, RED: 3}
MAX_TEMPLATES = 6


class GroupError(Exception):
    """The group cannot be made or changed so; the text says why."""


def create(
    name: str, templates: Collection[MessageTemplate], *, primary: MessageTemplate
) -> RotationGroup:
    """A group of these templates. Raises GroupError if they cannot stand in for each other."""
    if objection := objection_to(templates):
        raise GroupError(objection)
    if RotationGroup.objects.filter(name=name).exists():
        raise GroupError(_("There is a group named %(name)s already.") % {"name": name})
    if primary not in templates:
        raise GroupError(_("Choose the primary among the templates of the group."))
    with transaction.atomic():
        group = RotationGroup.objects.create(name=name)
        for template in templates:
            role = GroupRole.PRIMARY if template == primary else GroupRole.STANDBY
            if not _join(group, template, role):
                raise GroupError(_in_another_group(template))
    return group


def add(group: RotationGroup, template: MessageTemplate) -> None:
    """Put one more template into the group, on standby."""
    with transaction.atomic():
        RotationGroup.objects.select_for_update().get(pk=group.pk)
        if objection := objection_to([*group.templates.all(), template]):
            raise GroupError(objection)
        if not _join(group, template, GroupRole.STANDBY):
            raise GroupError(_in_another_group(template))


def objection_to(templates: Collection[MessageTemplate]) -> str:
    """Why these templates are no group; empty: they can be one."""
    if not 2 <= len(templates) <= MAX_TEMPLATES:
        return _("A group has between 2 and %(most)s templates.") % {"most": MAX_TEMPLATES}
    if len({template.waba_id for template in templates}) > 1:
        return _("The templates belong to different WhatsApp accounts.")
    first, *others = templates
    for other in others:
        if signature.of(other) != signature.of(first):
            return _(
                "%(other)s does not fit %(first)s: language, category, header, variables and "
                "button addresses must be the same."
            ) % {"other": other, "first": first}
    return ""


def siblings(template: MessageTemplate) -> list[MessageTemplate]:
    """The templates that can be sent in place of this one now, the best first; one query.

    Approved, in the same category as this one, not RED, with the same signature. The primary comes
    first, then those on standby and those at rest, each by their colour at Meta.
    """
    if template.group_id is None:
        return []
    others = MessageTemplate.objects.filter(
        group_id=template.group_id, status=TemplateStatus.APPROVED
    ).exclude(pk=template.pk)
    wanted = signature.of(template)
    ready = [one for one in others if one.quality != RED and signature.of(one) == wanted]
    return sorted(ready, key=preference)


def in_use(template: MessageTemplate) -> MessageTemplate:
    """The template that carries a content of this template: its group's primary if that is another
    one that can be sent and takes the same values, else the template itself."""
    if template.group_id is None or template.group_role == GroupRole.PRIMARY:
        return template
    primary = next((one for one in siblings(template) if _is_primary(one)), None)
    can_carry = primary is not None and template_accounts.can_be_sent(primary)
    return primary if primary is not None and can_carry else template


def make_primary(
    template: MessageTemplate,
    *,
    cause: RotationCause,
    reason: str,
    now: datetime,
    by: User | None = None,
) -> RotationChange:
    """Take a template of a group into use, from the next distribution on.

    What was in use goes on standby if a person decided, and rests if it did harm.
    """
    with transaction.atomic():
        group = RotationGroup.objects.select_for_update().get(templates=template)
        rows = MessageTemplate.objects.select_for_update(of=("self",)).filter(group=group)
        members = {row.pk: row for row in rows.order_by("pk")}
        after = members[template.pk]
        before = next((row for row in members.values() if _is_primary(row)), None)
        if before == after:
            raise GroupError(_("%(template)s is the primary already.") % {"template": after})
        if objection := objection_to_use(after):
            raise GroupError(objection)
        if before is not None and signature.of(before) != signature.of(after):
            raise GroupError(objection_to([before, after]))
        aside = GroupRole.STANDBY if cause == RotationCause.MANUAL else GroupRole.RESTING
        if before is not None:
            MessageTemplate.objects.filter(pk=before.pk).update(group_role=aside)
        MessageTemplate.objects.filter(pk=after.pk).update(group_role=GroupRole.PRIMARY)
        change = RotationChange(
            group=group, before=before, after=after, cause=cause, reason=reason[:300], by=by, at=now
        )
        change.save()
        outbox.rotation(change, now=now)
    template.refresh_from_db()
    return change


def objection_to_use(template: MessageTemplate) -> str:
    """Why it cannot be the primary now; empty: it can."""
    if template.status == TemplateStatus.APPROVED and template.quality != RED:
        return ""
    return _("%(template)s is %(status)s at Meta, quality %(quality)s. It can't be used.") % {
        "template": template,
        "status": template.get_status_display().lower(),
        "quality": (template.quality or _("unknown")).lower(),
    }


def put_aside(template: MessageTemplate, role: GroupRole) -> None:
    """Rest a standby, or bring back a resting one. The primary is changed by `make_primary`."""
    if role == GroupRole.PRIMARY:
        raise ValueError("make_primary changes the primary")
    MessageTemplate.objects.filter(pk=template.pk, group__isnull=False).exclude(
        group_role=GroupRole.PRIMARY
    ).update(group_role=role)


def _join(group: RotationGroup, template: MessageTemplate, role: GroupRole) -> int:
    free = MessageTemplate.objects.filter(pk=template.pk, group=None)
    return free.update(group=group, group_role=role, rotation_group=group.name)


def _in_another_group(template: MessageTemplate) -> str:
    return _("%(template)s is in another group already.") % {"template": template}


def _is_primary(template: MessageTemplate) -> bool:
    return template.group_role == GroupRole.PRIMARY


def preference(template: MessageTemplate) -> tuple[int, int, str]:
    """Sorts the templates of a group: the primary, then by role and by colour at Meta."""
    role = ORDER.get(GroupRole(template.group_role), len(ORDER))
    return role, COLOUR_RANK.get(template.quality, 1), template.name
