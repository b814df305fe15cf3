"""Webhooks that could not be applied: the count of their tries, and those given up on."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import OperationalError, transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import StatusFeed
from webhooks import masking
from webhooks.models import WebhookEvent

log = logging.getLogger(__name__)

TRIES_LIMIT = 5
DELETED_TOGETHER = 2_000
# A lock or a restart of the database may outlast five tries: such failures count after this time.
OUTAGE_ALLOWANCE = timedelta(hours=1)


def note_failure(
    webhook: WebhookEvent, error: Exception, *, again_at: datetime | None, now: datetime
) -> bool:
    """Record one more failed try; True if it was the last one. Raises when that fails, too.

    `again_at`: when a webhook that was applied before, except some statuses, is looked at again.
    """
    log.warning("webhook %d could not be applied: %s", webhook.pk, masking.first_line(error))
    tries = webhook.tries + 1
    text = masking.mask_text("".join(traceback.format_exception(error))[-4000:])
    young = isinstance(error, OperationalError) and now - webhook.received_at < OUTAGE_ALLOWANCE
    if webhook.again_at:
        WebhookEvent.objects.filter(pk=webhook.pk).update(again_at=again_at)
    elif tries >= TRIES_LIMIT and not young:
        return give_up(webhook, text, now, tries=tries)
    else:
        WebhookEvent.objects.pending().filter(pk=webhook.pk).update(tries=tries, error=text)
    return False


def give_up(webhook: WebhookEvent, error: str, now: datetime, *, tries: int = 1) -> bool:
    """Make it a dead letter; True if this call did. Its reports stay unknown."""
    with transaction.atomic():
        alive = WebhookEvent.objects.pending().filter(pk=webhook.pk)
        if not alive.update(dead_at=now, tries=tries, error=error):
            return False
        StatusFeed.dead_letter(now)
        incidents.raise_alert(
            AlertRule.WEBHOOK_DEAD_LETTER,
            message=f"Webhook {webhook.pk} couldn't be applied and was set aside: {error[-200:]}",
            now=now,
        )
    return True


def reprocess(pks: Collection[int] | None = None, *, now: datetime) -> int:
    """Let the next drain try dead letters (all by default) again; returns how many."""
    dead = WebhookEvent.objects.dead()
    if pks is not None:
        dead = dead.filter(pk__in=pks)
    revived = dead.update(dead_at=None, tries=0, error="")
    _close_alert(now)
    return revived


def forget(*, before: datetime, now: datetime) -> int:
    """Delete what was given up on before `before`, in batches; returns how many."""
    old, deleted = WebhookEvent.objects.filter(dead_at__lt=before), 0
    while pks := list(old.order_by("dead_at").values_list("pk", flat=True)[:DELETED_TOGETHER]):
        deleted += WebhookEvent.objects.filter(pk__in=pks).delete()[0]
    if deleted:
        _close_alert(now)
    return deleted


def _close_alert(now: datetime) -> None:
    if not WebhookEvent.objects.dead().exists():
        incidents.close_alert(AlertRule.WEBHOOK_DEAD_LETTER, now=now)
