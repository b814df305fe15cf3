"""Mirror Meta's message templates of our account."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from distribution.models import MessageTemplate, TemplateStatus
from phonepool.cloud_api.client import CloudApi


def sync(api: CloudApi, *, now: datetime) -> int:
    """Write them down as Meta has them now; how many there are."""
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
    """Our status for Meta's; one that cannot be sent is OTHER."""
    upper = word.upper()
    return TemplateStatus(upper) if upper in TemplateStatus.values else TemplateStatus.OTHER
