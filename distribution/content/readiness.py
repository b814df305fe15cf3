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
CATEGORY, TTL = "message_template.correct_category", "message_template.send_ttl_seconds"


def problems_on(content: Content, day: date) -> list[ContentProblem]:
    """What keeps a content from being sent on that day; empty: it can be sent."""
    if content.state != ContentState.APPROVED:
        return [ContentProblem(STATE, "Its content is not approved: approve it.")]
    problems = list(_status(content.message_template))
    return problems or [*_changes(content), *validation.find_problems(content, day)]


def warnings_on(content: Content) -> list[ContentProblem]:
    """What Meta has changed, or will, that keeps nothing from being sent but should be decided."""
    template, found = content.message_template, []
    coming = template.correct_category
    if coming not in ("", template.category, approval.UTILITY):
        found.append(
            ContentProblem(
                CATEGORY,
                f"Meta will move the message template {template} from {template.category} to "
                f"{coming}: another price and other limits. Have Meta review it, or choose another "
                "one.",
            )
        )
    if approval.ttl_changed(content):
        found.append(
            ContentProblem(
                TTL,
                f"Meta keeps undelivered messages of {template} longer than when the content was "
                "approved: phones that were off get several mornings at once. Set its time to "
                "live again at Meta.",
            )
        )
    return found


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
