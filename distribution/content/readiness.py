"""Whether a content could be sent on a day, by its message template as Meta has it now.

The rules of the submission, and what only matters once it is to be sent: the status of the message
template, and whether it is the one that a person approved.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.utils.translation import gettext as _

from distribution.content import approval, template_accounts, validation
from distribution.content.validation import ContentProblem
from distribution.models import Content, ContentState, MessageTemplate

STATE, STATUS, CHANGE = "state", "message_template.status", "message_template.components"
CATEGORY, TTL = "message_template.correct_category", "message_template.send_ttl_seconds"


def problems_on(content: Content, day: date) -> list[ContentProblem]:
    """What keeps a content from being sent on that day; empty: it can be sent."""
    if content.state != ContentState.APPROVED:
        return [ContentProblem(STATE, _("The content is not approved."))]
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
                _(
                    "Meta will change the category of message template %(template)s from "
                    "%(category)s to %(coming)s, with a different price and limits. Ask Meta for "
                    "a review, or choose another template."
                )
                % {"template": template, "category": template.category, "coming": coming},
            )
        )
    if approval.ttl_changed(content):
        found.append(
            ContentProblem(
                TTL,
                _(
                    "Meta now keeps undelivered messages of %(template)s longer than when the "
                    "content was approved, so phones that were off get several messages at once. "
                    "Set the time to live at Meta again."
                )
                % {"template": template},
            )
        )
    return found


def _status(template: MessageTemplate) -> Iterator[ContentProblem]:
    """Any of our accounts may have it approved, but one with a usable number has to."""
    if not template_accounts.is_approved(template):
        yield ContentProblem(
            STATUS,
            _(
                "Message template %(template)s is %(status)s at Meta. Choose an approved template, "
                "or wait for Meta."
            )
            % {"template": template, "status": template.status},
        )
    elif not template_accounts.has_number(template):
        yield ContentProblem(
            STATUS,
            _(
                "No phone number can send message template %(template)s. It must be approved with "
                "the same components in a number's WhatsApp account."
            )
            % {"template": template},
        )


def _changes(content: Content) -> Iterator[ContentProblem]:
    template = content.message_template
    if approval.template_changed(content):
        yield ContentProblem(
            CHANGE,
            _(
                "Message template %(template)s was changed at Meta after the content was approved. "
                "Check it, then get a new version approved."
            )
            % {"template": template},
        )
    if approval.category_changed(content):
        yield ContentProblem(
            CHANGE,
            _(
                "Meta changed the category of message template %(template)s to %(category)s after "
                "the content was approved. Choose another template, or get a new version approved."
            )
            % {"template": template, "category": template.category},
        )
