"""Which phone numbers may carry a content: those whose WhatsApp account has its message template,
and that have a copy of its file.

The numbers are passed to `pool.reserve`, once for each batch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.content import media_copies, template_accounts
from distribution.content.validation import ContentProblem
from distribution.models import Content
from phonepool.models import PhoneNumber

_OWNER_UNKNOWN = gettext_lazy(
    "Daybreak can't tell which phone number the file was uploaded for, and Meta accepts it only "
    "from that one. Upload the file again."
)


@dataclass(frozen=True, slots=True)
class EligibleNumbers:
    """The numbers that may carry a content on a day, and the file's id for each of them."""

    allowed: Collection[int] | None  # ids of our numbers; None: any
    media_ids: dict[int, str]

    def media_id(self, number_id: int) -> str:
        """The id of the content's file for this number; empty: as the content has it."""
        return self.media_ids.get(number_id, "")


def for_content(content: Content, day: date) -> EligibleNumbers:
    """One statement while there is one account; at most two more for a content with a file."""
    able = template_accounts.numbers_with(content.message_template)
    ids = media_copies.ids_on(content, day)
    if ids is None:
        return EligibleNumbers(able, {})
    return EligibleNumbers(frozenset(ids) if able is None else able & ids.keys(), ids)


def problems_on(content: Content, day: date) -> list[ContentProblem]:
    """That none of the numbers that can send today may carry it, or that nobody knows which."""
    able = [*PhoneNumber.objects.usable(), *PhoneNumber.objects.standing_by()]
    if media_copies.ids_on(content, day) is None:
        # Meta refuses a file from any number but the one that it was uploaded for.
        return [_owner_unknown()] if media_copies.has_file(content) and len(able) > 1 else []
    allowed = for_content(content, day).allowed or ()
    if not able or any(number.pk in allowed for number in able):
        return []
    sentence = _(
        "On %(day)s no phone number that can send has the %(kind)s at Meta. Upload it again, or "
        "wait for the upload to finish."
    )
    facts = {"day": f"{day:%d %b %Y}", "kind": content.media["type"]}
    return [ContentProblem("media", sentence % facts)]


def _owner_unknown() -> ContentProblem:
    return ContentProblem("media", str(_OWNER_UNKNOWN))
