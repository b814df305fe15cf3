"""What a content's page displays, as the version that edits and decisions on it name."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest
from django.utils import timezone

from distribution.content import template_schema, validation
from distribution.models import Content, MessageTemplate
from phonepool.json_values import objects_in
from subscribers import shown_part
from subscribers.admin import shown_version
from subscribers.admin.shown_version import Difference, Shown

STEPS_TOLD = 5  # the latest, of those since the page was opened


def of(content: Content) -> Shown:
    """Its texts and state, and Meta's wording around them: both are sent."""
    template = content.message_template
    schema = template_schema.parse(template.components)
    texts = validation.texts_of(content, schema)
    facts = {
        "Title": content.title,
        "Day": "Fallback" if content.is_fallback else str(content.day),
        "Message template": str(template),
        "Meta's wording": _wording(template.components),
        "Category at Meta": _category(template),
        "Kept undelivered for": _ttl(template.send_ttl_seconds),
        **{slot.label: texts[slot.key] for slot in schema.slots},
        "File": str(content.media.get("filename", "")),
        "State": content.get_state_display(),
        "Author": str(content.author),
    }
    wording = template_schema.fingerprint(template.components)
    rules = f"{_category(template)} {template.send_ttl_seconds}"
    version = f"{content.version} {template.pk} {wording} {rules}"
    return Shown(f"content {content.pk}", version, facts)


def _category(template: MessageTemplate) -> str:
    coming = template.correct_category
    changes = coming not in ("", template.category)
    return f"{template.category}, soon {coming}" if changes else template.category


def _ttl(seconds: int | None) -> str:
    """How long Meta tries to deliver a message."""
    if seconds is None or seconds < 0:
        return "30 days, Meta's default"
    return f"{seconds / 3600:g} h"


def difference(request: HttpRequest, content: Content) -> Difference | None:
    """What changed since the page of this form was displayed; None: nothing."""
    found = shown_version.difference(request.POST.get(shown_version.FIELD, ""), of(content))
    return replace(found, since=_latest_steps(content)) if found else None


def _latest_steps(content: Content) -> list[str]:
    steps = content.approvals.select_related("by").order_by("-at", "-pk")
    told = shown_part.of(steps, STEPS_TOLD)
    more = [f"{told.left:,} earlier ones, under Decisions"] if told.left else []
    return [
        f"{step.get_decision_display()} by {step.by}, {timezone.localtime(step.at):%d %b, %H:%M %Z}"
        + (f": {step.reason}" if step.reason else "")
        for step in told.rows
    ] + more


def _wording(components: object) -> str:
    items = objects_in(components)
    texts = [str(item.get("text", "")) for item in items]
    buttons = [
        " ".join(str(button.get(part, "")) for part in ("text", "url")).strip()
        for item in items
        for button in objects_in(item.get("buttons"))
    ]
    return "\n".join(text for text in [*texts, *buttons] if text)
