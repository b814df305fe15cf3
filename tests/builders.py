"""Valid records by default; a test says only what matters to it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from distribution.content import approval
from distribution.drafting import drafts
from distribution.lifecycle import opening
from distribution.models import (
    Content,
    Distribution,
    Kind,
    MediaFile,
    MessageTemplate,
    RotationGroup,
    TemplateDraft,
    TemplateStatus,
)
from distribution.quality import groups
from phonepool.models import PhoneNumber, Portfolio, Quality, Waba
from subscribers.models import Subscriber

serial = count(1)  # names have it with zeros before, so that they sort as they were made


def a_subscriber(**fields: Any) -> Subscriber:
    n = next(serial)
    return Subscriber.objects.create(
        **{"phone": f"+9198{n:08}", "name": f"Adviser {n}", "tier": "BASIC", **fields}
    )


def some_subscribers(number: int, **fields: Any) -> list[Subscriber]:
    rows = [
        Subscriber(**{"phone": f"+9198{next(serial):08}", "tier": "BASIC", **fields})
        for _ in range(number)
    ]
    return Subscriber.objects.bulk_create(rows)


def a_portfolio(**fields: Any) -> Portfolio:
    return Portfolio.objects.get_or_create(business_id="900", defaults=fields)[0]


def a_waba(meta_id: str = "", **fields: Any) -> Waba:
    portfolio = fields.pop("portfolio", None) or a_portfolio()
    meta_id = meta_id or f"7000{next(serial)}"
    return Waba.objects.create(meta_id=meta_id, portfolio=portfolio, **fields)


def a_number(**fields: Any) -> PhoneNumber:
    n = next(serial)
    portfolio = fields.pop("portfolio", None) or a_portfolio()
    return PhoneNumber.objects.create(
        **{
            "meta_id": f"1000{n}",
            "label": f"number-{n:07}",
            "portfolio": portfolio,
            "quality": Quality.HIGH,
            "verified_at": timezone.now(),
            **fields,
        }
    )


def a_template(**fields: Any) -> MessageTemplate:
    return MessageTemplate.objects.create(
        **{
            "name": f"daily_update_{next(serial):07}",
            "language": "en",
            "status": TemplateStatus.APPROVED,
            **fields,
        }
    )


BODY = [{"type": "BODY", "text": "Good morning {{1}}. Today: {{2}}. That is all for now."}]


def a_group(standbys: int = 1, **fields: Any) -> RotationGroup:
    """A rotation group with a primary and some on standby; `fields` are of each template."""
    fields = {"components": BODY, "quality": "GREEN", **fields}
    primary, *others = [a_template(**fields) for _ in range(1 + standbys)]
    return groups.create(f"group-{next(serial):07}", [primary, *others], primary=primary)


def a_template_draft(source: MessageTemplate | None = None, **fields: Any) -> TemplateDraft:
    """A better version by rules, of a template that people block."""
    template = source or a_template(components=BODY, quality="YELLOW")
    made = drafts.draft(template, by=None, now=timezone.now())
    TemplateDraft.objects.filter(pk=made.pk).update(**{"version": 1, **fields})
    made.refresh_from_db()
    return made


def a_user(name: str = "") -> Any:
    return get_user_model().objects.create_user(name or f"user-{next(serial):07}")


def a_draft(**fields: Any) -> Content:
    template = fields.pop("message_template", None) or a_template()
    author = fields.pop("author", None) or a_user()
    day = fields.pop("day", timezone.localdate())
    return Content.objects.create(
        **{
            "day": day,
            "title": "The day ahead",
            "message_template": template,
            "body_variables": ["{name}", "Nifty opens flat"],
            "author": author,
            **fields,
        }
    )


def an_approved_content(**fields: Any) -> Content:
    """Approved now; for a day that is over, at its beginning."""
    content = a_draft(**fields)
    now = timezone.now()
    if content.day and content.day < timezone.localdate(now):
        now = timezone.make_aware(datetime.combine(content.day, time.min))
    approval.submit(content, by=content.author, now=now)
    approval.approve(content, by=a_user(), now=now, reason="On the day itself.")
    return content


def a_kept_file(media_id: str) -> MediaFile:
    """A picture that was uploaded here; without copies, so every number has it."""
    return MediaFile.objects.create(
        media_id=media_id,
        kind="image",
        name="a.png",
        mime="image/png",
        content=b"",
        stored_at=timezone.now(),
    )


def a_planned_distribution(now: datetime, **fields: Any) -> Distribution:
    """It has the day's approved content, which is written if need be, unless it is given one."""
    day = timezone.localdate(now)
    if "content" not in fields:
        fields["content"] = Content.objects.approved_for(day) or an_approved_content(day=day)
    return Distribution.objects.create(
        **{
            "kind": Kind.MANUAL,
            "local_date": day,
            "planned_at": now,
            "again_reason": "A test has several of one day.",
            **fields,
        }
    )


def an_open_distribution(
    subscribers: int = 0, *, now: datetime | None = None, **fields: Any
) -> Distribution:
    """A distribution whose audience is every eligible subscriber, `subscribers` more of them."""
    now = now or timezone.now()
    some_subscribers(subscribers)
    if not PhoneNumber.objects.exists():
        a_number()
    distribution = a_planned_distribution(now, **fields)
    assert opening.open_distribution(distribution.pk, now=now)
    distribution.refresh_from_db()
    return distribution


LEASE = timedelta(seconds=60)
