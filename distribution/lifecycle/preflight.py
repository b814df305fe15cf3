"""What must be true before a distribution opens. A finding says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from distribution.alerts.catalogue import AlertRule
from distribution.models import Content, ContentState, Distribution, TemplateStatus
from phonepool.cloud_api import credentials
from phonepool.models import PhoneNumber
from phonepool.numbers import health, pool
from subscribers.models import Subscriber

RULES = {
    AlertRule.NO_CONTENT,
    AlertRule.TEMPLATE_NOT_APPROVED,
    AlertRule.NO_TOKEN,
    AlertRule.NO_NUMBER,
    AlertRule.CONTENT_REPEATED,
    AlertRule.CAPACITY_SHORT,
    AlertRule.PORTFOLIO_LIMIT,
}


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """One thing that is wrong. A blocking one keeps the distribution closed until it is fixed."""

    rule: AlertRule
    message: str
    blocking: bool = True


def content_for(distribution: Distribution) -> Content | None:
    """The content to send: the distribution's own, else the day's or the fallback."""
    return distribution.content or Content.objects.approved_for(distribution.local_date)


def run_checks(distribution: Distribution, *, now: datetime) -> list[PreflightFinding]:
    """Every check, in the order in which a person would fix what they find."""
    findings = [*_content(distribution), *_numbers()]
    return findings or [*_repetition(distribution), *_capacity(now)]


def _content(distribution: Distribution) -> Iterator[PreflightFinding]:
    content = content_for(distribution)
    if content is None:
        day = f"{distribution.local_date:%d %b %Y}"
        yield PreflightFinding(
            AlertRule.NO_CONTENT,
            f"There is no approved content for {day} and no approved fallback: approve one.",
        )
    elif content.state != ContentState.APPROVED:
        yield PreflightFinding(AlertRule.NO_CONTENT, "Its content is not approved: approve it.")
    elif content.message_template.status != TemplateStatus.APPROVED:
        template = content.message_template
        yield PreflightFinding(
            AlertRule.TEMPLATE_NOT_APPROVED,
            f"Meta has the message template {template} as {template.status}: "
            "choose an approved one or wait for Meta.",
        )


def _numbers() -> Iterator[PreflightFinding]:
    if not credentials.access_token():
        yield PreflightFinding(
            AlertRule.NO_TOKEN, "WHATSAPP_ACCESS_TOKEN is not set: nothing can be sent."
        )
    if not _usable_numbers():
        yield PreflightFinding(
            AlertRule.NO_NUMBER, "No phone number can send: enable one or wait for a resting one."
        )


def _repetition(distribution: Distribution) -> Iterator[PreflightFinding]:
    """A fallback is meant to be sent again, a day's content is not."""
    content = content_for(distribution)
    if content is None or content.is_fallback:
        return
    sent = Distribution.objects.filter(content=content, opened_at__isnull=False)
    earlier = sent.exclude(pk=distribution.pk).order_by("pk").first()
    if earlier is not None:
        yield PreflightFinding(
            AlertRule.CONTENT_REPEATED,
            f"This content was sent by distribution {earlier.pk} already: people get it twice. "
            "Have another one approved, or cancel one of the two.",
            blocking=False,
        )


def _capacity(now: datetime) -> Iterator[PreflightFinding]:
    audience = Subscriber.objects.eligible().count()
    fits = health.capacity(_usable_numbers(), settings.SLA_WINDOW_SECONDS, now)
    hold = settings.CAPACITY_SHORTFALL == "hold"
    if fits < audience:
        yield PreflightFinding(
            AlertRule.CAPACITY_SHORT,
            f"The phone numbers can carry {fits} of {audience} messages inside "
            f"{settings.SLA_WINDOW_SECONDS} s today: the rest will be late.",
            blocking=hold,
        )
    limit = pool.recipient_limit()
    if limit is not None and limit < audience:
        yield PreflightFinding(
            AlertRule.PORTFOLIO_LIMIT,
            f"The portfolio may write to {limit} people in 24 h, the audience has {audience}: "
            "ask Meta for a higher limit.",
            blocking=hold,
        )


def _usable_numbers() -> list[PhoneNumber]:
    return [*PhoneNumber.objects.usable(), *PhoneNumber.objects.standing_by()]
