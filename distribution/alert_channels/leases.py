"""The right of one process at a time to serve a channel, taken anew before each message.

So it is short: whoever dies with it holds the channel up for seconds only. And whoever was frozen
finds on waking that another process serves the channel, and sends nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from distribution.models import AlertChannel, ChannelKind

SECONDS = 15  # above one message, which takes ten at most, and what clocks differ by
MAIL_SECONDS = 90  # each step of a conversation with a mail server may take ten


@dataclass(slots=True)
class Lease:
    channel: AlertChannel
    until: datetime

    @classmethod
    def take(cls, pk: int, now: datetime) -> Lease | None:
        """None: another process has it, or the channel rests or is off."""
        channel = AlertChannel.objects.free(now).filter(pk=pk).first()
        if channel is None:
            return None
        until = now + _length(channel)
        if not AlertChannel.objects.free(now).filter(pk=pk).update(busy_until=until):
            return None
        return cls(channel, until)

    def renew(self, now: datetime) -> bool:
        """For the next message; False: it was lost meanwhile."""
        until = now + _length(self.channel)
        if not self.held().update(busy_until=until):
            return False
        self.until = until
        return True

    def held(self) -> QuerySet[AlertChannel]:
        """The channel's row as long as nobody else has taken it."""
        return AlertChannel.objects.filter(pk=self.channel.pk, busy_until=self.until)


def _length(channel: AlertChannel) -> timedelta:
    return timedelta(seconds=MAIL_SECONDS if channel.kind == ChannelKind.EMAIL else SECONDS)
