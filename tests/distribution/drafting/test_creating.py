"""A draft is created at Meta once, and followed through its review."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from distribution.content import validation
from distribution.drafting.drafts import DraftError
from distribution.models import Alert, Content
from distribution.quality import groups
from phonepool.cloud_api.client import CreatedTemplate
from phonepool.errors import NO_ANSWER, NOT_SENT, classify
from phonepool.exceptions import CloudApiError, NotSent, Unanswered
from tests.builders import BODY, a_template, a_template_draft
from tests.distribution.drafting.meta import (
    LATER,
    NOW,
    Meta,
    a_blocked_group,
    an_approved,
    create,
    facts,
    refused,
    sync,
)

pytestmark = pytest.mark.django_db


def test_approved_in_another_category_is_refused_for_good() -> None:
    _, primary = a_blocked_group()
    draft, meta = an_approved(primary), Meta()
    create(meta, draft)
    meta.listed = [facts(meta.asked[0], category="MARKETING", status="APPROVED")]
    sync(meta, LATER)
    draft.refresh_from_db()
    assert draft.state == "WRONG_CATEGORY"
    assert "files it as marketing, not utility, so Daybreak never sends it" in draft.answer
    template = draft.template
    assert template is not None
    assert template.group is None
    content = Content(message_template=template, body_variables=["{name}", "x"])
    assert "never sent" in " ".join(validation.content_problems(content))
    assert draft.answer in Alert.objects.get(rule="template_draft", closed_at=None).message
    again = a_template_draft(primary)
    assert again.name == f"{primary.name}_v3"
    assert not Alert.objects.filter(rule="template_draft", closed_at=None).exists()


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("INVALID_FORMAT", "could not read its variables"),
        ("SCAM", "takes it for a fraud"),
        ("A_NEW_WORD", "without a reason that Daybreak knows"),
        ("", "without a reason that Daybreak knows"),
    ],
)
def test_a_rejection_says_why_and_what_to_do(reason: str, words: str) -> None:
    _, primary = a_blocked_group()
    draft, meta = an_approved(primary), Meta()
    create(meta, draft)
    meta.listed = [facts(meta.asked[0], status="REJECTED", rejected_reason=reason)]
    sync(meta, LATER)
    draft.refresh_from_db()
    assert draft.state == "REJECTED"
    assert words in draft.answer
    assert draft.template is not None
    assert draft.template.group is None


def test_a_lost_answer_is_found_by_the_name_and_nothing_is_created_twice() -> None:
    _, primary = a_blocked_group()
    draft, meta = an_approved(primary), Meta(Unanswered(NO_ANSWER))
    meta.unreachable = Unanswered(NO_ANSWER)
    with pytest.raises(DraftError, match="Nothing is created twice"):
        create(meta, draft)
    with pytest.raises(DraftError, match="Look again in a minute"):
        create(meta, draft, NOW + timedelta(seconds=30))
    meta.unreachable = None
    assert create(meta, draft, LATER).state == "PENDING"
    assert len(meta.asked) == 1


@pytest.mark.parametrize("taken", [True, False])
def test_a_crash_between_call_and_answer_is_settled_by_the_sync(taken: bool) -> None:
    _, primary = a_blocked_group()
    draft, meta = an_approved(primary), Meta(takes=taken)
    with pytest.raises(ZeroDivisionError):
        create(_crashing(meta), draft)
    sync(meta, NOW + timedelta(seconds=90))
    draft.refresh_from_db()
    assert draft.state == ("PENDING" if taken else "SUBMITTED")
    sync(meta, NOW + timedelta(minutes=15))
    draft.refresh_from_db()
    assert draft.state == ("PENDING" if taken else "APPROVED")
    assert len(meta.asked) == 1


def _crashing(meta: Meta) -> Any:
    class Crashing:
        def create_template(self, account_id: str, template: dict[str, Any]) -> None:
            meta.create_template(account_id, template)
            raise ZeroDivisionError

    return Crashing()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotSent(NOT_SENT), "Meta couldn't be reached, so nothing was created"),
        (refused(classify(100, subcode=2388299)), "Put words before the first variable"),
        (refused(classify(2388293), 2388293), "Add words or remove variables"),
        (refused(classify(80008), 80008), "Wait an hour."),
        (refused(classify(100, subcode=2388024)), "_v3. Choose Create at Meta again"),
    ],
)
def test_what_meta_says_is_told_in_plain_words(error: CloudApiError, words: str) -> None:
    _, primary = a_blocked_group()
    draft = an_approved(primary)
    with pytest.raises(DraftError, match=words):
        create(Meta(error, takes=False), draft)
    draft.refresh_from_db()
    assert (draft.state, words in draft.answer) == ("APPROVED", True)
    assert create(Meta(), draft, LATER).state == "PENDING"


def test_two_at_once_create_one() -> None:
    _, primary = a_blocked_group()
    draft, meta = an_approved(primary), Meta()
    while_asked: list[str] = []

    class Twice(Meta):
        def create_template(self, account_id: str, template: dict[str, Any]) -> CreatedTemplate:
            with pytest.raises(DraftError) as refusal:
                create(meta, draft, NOW + timedelta(seconds=1))
            while_asked.append(str(refusal.value))
            return super().create_template(account_id, template)

    first = Twice()
    assert create(first, draft).state == "PENDING"
    assert (len(first.asked), meta.asked) == (1, [])
    assert while_asked == ["It is being created at this moment. Look again in a minute."]


def test_a_template_with_a_picture_is_created_in_whatsapp_manager_and_found() -> None:
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["https://a"]}}
    _, primary = a_blocked_group(components=[header, *BODY])
    draft, meta = an_approved(primary), Meta()
    with pytest.raises(DraftError, match=f"Meta has no template named {draft.name}"):
        create(meta, draft)
    meta.listed = [facts({"name": draft.name, "language": "en", "components": draft.components})]
    assert create(meta, draft, LATER).state == "PENDING"
    assert meta.asked == []


def test_a_full_group_takes_no_draft_and_no_late_standby() -> None:
    waba, primary = a_blocked_group(standbys=4)
    draft, meta = an_approved(primary), Meta()
    create(meta, draft)
    assert primary.group is not None
    groups.add(primary.group, a_template(waba=waba, components=BODY))
    meta.listed = [facts(meta.asked[0], status="APPROVED")]
    sync(meta, LATER)
    draft.refresh_from_db()
    assert draft.state == "READY"
    assert "it is on standby nowhere. A group has between 2 and 6 templates." in draft.answer
    with pytest.raises(DraftError, match="as many as a group may have"):
        a_template_draft(primary)
