"""A better version from the draft to the standby: on pages, at Meta, and through its review."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from distribution.drafting import drafts, due
from distribution.drafting.drafts import DraftError
from distribution.mirror import templates
from distribution.models import (
    Alert,
    DraftStep,
    GroupRole,
    MessageTemplate,
    OutgoingEvent,
    TemplateDraft,
)
from distribution.quality import groups
from phonepool.cloud_api.client import CreatedTemplate
from tests.builders import BODY, a_template, a_template_draft, a_user, a_waba
from tests.distribution.content_staff import a_staff_member, browser
from tests.distribution.drafting.meta import LATER, NOW, Meta, a_blocked_group, create
from tests.shown_forms import form_with

pytestmark = pytest.mark.django_db
VIEW = ("view_templatedraft", "view_messagetemplate", "view_rotationgroup")
WRITER = (*VIEW, "write_template_draft", "create_template")
APPROVER = (*VIEW, "approve_template_draft")


def press(client: Client, draft: TemplateDraft, action: str, **typed: str) -> str:
    """Open an action's page and send its form; the messages after it."""
    url = reverse(f"admin:distribution_templatedraft_{action}", args=[draft.pk])
    field = "form_key" if action == "create" else "reason"
    given = typed if action == "create" else {"reason": "Read it.", **typed}
    return said(client.post(url, form_with(client.get(url), field, **given)))


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def page(client: Client, draft: TemplateDraft) -> str:
    url = reverse("admin:distribution_templatedraft_change", args=[draft.pk])
    return client.get(url).content.decode()


def test_a_person_drafts_another_approves_and_meta_gets_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waba, primary = a_blocked_group()
    writer, approver = browser(a_staff_member(*WRITER)), browser(a_staff_member(*APPROVER))
    begin = reverse("admin:distribution_templatedraft_draft", args=[primary.pk])
    assert approver.post(begin).status_code == 403

    writer.post(begin)
    writer.post(begin)

    draft = TemplateDraft.objects.get()
    assert (draft.name, draft.state) == (f"{primary.name}_v2", "DRAFTED")
    shown = page(writer, draft)
    assert "The footer says how to stop." in shown
    assert "<ins>Reply STOP to end these messages</ins>" in shown
    for address in (
        reverse("admin:distribution_messagetemplate_change", args=[primary.pk]),
        reverse("admin:distribution_rotationgroup_change", args=[primary.group_id]),
    ):
        assert draft.name in writer.get(address).content.decode()

    assert press(writer, draft, "edit", footer="STOP ends it") == "Saved."
    draft.refresh_from_db()
    assert [one["rule"] for one in draft.changes] == ["stop_footer", "stop_button", "by_hand"]
    assert draft.changes[-1]["reason"] == "Read it."
    assert "The variables must be the same" in press(writer, draft, "edit", body="Hello {{1}} all.")
    both = browser(a_staff_member(*WRITER, "approve_template_draft"))
    assert press(both, draft, "edit", footer="STOP stops it") == "Saved."
    refusal = reverse("admin:distribution_templatedraft_approve", args=[draft.pk])
    assert "You worked on this" in both.get(refusal).content.decode()

    opened = approver.get(refusal)
    assert press(writer, draft, "edit", footer="STOP ends them") == "Saved."
    late = approver.post(refusal, form_with(opened, "reason", reason="Fine."))
    assert (late.status_code, TemplateDraft.objects.get().state) == (409, "DRAFTED")
    assert press(approver, draft, "approve") == "Saved."

    meta = Meta()
    monkeypatch.setattr("distribution.admin.template_drafts.client.client", lambda: meta)
    url = reverse("admin:distribution_templatedraft_create", args=[draft.pk])
    form = form_with(writer.get(url), "form_key")
    for _click in range(2):
        writer.post(url, form)
    draft.refresh_from_db()
    assert (draft.state, len(meta.asked)) == ("PENDING", 1)
    assert meta.asked[0] == {
        "account": waba.meta_id,
        "name": draft.name,
        "language": "en",
        "category": "UTILITY",
        "parameter_format": "POSITIONAL",
        "components": draft.components,
    }
    assert [step.act for step in DraftStep.objects.all()] == [
        *("DRAFTED", "EDITED", "EDITED", "EDITED", "APPROVED", "CREATED")
    ]

    template = draft.template
    assert template is not None
    assert template.synced_at is not None
    decided = template.synced_at + timedelta(minutes=5)
    templates.apply_status(template, "APPROVED", reason="APPROVED", at=decided, now=decided)  # type: ignore[arg-type]
    draft.refresh_from_db()
    template.refresh_from_db()
    assert (draft.state, draft.answer) == ("READY", "")
    assert (template.group, template.group_role) == (primary.group, GroupRole.STANDBY)
    assert template in groups.siblings(primary)
    kinds = OutgoingEvent.objects.filter(kind__startswith="template.").order_by("pk")
    assert [(one.kind, one.data["draft"]["state"]) for one in kinds] == [
        ("template.drafted", "DRAFTED"),
        ("template.reviewed", "READY"),
    ]


