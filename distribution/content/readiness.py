"""Whether a content could be sent on a day, by its message template as Meta has it now.

The rules of the submission, and what only matters once it is to be sent: the status of the message
template, and whether it is the one that a person approved.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from distribution.content import approval, template_accounts, validation
from distribution.content.validation import ContentProblem
from distribution.models import Content, ContentState, MessageTemplate

STATE, STATUS, CHANGE = "state", "message_template.status", "message_template.components"


def problems_on(content: Content, day: date) -> list[ContentProblem]:
    """What keeps a content from being sent on that day; empty: it can be sent."""
    if content.state != ContentState.APPROVED:
        return [ContentProblem(STATE, "Its content is not approved: approve it.")]
    problems = list(_status(content.message_template))
    return problems or [*_changes(content), *validation.find_problems(content, day)]


def _status(template: MessageTemplate) -> Iterator[ContentProblem]:
    """Any of our accounts may have it approved, but one with a usable number has to."""
    if not template_accounts.is_approved(template):
        yield ContentProblem(
            STATUS,
            f"Meta has the message template {template} as {template.status}: "
            "choose an approved one or wait for Meta.",
        )
    elif not template_accounts.has_number(template):
        yield ContentProblem(
            STATUS,
            f"No phone number can send the message template {template}: their WhatsApp accounts "
            "do not have it approved with the same components.",
        )


def _changes(content: Content) -> Iterator[ContentProblem]:
    template = content.message_template
    if approval.template_changed(content):
        yield ContentProblem(
            CHANGE,
            f"Meta's message template {template} was changed since the content was approved: "
            "look at it, then have a new version approved.",
        )
    if approval.category_changed(content):
        yield ContentProblem(
            CHANGE,
            f"Meta moved the message template {template} to {template.category} since the content "
            "was approved: choose another one, or have a new version approved.",
        )
