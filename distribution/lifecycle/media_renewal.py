"""Keeps a copy of each coming content's file with every number, and alerts on what is refused."""

from __future__ import annotations

from datetime import datetime

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import media, media_copies
from phonepool.cloud_api.client import CloudApi


def renew(api: CloudApi, *, now: datetime) -> None:
    """Upload what is missing or too old; one alert per number while Meta does not take it."""
    refused = media_copies.renew(api, now=now)
    for number in media.senders():
        if number.pk in refused:
            incidents.raise_alert(
                AlertRule.MEDIA_REFUSED,
                number.pk,
                message=f"{refused[number.pk]} The number does not carry that content.",
                now=now,
            )
        else:
            incidents.close_alert(AlertRule.MEDIA_REFUSED, number.pk, now=now)
    media_copies.forget_unused(now)
