"""Create an approved draft at Meta: once, whatever is clicked twice, breaks off or gets no answer.

It is noted as under way before the call. Whoever finds it so later cannot know how the call ended,
and looks for its name among Meta's templates before anything is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from distribution.content import template_schema
from distribution.drafting import drafts, review
from distribution.drafting.drafts import DraftError
from distribution.models import DraftAct, DraftState, DraftStep, MessageTemplate, TemplateDraft
from phonepool.cloud_api.client import CloudApi, CreatedTemplate, TemplateFacts
from phonepool.errors import BY_SLUG, Action
from phonepool.exceptions import CloudApiError, NotSent, Rejected
from phonepool.models import Waba
from phonepool.numbers import accounts

log = logging.getLogger(__name__)

UNDER_WAY = timedelta(seconds=60)  # longer than a call takes: after that it broke off
LISTED_AFTER = timedelta(minutes=10)  # what Meta does not list by then, it did not get
NAME_TAKEN = tuple(BY_SLUG[slug] for slug in ("template_exists", "template_name_deleted"))


def objection(draft: TemplateDraft, *, now: datetime) -> str:
    """Why it cannot be created now; empty: it can."""
    if draft.state == DraftState.SUBMITTED and not _broke_off(draft, now):
        return _("It is being created at this moment. Look again in a minute.")
    if draft.state not in (DraftState.APPROVED, DraftState.SUBMITTED):
        return _("It can't be created: %(state)s.") % {"state": draft.get_state_display()}
    if not _account(draft.source):
        return _("It is not known to which WhatsApp account it belongs. Sync with Meta.")
    return "" if draft.state == DraftState.SUBMITTED else drafts.objection_to_source(draft)


def create(api: CloudApi, draft: TemplateDraft, *, by: User, now: datetime) -> TemplateDraft:
    """Create it, or find out whether an earlier call did. Raises DraftError with what Meta says.

    Must run outside of a transaction.
    """
    row, earlier = _begin(draft, by, now)
    found = _find(api, row) if earlier or needs_manager(row) else None
    if found is None and needs_manager(row):
        words = _(
            "Meta has no template named %(name)s. Create it in WhatsApp Manager with these texts "
            "and a sample file, then choose Create at Meta again."
        )
        raise _refused(row, words % {"name": row.name})
    if found is not None:
        return review.adopt(row, found, now=now)
    try:
        answer = api.create_template(_account(row.source), _body(row))
    except CloudApiError as error:
        return _failed(api, row, error, now)
    return review.adopt(row, _facts(row, answer), now=now)


def needs_manager(draft: TemplateDraft) -> bool:
    """Meta takes the sample of a picture, video or document from its own upload only."""
    return template_schema.parse(draft.components).needs_media


def look_up(seen: Collection[TemplateFacts], waba: Waba | None, *, now: datetime) -> None:
    """Settle the calls whose end is unknown, from a complete list of an account's templates."""
    waiting = TemplateDraft.objects.filter(state=DraftState.SUBMITTED, source__waba=waba)
    for row in waiting.select_related("source"):
        facts = _among(seen, row)
        if facts is not None:
            review.adopt(row, facts, now=now)
        elif row.submitted_at is not None and row.submitted_at <= now - LISTED_AFTER:
            words = _("Meta never got it. Choose Create at Meta again.")
            _back(row, words)


def _begin(draft: TemplateDraft, by: User, now: datetime) -> tuple[TemplateDraft, bool]:
    """Note that it is under way; whether an earlier call may have created it."""
    with transaction.atomic():
        rows = TemplateDraft.objects.select_for_update(of=("self",)).select_related("source")
        row = rows.get(pk=draft.pk)
        if reason := objection(row, now=now):
            raise DraftError(reason)
        earlier = row.state == DraftState.SUBMITTED
        row.state, row.submitted_at, row.answer = DraftState.SUBMITTED, now, ""
        row.save(update_fields=["state", "submitted_at", "answer"])
        DraftStep(draft=row, act=DraftAct.CREATED, by=by, version=row.version, at=now).save()
    return row, earlier


