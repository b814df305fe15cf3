"""Which of our WhatsApp accounts have a message template, and so which phone numbers can send it.

A number can send only the templates of its own account. If that account has no approved template
of the same name, language and components, the number is not used for the content.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q
from django.utils.translation import gettext as _

from distribution.content import template_schema
from distribution.models import MessageTemplate, TemplateStatus
from phonepool.models import NumberState, PhoneNumber, Quality
from phonepool.numbers import accounts


def numbers_with(template: MessageTemplate) -> frozenset[int] | None:
    """Ids of the numbers that can send it; None: all, because there is one account at most."""
    if not accounts.others_exist(template.waba_id):
        return None
    wabas = _accounts_with(template)
    rows = PhoneNumber.objects.all()
    if None not in wabas:  # of a template whose account is not known all numbers may have it
        rows = rows.filter(Q(waba__in=wabas) | Q(waba__isnull=True))
    return frozenset(rows.values_list("pk", flat=True)) if wabas else frozenset()


def can_be_sent(template: MessageTemplate, *, but: Collection[int] = ()) -> bool:
    """Whether Meta has it approved in an account of ours that has a number for it.

    `but`: ids of accounts that are out of the question; then the account of the number is known,
    and the number not disabled or flagged.
    """
    if not but:
        return is_approved(template) and has_number(template)
    accounts_left = {pk for pk in _accounts_with(template) if pk is not None} - set(but)
    able = PhoneNumber.objects.filter(waba__in=accounts_left).exclude(state=NumberState.DISABLED)
    return able.exclude(quality=Quality.FLAGGED).exists()


def left_out(template: MessageTemplate) -> str:
    """That some numbers which could send do not have it, in a sentence; empty: all have it."""
    able = numbers_with(template)
    if able is None:
        return ""
    usable = [*PhoneNumber.objects.usable(), *PhoneNumber.objects.standing_by()]
    missing = [number.label for number in usable if number.pk not in able]
    if not missing:
        return ""
    return _(
        "Not sent by %(numbers)s. Message template %(template)s is not approved with the same "
        "components in their WhatsApp account."
    ) % {"numbers": ", ".join(missing), "template": template}


def has_number(template: MessageTemplate) -> bool:
    """Whether a number of the pool can send it; a resting one is soon back.

    While all are disabled, that is another fault and not the template's.
    """
    eligible = numbers_with(template)
    in_pool = PhoneNumber.objects.exclude(state=NumberState.DISABLED)
    return eligible is None or in_pool.filter(pk__in=eligible).exists() or not in_pool.exists()


def is_approved(template: MessageTemplate) -> bool:
    """Whether any of our accounts has it approved."""
    return bool(_accounts_with(template))


def _accounts_with(template: MessageTemplate) -> set[int | None]:
    """The accounts in which Meta has approved the same template."""
    wanted = template_schema.fingerprint(template.components)
    named = MessageTemplate.objects.filter(
        name=template.name, language=template.language, status=TemplateStatus.APPROVED
    )
    return {row.waba_id for row in named if template_schema.fingerprint(row.components) == wanted}
