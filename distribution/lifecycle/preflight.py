"""What must be true before a distribution opens. A finding says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from distribution.alerts.catalogue import AlertRule
from distribution.content import eligible_numbers, template_accounts
from distribution.lifecycle import capacity_facts, content_choice
from distribution.lifecycle.capacity_plan import CapacityPlan
from distribution.lifecycle.content_choice import ContentChoice
from distribution.models import Content, Distribution, MessageTemplate
from phonepool.cloud_api import credentials
from phonepool.models import PhoneNumber
from phonepool.numbers import health

RULES = {
    AlertRule.NO_CONTENT,
    AlertRule.TEMPLATE_NOT_APPROVED,
    AlertRule.CONTENT_INVALID,
    AlertRule.NO_TOKEN,
    AlertRule.NO_NUMBER,
    AlertRule.CONTENT_REPEATED,
    AlertRule.CAPACITY_SHORT,
    AlertRule.PORTFOLIO_LIMIT,
}


REPEATED_ON_ANOTHER_DAY = (
    "Everyone gets it again today, including those who already received it. Approve different "
    "content for today, or cancel this distribution."
)


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """One thing that is wrong. A blocking one keeps the distribution closed until it is fixed."""

    rule: AlertRule
    message: str
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Preflight:
    """The result of all checks: the content to send, what is wrong, and the capacity plan."""

    content: Content | None
    findings: list[PreflightFinding]
    plan: CapacityPlan | None = None
    template: MessageTemplate | None = None  # that the content is sent with, if not its own

    @property
    def sent(self) -> Content | None:
        """The content as it is sent."""
        return ContentChoice(self.content, template=self.template).sent


def run_checks(distribution: Distribution, *, now: datetime) -> list[PreflightFinding]:
    """Every check, in the order in which a person would fix what they find."""
    return check(distribution, now=now, priced=False).findings


def check(distribution: Distribution, *, now: datetime, priced: bool = True) -> Preflight:
    """Choose the content and run every check; the plan names its cost if it is `priced`."""
    choice = content_choice.choose(distribution)
    plan = capacity_facts.plan_for(distribution, choice.sent, now=now, priced=priced)
    findings = [*_content(choice), *_numbers()]
    if not any(finding.blocking for finding in findings):
        findings += [
            *_repetition(distribution, choice.content),
            *_numbers_left_out(choice.sent),
            *_capacity(distribution, choice.sent, plan, now),
        ]
    return Preflight(choice.content, findings, plan, choice.template)


def _content(choice: ContentChoice) -> Iterator[PreflightFinding]:
    if choice.rule is not None:
        yield PreflightFinding(choice.rule, choice.message, blocking=choice.blocking)


def _numbers() -> Iterator[PreflightFinding]:
    if not credentials.access_token():
        yield PreflightFinding(
            AlertRule.NO_TOKEN, "WHATSAPP_ACCESS_TOKEN isn't set, so nothing can be sent."
        )
    if not PhoneNumber.objects.in_service().exists():
        unverified = PhoneNumber.objects.filter(verified_at__isnull=True).exists()
        what_to_do = "Enable one, or wait for a paused one."
        if unverified:
            what_to_do = "Meta has not confirmed the numbers: sync them, or see Set up."
        yield PreflightFinding(AlertRule.NO_NUMBER, f"No phone number can send. {what_to_do}")


def _repetition(distribution: Distribution, content: Content | None) -> Iterator[PreflightFinding]:
    """A fallback is meant to be sent again, a day's content is not."""
    if content is None or content.is_fallback:
        return
    sent = Distribution.objects.filter(content=content, opened_at__isnull=False)
    others = sent.exclude(pk=distribution.pk)
    today = others.filter(local_date=distribution.local_date).order_by("pk").first()
    earlier = today or others.order_by("pk").first()
    if earlier is not None:
        what_follows = _repeated_today(distribution) if today else REPEATED_ON_ANOTHER_DAY
        yield PreflightFinding(
            AlertRule.CONTENT_REPEATED,
            f"Distribution {earlier.pk} of {earlier.local_date:%d %b} already sent this content. "
            + what_follows,
            blocking=False,
        )


def _repeated_today(distribution: Distribution) -> str:
    """What the opening will do, and what a person can do about it."""
    if distribution.again_reason:
        return f"Everyone gets it again, as confirmed: {distribution.again_reason}."
    return (
        "People who already received it are skipped (already_received), everyone else gets it. "
        "To send something else, approve different content."
    )


def _numbers_left_out(content: Content | None) -> Iterator[PreflightFinding]:
    """Numbers of an account that lacks the message template; others take their share."""
    if content and (sentence := template_accounts.left_out(content.message_template)):
        yield PreflightFinding(AlertRule.TEMPLATE_NOT_APPROVED, sentence, blocking=False)


def _capacity(
    distribution: Distribution, content: Content | None, plan: CapacityPlan, now: datetime
) -> Iterator[PreflightFinding]:
    day = distribution.local_date
    allowed = eligible_numbers.for_content(content, day).allowed if content else None
    numbers = [
        one for one in PhoneNumber.objects.in_service() if allowed is None or one.pk in allowed
    ]
    fits = health.capacity(numbers, settings.SLA_WINDOW_SECONDS, now)
    hold = settings.CAPACITY_SHORTFALL == "hold"
    if fits < plan.people:
        yield PreflightFinding(
            AlertRule.CAPACITY_SHORT,
            f"The phone numbers can send {fits:,} of {plan.people:,} messages within "
            f"{settings.SLA_WINDOW_SECONDS} s today. The rest will be late.",
            blocking=hold,
        )
    room, limit = plan.room, plan.limit
    if room is not None and limit is not None and room < plan.people:
        others = f", {limit - room:,} of them others since yesterday" if room < limit else ""
        yield PreflightFinding(
            AlertRule.PORTFOLIO_LIMIT,
            f"The portfolio can message {limit:,} people in 24 hours{others}, but the audience has "
            f"{plan.people:,}. Ask Meta for a higher limit.",
            blocking=hold,
        )
