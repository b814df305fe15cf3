"""WhatsApp's message templates: filled in for one person, and kept in step with Meta."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from distribution.content import template_schema
from distribution.content.validation import fill_in
from distribution.models import Content, MessageTemplate, TemplateStatus
from phonepool.cloud_api.client import CloudApi, PreparedMessage
from subscribers.models import Subscriber

SENT_OF_MEDIA = ("id", "link")  # the rest of what we know of a file is our own


def components(
    content: Content, subscriber: Subscriber, *, number: str = ""
) -> list[dict[str, Any]]:
    """The `template.components` of one person's message, in Meta's form.

    `number` is Meta's id of the sending number: an uploaded file belongs to one of them.
    """
    known = personal_values(subscriber)
    parts: list[dict[str, Any]] = []
    if content.media:
        parts.append({"type": "header", "parameters": [_header(content.media, known, number)]})
    if content.body_variables:
        parts.append({"type": "body", "parameters": _body(content, known)})
    for place, text in content.button_variables.items():
        address = {"type": "text", "text": fill_in(text, known)}
        parts.append({"type": "button", "sub_type": "url", "index": place, "parameters": [address]})
    return parts


def personal_values(subscriber: Subscriber) -> dict[str, object]:
    """What the texts may name of a person."""
    return {**subscriber.attributes, "name": subscriber.name, "tier": subscriber.tier}


def prepare(
    content: Content,
    subscriber: Subscriber,
    *,
    to: str,
    key: int,
    attempt_id: str,
    number: str,
    send_at: float,
    deadline: float,
    spacing: float,
) -> PreparedMessage:
    """The message that a content is for one person, on its way to the phone `to`."""
    return PreparedMessage(
        key=key,
        attempt_id=attempt_id,
        phone_number_id=number,
        to=to,
        template=content.message_template.name,
        language=content.message_template.language,
        components=components(content, subscriber, number=number),
        send_at=send_at,
        deadline=deadline,
        spacing=spacing,
    )


def _body(content: Content, known: Mapping[str, object]) -> list[dict[str, str]]:
    texts = [fill_in(text, known) for text in content.body_variables]
    names = template_schema.read(content.message_template.components).names
    if len(names) != len(texts):
        return [{"type": "text", "text": text} for text in texts]
    return [
        {"type": "text", "parameter_name": name, "text": text}
        for name, text in zip(names, texts, strict=True)
    ]


def _header(media: Mapping[str, Any], known: Mapping[str, object], number: str) -> dict[str, Any]:
    kind = media["type"]
    if kind == "text":
        named = {"parameter_name": media["name"]} if media.get("name") else {}
        return {"type": "text", **named, "text": fill_in(media["text"], known)}
    theirs = {key: media[key] for key in SENT_OF_MEDIA if key in media}
    if number in media.get("ids", {}):
        theirs["id"] = media["ids"][number]
    if kind == "document" and media.get("filename"):
        theirs["filename"] = media["filename"]
    return {"type": kind, kind: theirs}


def sync(api: CloudApi, *, now: datetime) -> int:
    """Mirror Meta's message templates of our account; how many there are."""
    seen = api.message_templates(settings.WHATSAPP_BUSINESS_ID)
    for template in seen:
        MessageTemplate.objects.update_or_create(
            name=template.name,
            language=template.language,
            defaults={
                "meta_id": template.id,
                "category": template.category,
                "status": status_of(template.status),
                "quality": template.quality[:8],
                "components": list(template.components),
                "synced_at": now,
            },
        )
    return len(seen)


def status_of(word: str) -> TemplateStatus:
    """Meta's status in ours; whatever we do not send is OTHER."""
    upper = word.upper()
    return TemplateStatus(upper) if upper in TemplateStatus.values else TemplateStatus.OTHER
