"""Every alert rule: its slug, the severities it may have, what its scope names, what to do.

A slug is stored in `Alert.rule` and read by other systems, so it never changes. What to do stands
in `remedies.json`, one sentence for each slug.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

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
ALERT_CHANNEL = ScopeType("channel ")  # primary key
DAY = ScopeType("day ")  # as in ISO 8601
MESSAGE_TEMPLATE = ScopeType("template ")  # primary key, a blank, the new category
TEMPLATE = ScopeType("template ")  # primary key
ROTATION_GROUP = ScopeType("group ")  # primary key
TEMPLATE_DRAFT = ScopeType("draft ")  # primary key
RECIPIENT_LIMIT = ScopeType("")  # the limit that Meta reported, or "None"
ACCOUNT_DAY = ScopeType("costs ")  # as in ISO 8601, a blank, primary key
ACCOUNT_EVENT = ScopeType("")  # Meta's name of the event in lower case


_REMEDIES: dict[str, str] = json.loads(Path(__file__).with_name("remedies.json").read_text("utf-8"))


class AlertRule(StrEnum):
    """A rule is its slug; what else is fixed about it are its attributes."""

    severities: tuple[Severity, ...]
    scope_type: ScopeType
    remedy: str  # one sentence for operations staff

    def __new__(
        cls, slug: str, severities: tuple[Severity, ...], scope_type: ScopeType
    ) -> AlertRule:
        rule = str.__new__(cls, slug)
        rule._value_ = slug
        rule.severities, rule.scope_type, rule.remedy = severities, scope_type, _REMEDIES[slug]
        return rule

    # --- days before, while there is time: lifecycle/content_watch ---

    # critical if nothing would be sent on that day
    CONTENT_NOT_READY = "content_not_ready", EITHER, DAY
    LADDER_CHANGED = "ladder_changed", WARNING, DAY
    FALLBACK_NOT_READY = "fallback_not_ready", WARNING, INSTALLATION
    # lifecycle/plan_watch; critical if not everybody is reached
    PLAN_SHORT = "plan_short", EITHER, DAY

    # --- half an hour before it: config/preflight; critical if it is RED ---

    PREFLIGHT = "preflight", EITHER, DAY

    # --- before a distribution opens: the findings of lifecycle/preflight ---

    NO_CONTENT = "no_content", CRITICAL, DISTRIBUTION
    # critical if no number can send it, else a warning that names those that cannot
    TEMPLATE_NOT_APPROVED = "template_not_approved", EITHER, DISTRIBUTION
    # critical if nothing is sent; else the fallback is, or Meta has changed what does not forbid it
    CONTENT_INVALID = "content_invalid", EITHER, DISTRIBUTION
    NO_TOKEN = "no_token", CRITICAL, DISTRIBUTION
    NO_NUMBER = "no_number", CRITICAL, DISTRIBUTION
    CONTENT_REPEATED = "content_repeated", WARNING, DISTRIBUTION
    # critical if CAPACITY_SHORTFALL holds the distribution back
    CAPACITY_SHORT = "capacity_short", EITHER, DISTRIBUTION
    # critical if the distribution is held back or recipients are left out
    PORTFOLIO_LIMIT = "portfolio_limit", EITHER, DISTRIBUTION

    # --- a distribution's life ---

    DISTRIBUTION_MISSED = "distribution_missed", CRITICAL, DISTRIBUTION
    OVERRUN = "overrun", CRITICAL, DISTRIBUTION
    DISTRIBUTION_PAUSED = "distribution_paused", CRITICAL, DISTRIBUTION
    RUNG_TAKEN = "rung_taken", WARNING, DISTRIBUTION
    MASS_FAILURE = "mass_failure", CRITICAL, DISTRIBUTION
    UNDELIVERABLE_SHARE = "undeliverable_share", WARNING, DISTRIBUTION
    REFUSED_SHARE = "refused_share", WARNING, DISTRIBUTION
    SLA_AT_RISK = "sla_at_risk", CRITICAL, DISTRIBUTION
    # critical if less than three quarters of the expected receipts have come
    RECEIPTS_LATE = "receipts_late", EITHER, DISTRIBUTION
    MESSAGES_HELD = "messages_held", EITHER, DISTRIBUTION  # critical above 10%
    FAILURES_HIGH = "failures_high", CRITICAL, DISTRIBUTION
    CONGESTION = "congestion", EITHER, DISTRIBUTION  # critical if the SLA is at risk, too
    SLA_MISSED = "sla_missed", CRITICAL, DISTRIBUTION
    ERROR_BUDGET = "error_budget", EITHER, DAY  # critical from a quarter in one morning on
    UNCONFIRMED = "unconfirmed", WARNING, DISTRIBUTION
    QUARANTINE = "quarantine", CRITICAL, DISTRIBUTION

    # --- one recipient ---

    DUPLICATE_SUSPECT = "duplicate_suspect", CRITICAL, DELIVERY
    DUPLICATE_CONFIRMED = "duplicate_confirmed", CRITICAL, DELIVERY
    MESSAGE_ID_CONFLICT = "message_id_conflict", CRITICAL, DELIVERY

    # --- phone numbers and the account at Meta ---

    NO_NUMBER_AVAILABLE = "no_number_available", CRITICAL, INSTALLATION
    LAST_NUMBER = "last_number", WARNING, INSTALLATION
    # critical if Meta's rating is the lowest, or forbids sending
    NUMBER_QUALITY = "number_quality", EITHER, PHONE_NUMBER
    TEMPLATE_QUALITY = "template_quality", EITHER, TEMPLATE
    NUMBER_FAILURES = "number_failures", WARNING, PHONE_NUMBER
    TEMPLATE_FAILURES = "template_failures", WARNING, TEMPLATE
    NUMBER_BREAKER = "number_breaker", CRITICAL, PHONE_NUMBER
    ACCOUNT_BREAKER = "account_breaker", CRITICAL, PORTFOLIO
    ACCOUNT_PAUSED = "account_paused", CRITICAL, PORTFOLIO
    PROXY_ANSWERS = "proxy_answers", CRITICAL, INSTALLATION
    MEDIA_REFUSED = "media_refused", WARNING, PHONE_NUMBER
    TEMPLATE_CATEGORY = "template_category", WARNING, MESSAGE_TEMPLATE
    # critical if a person has to decide: no better template, or too soon after the last change
    TEMPLATE_BLOCKED = "template_blocked", EITHER, ROTATION_GROUP
    TEMPLATE_DRAFT = "template_draft", WARNING, TEMPLATE_DRAFT
    LIMIT_CHANGED = "limit_changed", WARNING, RECIPIENT_LIMIT
    COST_DIFFERS = "cost_differs", WARNING, ACCOUNT_DAY
    ACCOUNT_NOTICE = "account_notice", CRITICAL, ACCOUNT_EVENT
    # critical in its last two days, and once it has ended
    ACCESS_TOKEN_EXPIRES = "access_token_expires", EITHER, INSTALLATION

    # --- people ---

    UNMATCHED_OPT_OUT = "unmatched_opt_out", WARNING, INSTALLATION
    PERSON_MOVED = "person_moved", WARNING, INSTALLATION

    # --- the installation ---

    DELIVERIES_STUCK = "deliveries_stuck", CRITICAL, INSTALLATION
    NO_PARTITION_AHEAD = "no_partition_ahead", CRITICAL, INSTALLATION
    KEEPER_SILENT = "keeper_silent", CRITICAL, INSTALLATION
    TICK_SILENT = "tick_silent", CRITICAL, INSTALLATION
    CLOCK_SET_BACK = "clock_set_back", WARNING, INSTALLATION
    # critical while a distribution runs
    WEBHOOK_CONGESTION = "webhook_congestion", EITHER, INSTALLATION
    WEBHOOK_DEAD_LETTER = "webhook_dead_letter", CRITICAL, INSTALLATION
    EVENTS_UNDELIVERED = "events_undelivered", WARNING, SUBSCRIPTION
    ALERT_CHANNEL_FAILING = "alert_channel_failing", WARNING, ALERT_CHANNEL
    NOTIFICATIONS_UNDELIVERED = "notifications_undelivered", WARNING, INSTALLATION

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
