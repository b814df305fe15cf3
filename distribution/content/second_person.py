"""Who cannot decide about a content: whoever worked on it, with their own hands or by a token."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from distribution.models import Approval, Content, Decision

AUTHOR, WORKER, TOKEN_MAKER = "author", "worker", "maker of its token"
OBJECTIONS = {
    AUTHOR: gettext_lazy("You wrote this, so someone else must decide."),
    WORKER: gettext_lazy("You worked on this, so someone else must decide."),
    TOKEN_MAKER: gettext_lazy(
        "This was submitted with an API token you created, so someone else must decide."
    ),
}


def objection(content: Content, person: AbstractBaseUser) -> str:
    """Why this person cannot decide, in a sentence; '' if they can."""
    part = part_in(content, person)
    return str(OBJECTIONS[part]) if part else ""


def part_in(content: Content, person: AbstractBaseUser) -> str:
    """What this person did for the content, a key of OBJECTIONS; '' for a second person.

    Who made an API token counts as a worker on what came by it, whomever it acts for.
    """
    if content.author_id == person.pk:
        return AUTHOR
    work = _work(content)
    if work.filter(by_id=person.pk).exists():
        return WORKER
    return TOKEN_MAKER if work.filter(token__created_by_id=person.pk).exists() else ""


def workers(content: Content) -> set[int]:
    """The ids of all for whom there is an objection."""
    pairs = _work(content).values_list("by_id", "token__created_by_id")
    return {content.author_id, *(pk for pair in pairs for pk in pair if pk is not None)}


def _work(content: Content) -> QuerySet[Approval]:
    return content.approvals.filter(decision__in=[Decision.EDITED, Decision.SUBMITTED])
