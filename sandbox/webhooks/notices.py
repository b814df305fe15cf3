"""Values of management webhooks about message templates, numbers and portfolios."""

from __future__ import annotations

from sandbox.templates.message_template import MessageTemplate


def template_status(
    template: MessageTemplate, event: str, reason: str, title: str
) -> dict[str, object]:
    """The value of message_template_status_update; `title` says why a template pauses."""
    value: dict[str, object] = {
        "event": event,
        **_named(template),
        "reason": reason,
        "message_template_category": template.category,
    }
    if event == "PAUSED":
        value["other_info"] = {"title": title, "description": "Low quality"}
    return value


def template_quality(template: MessageTemplate, new: str) -> dict[str, object]:
    """The value of message_template_quality_update."""
    scores = {"previous_quality_score": template.quality, "new_quality_score": new}
    return _named(template) | scores


def category_notice(template: MessageTemplate, correct: str) -> dict[str, object]:
    """template_category_update a day before: new_category is the current one."""
    notice = {"new_category": template.category, "correct_category": correct}
    return _named(template) | notice


def category_moved(template: MessageTemplate, new: str) -> dict[str, object]:
    """The value of template_category_update after a change."""
    return _named(template) | {"previous_category": template.category, "new_category": new}


def template_content(template: MessageTemplate) -> dict[str, object]:
    """The value of message_template_components_update."""
    return _named(template) | {"message_template_element": template.text}


def _named(template: MessageTemplate) -> dict[str, object]:
    return {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language.replace("_", "-"),
    }
