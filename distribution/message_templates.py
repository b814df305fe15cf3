"""WhatsApp's message templates: filled in for one person, and kept in step with Meta."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from distribution.models import Content, MessageTemplate, TemplateStatus
from phonepool.cloud_api import CloudApi
from subscribers.models import Subscriber

PLACEHOLDER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")
LONGEST_PARAMETER = 1024
# Meta refuses newlines, tabs and more than four spaces in a row (132018).
BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
WIDE_GAPS = re.compile(" {5,}")


def components(content: Content, subscriber: Subscriber) -> list[dict[str, Any]]:
    """The `template.components` of one person's message, in Meta's form."""
    known = {**subscriber.attributes, "name": subscriber.name, "tier": subscriber.tier}
    parts: list[dict[str, Any]] = []
    if content.media:
        kind = content.media["type"]
        parts.append(
            {"type": "header", "parameters": [{"type": kind, kind: _media(content.media)}]}
        )
    if content.body_variables:
        texts = [fill_in(text, known) for text in content.body_variables]
        parts.append({"type": "body", "parameters": [{"type": "text", "text": t} for t in texts]})
    return parts


def fill_in(text: str, known: Mapping[str, object]) -> str:
    """Put a person's values for `{name}` and the like; what is not known becomes nothing."""
    filled = PLACEHOLDER.sub(lambda found: str(known.get(found[1], "")), text)
    # Breaks first: blanks around one add up. An empty parameter would be refused.
    plain = WIDE_GAPS.sub(" ", BREAKS.sub(" ", filled))
    return plain.strip()[:LONGEST_PARAMETER] or "-"


def _media(media: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in media.items() if key != "type"}


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