def test_a_template_that_changed_after_the_draft_is_not_improved_by_it() -> None:
    _, primary = a_blocked_group()
    draft = a_template_draft(primary)
    changed = [{**BODY[0], "text": "Good day {{1}}. News today: {{2}}. That is all for now."}]
    MessageTemplate.objects.filter(pk=primary.pk).update(components=changed)
    with pytest.raises(DraftError, match="Discard this draft and draft a new one"):
        drafts.approve(draft, version=1, reason="", by=a_user(), now=NOW)
    with pytest.raises(DraftError, match="changed since you opened it"):
        drafts.approve(draft, version=2, reason="", by=a_user(), now=NOW)


def test_another_primary_meanwhile_asks_the_approver_again() -> None:
    _, primary = a_blocked_group()
    draft, approver = a_template_draft(primary), browser(a_staff_member(*APPROVER))
    url = reverse("admin:distribution_templatedraft_approve", args=[draft.pk])
    form = form_with(approver.get(url), "reason", reason="Fine.")
    standby = MessageTemplate.objects.get(group=primary.group, group_role=GroupRole.STANDBY)
    groups.make_primary(standby, cause="MANUAL", reason="x", by=a_user(), now=NOW)  # type: ignore[arg-type]
    assert approver.post(url, form).status_code == 409
    assert press(approver, draft, "approve") == "Saved."


def test_a_group_of_red_templates_gets_a_draft_by_itself_once() -> None:
    _, primary = a_blocked_group()
    MessageTemplate.objects.filter(group=primary.group).update(quality="RED")
    assert (due.draft_due(now=NOW), due.draft_due(now=NOW)) == (1, 0)
    draft = TemplateDraft.objects.get()
    assert (draft.by_rule, draft.source) == (True, primary)
    assert "Meta rates it red." in draft.evidence
    assert "waits for approval" in Alert.objects.get(rule="template_draft").message
    drafts.discard(draft, reason="No.", by=a_user(), now=NOW)
    assert not Alert.objects.filter(closed_at=None).exists()
    assert due.draft_due(now=LATER) == 0


def test_nothing_to_improve_is_said_and_a_person_may_write(db: None) -> None:
    template, writer = a_template(components=BODY), browser(a_staff_member(*WRITER))
    url = reverse("admin:distribution_templatedraft_draft", args=[template.pk])
    assert "No rule finds anything to improve" in said(writer.post(url))
    writer.post(url, {"by_hand": "yes"})
    draft = TemplateDraft.objects.get()
    assert "It says the same as" in page(writer, draft)
    assert press(writer, draft, "edit", footer="STOP ends it") == "Saved."
    drafts.approve(TemplateDraft.objects.get(), version=2, reason="", by=a_user(), now=NOW)
    MessageTemplate.objects.update(waba=a_waba())
    create(Meta(CreatedTemplate("77", "APPROVED", "UTILITY")), draft)
    draft.refresh_from_db()
    template.refresh_from_db()
    assert (draft.state, draft.template and draft.template.group) == ("READY", template.group)
    assert template.group_role == GroupRole.PRIMARY


def test_a_second_open_draft_and_a_second_name_are_refused_by_the_database() -> None:
    draft = a_template_draft()
    for same in (
        {"source": draft.source, "name": "x"},
        {"source": a_template(), "name": draft.name},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            TemplateDraft.objects.create(components=[], category="UTILITY", created_at=NOW, **same)


@pytest.mark.parametrize("act", ["edit", "approve", "create", "discard"])
def test_each_act_needs_its_permission(act: str) -> None:
    draft, viewer = a_template_draft(), browser(a_staff_member(*VIEW))
    url = reverse(f"admin:distribution_templatedraft_{act}", args=[draft.pk])
    ask: list[Callable[..., Any]] = [viewer.get, viewer.post]
    assert [one(url).status_code for one in ask] == [403, 403]
