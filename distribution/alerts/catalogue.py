"""Every alert rule: its slug, the severities it may have, what its scope names, what to do.

A slug is stored in `Alert.rule` and read by other systems, so it never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from distribution.models import Severity

SCOPE_LENGTH = 80  # characters of `Alert.scope`

CRITICAL = (Severity.CRITICAL,)
WARNING = (Severity.WARNING,)
EITHER = (Severity.CRITICAL, Severity.WARNING)  # the caller knows which


@dataclass(frozen=True, slots=True)
class ScopeType:
    """What the alerts of a rule are about, and how `Alert.scope` spells it: prefix and key."""

    prefix: str
    keyed: bool = True  # False: one alert for the whole installation, its scope is empty

    def build(self, key: int | str) -> str:
        if (str(key) != "") != self.keyed:
            raise ValueError(f"scope of type {self.prefix!r} does not take the key {key!r}")
        return f"{self.prefix}{key}"[:SCOPE_LENGTH]

    def parse(self, scope: str) -> str:
        """The key, as text."""
        if not scope.startswith(self.prefix):
            raise ValueError(f"{scope!r} is no scope of type {self.prefix!r}")
        return scope.removeprefix(self.prefix)


INSTALLATION = ScopeType("", keyed=False)
DISTRIBUTION = ScopeType("distribution ")  # primary key
DELIVERY = ScopeType("delivery ")  # primary key
PHONE_NUMBER = ScopeType("number ")  # primary key
PORTFOLIO = ScopeType("portfolio ")  # primary key
SUBSCRIPTION = ScopeType("subscription ")  # primary key
MESSAGE_TEMPLATE = ScopeType("template ")  # primary key, a blank, the new category
RECIPIENT_LIMIT = ScopeType("")  # the limit that Meta reported, or "None"
ACCOUNT_EVENT = ScopeType("")  # Meta's name of the event in lower case


class AlertRule(StrEnum):
    """A rule is its slug; what else is fixed about it are its attributes."""

    severities: tuple[Severity, ...]
    scope_type: ScopeType
    remedy: str

    def __new__(
        cls, slug: str, severities: tuple[Severity, ...], scope_type: ScopeType, remedy: str
    ) -> AlertRule:
        rule = str.__new__(cls, slug)
        rule._value_ = slug
        rule.severities, rule.scope_type, rule.remedy = severities, scope_type, remedy
        return rule

    # --- before a distribution opens: the findings of lifecycle/preflight ---

    NO_CONTENT = (
        "no_content",
        CRITICAL,
        DISTRIBUTION,
        "Approve a content for the day, or choose an approved fallback.",
    )
    TEMPLATE_NOT_APPROVED = (
        "template_not_approved",
        CRITICAL,
        DISTRIBUTION,
        "Approve a content with an approved message template, or wait for Meta.",
    )
    NO_TOKEN = (
        "no_token",
        CRITICAL,
        DISTRIBUTION,
        "Set WHATSAPP_ACCESS_TOKEN and restart the workers.",
    )
    NO_NUMBER = (
        "no_number",
        CRITICAL,
        DISTRIBUTION,
        "Enable a phone number, or wait until a resting one is back.",
    )
    CONTENT_REPEATED = (
        "content_repeated",
        WARNING,
        DISTRIBUTION,
        "Approve another content, or cancel one of the two distributions.",
    )
    CAPACITY_SHORT = (
        "capacity_short",
        EITHER,  # critical if CAPACITY_SHORTFALL holds the distribution back
        DISTRIBUTION,
        "Add phone numbers or raise their rates; the rest of the audience is late.",
    )
    PORTFOLIO_LIMIT = (
        "portfolio_limit",
        EITHER,  # critical if the distribution is held back or recipients are left out
        DISTRIBUTION,
        "Ask Meta for a higher limit of recipients in 24 hours.",
    )

    # --- a distribution's life ---

    DISTRIBUTION_MISSED = (
        "distribution_missed",
        CRITICAL,
        DISTRIBUTION,
        "Read the reason, remove it, and start a distribution by hand if it is still wanted.",
    )
    OVERRUN = (
        "overrun",
        CRITICAL,
        DISTRIBUTION,
        "Find out what kept the earlier distribution open; its rest was not sent.",
    )
    DISTRIBUTION_PAUSED = (
        "distribution_paused",
        CRITICAL,
        DISTRIBUTION,
        "Remove the cause that the message names, then resume or cancel.",
    )
    SLA_AT_RISK = (
        "sla_at_risk",
        CRITICAL,
        DISTRIBUTION,
        "Look at the live page: add phone numbers, workers, or wake a resting number.",
    )
    SLA_MISSED = (
        "sla_missed",
        CRITICAL,
        DISTRIBUTION,
        "Read the violations in the report and remove their cause before the next day.",
    )
    UNCONFIRMED = (
        "unconfirmed",
        WARNING,
        DISTRIBUTION,
        "Decide on each unconfirmed delivery: send again or leave it.",
    )
    QUARANTINE = (
        "quarantine",
        CRITICAL,
        DISTRIBUTION,
        "Wait for late reports, then decide on the deliveries that stay unknown.",
    )

    # --- one recipient ---

    DUPLICATE_SUSPECT = (
        "duplicate_suspect",
        CRITICAL,
        DELIVERY,
        "Read both attempts; a report of the later message turns it into a confirmed duplicate.",
    )
    DUPLICATE_CONFIRMED = (
        "duplicate_confirmed",
        CRITICAL,
        DELIVERY,
        "Read both attempts and find out why the first one seemed lost.",
    )
    MESSAGE_ID_CONFLICT = (
        "message_id_conflict",
        CRITICAL,
        DELIVERY,
        "Wait for the reports of both deliveries, and ask Meta.",
    )

    # --- phone numbers and the account at Meta ---

    NUMBER_BREAKER = (
        "number_breaker",
        CRITICAL,
        PHONE_NUMBER,
        "Look at the number in the Business Manager if it lasts.",
    )
    ACCOUNT_BREAKER = (
        "account_breaker",
        CRITICAL,
        PORTFOLIO,
        "Look at Meta's status page and at the account.",
    )
    ACCOUNT_PAUSED = (
        "account_paused",
        CRITICAL,
        PORTFOLIO,
        "Look for other software that uses the same app.",
    )
    TEMPLATE_CATEGORY = (
        "template_category",
        WARNING,
        MESSAGE_TEMPLATE,
        "Check the price and the rules of the new category.",
    )
    LIMIT_CHANGED = (
        "limit_changed",
        WARNING,
        RECIPIENT_LIMIT,
        "Check the limit in the Business Manager and correct the portfolio.",
    )
    ACCOUNT_NOTICE = (
        "account_notice",
        CRITICAL,
        ACCOUNT_EVENT,
        "Look at the account in the Business Manager.",
    )

    # --- the installation ---

    KEEPER_SILENT = (
        "keeper_silent",
        CRITICAL,
        INSTALLATION,
        "Start the keeper again.",
    )
    TICK_SILENT = (
        "tick_silent",
        CRITICAL,
        INSTALLATION,
        "Look at the broker, beat and the workers.",
    )
    CLOCK_SET_BACK = (
        "clock_set_back",
        WARNING,
        INSTALLATION,
        "Look at the time service of the machines.",
    )
    WEBHOOK_DEAD_LETTER = (
        "webhook_dead_letter",
        CRITICAL,
        INSTALLATION,
        "Read its error, repair the cause, then run `manage.py replay_webhooks`.",
    )
    EVENTS_UNDELIVERED = (
        "events_undelivered",
        WARNING,
        SUBSCRIPTION,
        "Repair the receiver, then send the dead event deliveries again.",
    )

    def scope(self, key: int | str = "") -> str:
        """`Alert.scope` of this rule's alert about the object with that key."""
        return self.scope_type.build(key)

    def severity(self, given: Severity | None) -> Severity:
        """The only severity, or the one `given` if the rule has a choice."""
        if given is None and len(self.severities) == 1:
            return self.severities[0]
        if given not in self.severities:
            raise ValueError(f"{self} is raised as one of {[*self.severities]}, not as {given}")
        return given
