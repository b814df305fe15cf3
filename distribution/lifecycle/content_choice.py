"""Which content a distribution sends, by the fallback ladder.

The planned content; the same words on another template of its rotation group, if Meta lets its own
not be sent; the approved fallback; else the distribution is held back. From the evening before,
`content_watch` tells on which rung it stands, and `ladder.py` fixes those that may follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from distribution.alerts.catalogue import AlertRule
from distribution.content import eligible_numbers, readiness, template_accounts, validation
from distribution.content.validation import ContentProblem
from distribution.models import Content, Distribution, MessageTemplate
from distribution.quality import groups, sent_templates

# The alert by the field of the first problem; any other field is about the content itself.
RULES = {
    readiness.STATE: AlertRule.NO_CONTENT,
    readiness.STATUS: AlertRule.TEMPLATE_NOT_APPROVED,
}


@dataclass(frozen=True, slots=True)
class ContentChoice:
    """The content to send; `rule` and `message` say what is wrong with the planned one."""

    content: Content | None
    rule: AlertRule | None = None
    message: str = ""
    blocking: bool = False
    template: MessageTemplate | None = None  # that it is sent with, if not its own

    @property
    def sent(self) -> Content | None:
        """The content as it is sent."""
        if self.content is None or self.template is None:
            return self.content
        return sent_templates.carried_by(self.content, self.template)


def choose(distribution: Distribution) -> ContentChoice:
    """Check the planned content for the distribution's day, and the fallback if it fails."""
    day = distribution.local_date
    planned = distribution.content or Content.objects.approved_for(day)
    if planned is None:
        message = f"No content is approved for {day:%d %b %Y}, and there is no approved fallback."
        return ContentChoice(None, AlertRule.NO_CONTENT, f"{message} Approve one.", blocking=True)
    problems = problems_on(planned, day)
    if not problems:
        return _sent(planned)
    if sibling := _sibling(planned, problems, day):
        message = (
            f"“{planned.title}” is sent with {sibling}, of the same rotation group: "
            f"{_sentences(problems)}"
        )
        rule = AlertRule.TEMPLATE_NOT_APPROVED
        return ContentChoice(planned, rule, message, template=sibling)
    fallback = Content.objects.fallback()
    if fallback is None or fallback == planned:
        return _blocked(planned, problems, _sentences(problems))
    of_fallback = problems_on(fallback, day)
    if of_fallback:
        both = (
            f"{_sentences(problems)} The fallback “{fallback.title}” can't be sent either: "
            f"{_sentences(of_fallback)}"
        )
        return _blocked(planned, problems, both)
    message = (
        f"The fallback “{fallback.title}” is sent because “{planned.title}” can't be: "
        f"{_sentences(problems)}"
    )
    return ContentChoice(fallback, AlertRule.CONTENT_INVALID, message)


def _sent(content: Content) -> ContentChoice:
    if warnings := readiness.warnings_on(content):
        message = f"“{content.title}” can be sent, but check this: {_sentences(warnings)}"
        return ContentChoice(content, AlertRule.CONTENT_INVALID, message)
    return ContentChoice(content)


def _sibling(
    content: Content, problems: Sequence[ContentProblem], day: date
) -> MessageTemplate | None:
    """The best template that can carry the content in place of its own; None: its own can be sent,
    or none can. What a person approved are the content's texts and the group."""
    if problems[0].field != readiness.STATUS:
        return None
    return next(carriers(content, content.message_template, day), None)


def carriers(content: Content, used: MessageTemplate, day: date) -> Iterator[MessageTemplate]:
    """The other templates of the group that can carry the content on that day, the best first."""
    for one in groups.siblings(used):
        carried = sent_templates.carried_by(content, one)
        if template_accounts.can_be_sent(one) and not [
            *validation.find_problems(carried, day),
            *eligible_numbers.problems_on(carried, day),
        ]:
            yield one


def problems_on(content: Content, day: date) -> list[ContentProblem]:
    """What keeps it from being sent on that day, by the pool as well; empty: it can be sent."""
    return readiness.problems_on(content, day) or eligible_numbers.problems_on(content, day)


def _blocked(content: Content, problems: Sequence[ContentProblem], message: str) -> ContentChoice:
    rule = RULES.get(problems[0].field, AlertRule.CONTENT_INVALID)
    if rule is AlertRule.CONTENT_INVALID:
        message = f"“{content.title}” can't be sent: {message}"
    return ContentChoice(content, rule, message, blocking=True)


def _sentences(problems: Sequence[ContentProblem]) -> str:
    return " ".join(problem.message for problem in problems)
