"""A better version of a template, from its draft to the standby, through the real client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from distribution.drafting import creating, drafts
from distribution.drafting.drafts import DraftError
from distribution.mirror import template_sync
from distribution.models import MessageTemplate, TemplateDraft
from phonepool.cloud_api import client
from tests.builders import BODY, a_template_draft, a_user
from tests.sandbox.harness import TOKEN, WABA, SandboxProcess, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def meta(settings: Any) -> Iterator[SandboxProcess]:
    """The sandbox, which our client takes for Meta, with a template in the state to improve."""
    sandbox = start()
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_ACCESS_TOKEN = sandbox.url, TOKEN
    settings.WHATSAPP_BUSINESS_ID = WABA
    sandbox.settings(template_review_s=0.2)
    sandbox.control("POST", "template/note", {"components": BODY})
    sandbox.control("POST", "template/note", {"quality": "YELLOW"})
    sync()
    yield sandbox
    client.client().close()
    sandbox.stop()


def sync() -> None:
    template_sync.sync(client.client(), now=datetime.now(UTC))


def an_approved_draft() -> TemplateDraft:
    draft = a_template_draft(MessageTemplate.objects.get(name="note"))
    drafts.approve(draft, version=1, reason="", by=a_user(), now=datetime.now(UTC))
    return draft


def create(draft: TemplateDraft) -> TemplateDraft:
    return creating.create(client.client(), draft, by=a_user(), now=datetime.now(UTC))


def reviewed(draft: TemplateDraft) -> TemplateDraft:
    """After Meta's decision and our next reading."""
    end = time.monotonic() + 10
    while draft.state == "PENDING" and time.monotonic() < end:
        time.sleep(0.1)
        sync()
        draft.refresh_from_db()
    return draft


def test_a_draft_becomes_the_standby_or_is_refused_with_a_reason(meta: SandboxProcess) -> None:
    first = create(an_approved_draft())
    assert (first.state, first.name) == ("PENDING", "note_v2")
    assert reviewed(first).state == "READY"
    standby = MessageTemplate.objects.get(name="note_v2")
    assert (standby.group_role, standby.status) == ("STANDBY", "APPROVED")
    assert MessageTemplate.objects.get(name="note").group == standby.group

    meta.control("POST", "template_review/note_v3", {"category": "MARKETING"})
    assert reviewed(create(an_approved_draft())).state == "WRONG_CATEGORY"
    meta.control("POST", "template_review/note_v4", {"status": "REJECTED", "reason": "SCAM"})
    third = reviewed(create(an_approved_draft()))
    assert (third.state, "takes it for a fraud" in third.answer) == ("REJECTED", True)

    meta.control("POST", "template/note_v5", {"components": BODY})  # made by somebody else
    fourth = an_approved_draft()
    with pytest.raises(DraftError, match="This is now note_v6"):
        create(fourth)
    fourth.refresh_from_db()
    meta.settings(templates_per_hour=1)
    with pytest.raises(DraftError, match="Wait an hour"):
        create(fourth)
    client.client().close()
    meta.stop()
    with pytest.raises(DraftError, match="couldn't be reached, so nothing was created"):
        create(fourth)
    fourth.refresh_from_db()
    assert fourth.state == "APPROVED"
