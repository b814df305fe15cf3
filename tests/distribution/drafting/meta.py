"""A stand-in for Meta's review of new templates, and drafts that go through it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from distribution.drafting import creating, drafts
from distribution.mirror import template_sync
from distribution.models import GroupRole, MessageTemplate, TemplateDraft
from phonepool.cloud_api.client import CreatedTemplate, TemplateFacts
from phonepool.errors import Failure
from phonepool.exceptions import CloudApiError, Rejected
from phonepool.models import Waba
from tests.builders import a_group, a_template_draft, a_user, a_waba

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


class Meta:
    """Answers creations as it is told, and lists what it took."""

    def __init__(self, *ends: CreatedTemplate | CloudApiError, takes: bool = True) -> None:
        self.ends, self.takes = list(ends), takes
        self.asked: list[dict[str, Any]] = []
        self.listed: list[TemplateFacts] = []
        self.unreachable: CloudApiError | None = None

    def create_template(self, account_id: str, template: dict[str, Any]) -> CreatedTemplate:
        self.asked.append({"account": account_id, **template})
        if self.takes:
            self.listed.append(facts(template))
        end = self.ends.pop(0) if self.ends else CreatedTemplate("77", "PENDING", "UTILITY")
        if isinstance(end, CloudApiError):
            raise end
        return end

    def message_templates(self, account_id: str) -> list[TemplateFacts]:
        if self.unreachable is not None:
            raise self.unreachable
        return self.listed


def facts(template: dict[str, Any], **fields: Any) -> TemplateFacts:
    known = {"category": "UTILITY", "status": "PENDING", "quality": "UNKNOWN"}
    return TemplateFacts(
        id="77",
        name=template["name"],
        language=template["language"],
        components=tuple(template["components"]),
        **{**known, **fields},
    )


def refused(failure: Failure, code: int = 100) -> Rejected:
    return Rejected(failure, "Meta's own words", code, 400)


def a_blocked_group(**fields: Any) -> tuple[Waba, MessageTemplate]:
    waba = a_waba()
    group = a_group(waba=waba, quality="YELLOW", **fields)
    return waba, group.templates.get(group_role=GroupRole.PRIMARY)


def an_approved(source: MessageTemplate, **fields: Any) -> TemplateDraft:
    draft = a_template_draft(source, **fields)
    drafts.approve(draft, version=1, reason="Better.", by=a_user(), now=NOW)
    draft.refresh_from_db()
    return draft


def create(meta: Meta, draft: TemplateDraft, now: datetime = NOW) -> TemplateDraft:
    return creating.create(meta, draft, by=a_user(), now=now)  # type: ignore[arg-type]


def sync(meta: Meta, now: datetime) -> None:
    template_sync.sync(meta, now=now)  # type: ignore[arg-type]