def _failed(
    api: CloudApi, row: TemplateDraft, error: CloudApiError, now: datetime
) -> TemplateDraft:
    """Nothing was created, unless it is unknown or an earlier call did it."""
    log.warning("draft %d was not created: %s", row.pk, error)
    if isinstance(error, NotSent):
        words = _("Meta couldn't be reached, so nothing was created. Try again in a few minutes.")
        raise _refused(row, words) from error
    unknown = not isinstance(error, Rejected) or error.failure.action is Action.UNKNOWN
    if unknown or error.failure in NAME_TAKEN:
        try:
            found = _find(api, row)
        except DraftError:
            found = None
        if found is not None:
            return review.adopt(row, found, now=now)
    if unknown:
        words = _(
            "Meta gave no answer, so it may exist there. Daybreak looks for it with every sync. "
            "Nothing is created twice."
        )
        _keep(row, words)
        raise DraftError(words) from error
    if error.failure in NAME_TAKEN:
        words = _rename(row)
    else:
        words = _("Meta refused it: %(why)s %(advice)s") % {
            "why": _sentence(error.details or error.failure.slug),
            "advice": error.failure.advice,
        }
    raise _refused(row, words) from error


def _rename(row: TemplateDraft) -> str:
    old, row.name = row.name, drafts.unused_name(row.source)
    TemplateDraft.objects.filter(pk=row.pk).update(name=row.name)
    return _(
        "Meta has another template named %(old)s, or had one. This is now %(name)s. Choose Create "
        "at Meta again."
    ) % {"old": old, "name": row.name}


def _refused(row: TemplateDraft, words: str) -> DraftError:
    _back(row, words)
    return DraftError(words)


def _back(row: TemplateDraft, words: str) -> None:
    """Nothing was created: it can be tried again."""
    mine = TemplateDraft.objects.filter(
        pk=row.pk, state=DraftState.SUBMITTED, submitted_at=row.submitted_at
    )
    mine.update(state=DraftState.APPROVED, answer=words[:600])


def _keep(row: TemplateDraft, words: str) -> None:
    TemplateDraft.objects.filter(pk=row.pk, state=DraftState.SUBMITTED).update(answer=words[:600])


def _find(api: CloudApi, row: TemplateDraft) -> TemplateFacts | None:
    """Ours among Meta's templates; DraftError if they cannot be read."""
    try:
        return _among(api.message_templates(_account(row.source)), row)
    except CloudApiError as error:
        words = _("Meta couldn't be asked whether it exists already: %(why)s. Try again.")
        words %= {"why": error.failure.advice.rstrip(".")}
        _keep(row, words)
        raise DraftError(words) from error


def _among(seen: Collection[TemplateFacts], row: TemplateDraft) -> TemplateFacts | None:
    """That of this name and language, if it has our texts."""
    wanted = review.texts_of(row.components)
    for facts in seen:
        is_named = facts.name == row.name and facts.language == row.source.language
        if is_named and review.texts_of(list(facts.components)) == wanted:
            return facts
    return None


def _account(source: MessageTemplate) -> str:
    """Meta's id of the account it is created in; empty: not known."""
    if source.waba is not None:
        return source.waba.meta_id
    known = accounts.own_accounts().ids()
    return known[0] if len(known) == 1 else ""


def _body(row: TemplateDraft) -> dict[str, Any]:
    names = template_schema.parse(row.components).names
    return {
        "name": row.name,
        "language": row.source.language,
        "category": row.category,
        "parameter_format": "NAMED" if names else "POSITIONAL",
        "components": row.components,
    }


def _facts(row: TemplateDraft, answer: CreatedTemplate) -> TemplateFacts:
    return TemplateFacts(
        id=answer.id,
        name=row.name,
        language=row.source.language,
        category=answer.category or row.category,
        status=answer.status or "PENDING",
        quality="",
        components=tuple(row.components),
    )


def _broke_off(draft: TemplateDraft, now: datetime) -> bool:
    return draft.submitted_at is None or draft.submitted_at <= now - UNDER_WAY


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."
