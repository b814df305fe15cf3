"""The `webhooks` of the OpenAPI document, one for each event type.

`distribution/ledger/outbox.py` writes the events; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.fields import Field

from distribution.models import (
    ContentState,
    DistributionState,
    DraftState,
    EventKind,
    Kind,
    PreflightVerdict,
    RotationCause,
    RungKind,
    Severity,
)

RECEIVED = OpenApiResponse(description="Accepted: any 2xx, within ten seconds.")
GONE = OpenApiResponse(description="The receiver is gone. No more events are posted to it.")


class DistributionTold(serializers.Serializer[Any]):
    """The distribution at the time of the event."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Kind.choices)
    date = serializers.DateField(help_text="The day in India.")
    state = serializers.ChoiceField(DistributionState.choices)
    reason = serializers.CharField(help_text="Why it is in this state, or empty.")
    content = serializers.IntegerField(allow_null=True)
    planned_at = serializers.DateTimeField()
    opened_at = serializers.DateTimeField(allow_null=True)
    window_end = serializers.DateTimeField(
        allow_null=True, help_text="Nothing is sent after this time."
    )
    completed_at = serializers.DateTimeField(allow_null=True)
    recipients = serializers.IntegerField()


class MorningReportTold(serializers.Serializer[Any]):
    """How a morning went. Shares are 0 to 1."""

    met = serializers.BooleanField(allow_null=True, help_text="Null if nobody was owed a message.")
    accepted_share = serializers.FloatField(allow_null=True)
    delivered_share = serializers.FloatField(allow_null=True)
    owed = serializers.IntegerField()
    seconds = serializers.FloatField(
        allow_null=True, help_text="From the planned time until the last message was accepted."
    )
    failures = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    skips = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    actions = serializers.DictField(
        child=serializers.IntegerField(), help_text="What was done to phone numbers automatically."
    )
    cost = serializers.CharField(allow_null=True, help_text="In words. Null: not counted yet.")
    budget_left = serializers.FloatField(
        allow_null=True, help_text="Share of the error budget of 28 days. Below 0: overspent."
    )


class ProgressTold(serializers.Serializer[Any]):
    """Shares of the eligible recipients, 0 to 1."""

    owed = serializers.IntegerField()
    accepted_share = serializers.FloatField()
    delivered_share = serializers.FloatField()
    projected_share = serializers.FloatField(
        help_text="If everything that can still be in time is in time."
    )
    estimated_completion = serializers.DateTimeField(allow_null=True)
    violations = serializers.ListField(child=serializers.CharField())


class DoublesTold(serializers.Serializer[Any]):
    confirmed = serializers.IntegerField(help_text="People who received it twice.")
    suspected = serializers.IntegerField()


class SentAgainTold(serializers.Serializer[Any]):
    by_rule = serializers.IntegerField(
        help_text="Sent again because all evidence said that it was not accepted."
    )
    by_hand = serializers.IntegerField(help_text="Sent again by a person's decision.")


class ReportTold(serializers.Serializer[Any]):
    """The result: accepted, failed, skipped and unconfirmed add up to recipients."""

    recipients = serializers.IntegerField()
    owed = serializers.IntegerField(help_text="Recipients without those who opted out meanwhile.")
    accepted = serializers.IntegerField()
    delivered = serializers.IntegerField(help_text="Of accepted, so far.")
    read = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    unconfirmed = serializers.IntegerField(help_text="Unconfirmed: no response from WhatsApp.")
    failures = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    skips = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    doubles = DoublesTold()
    sent_again = SentAgainTold(help_text="Unknown outcomes that were sent again.")
    sla_accepted = serializers.FloatField()
    sla_delivered = serializers.FloatField()
    sla_met = serializers.BooleanField()
    violations = serializers.ListField(child=serializers.CharField())
    first_accepted_at = serializers.DateTimeField(allow_null=True)
    last_accepted_at = serializers.DateTimeField(allow_null=True)


class DistributionNamed(serializers.Serializer[Any]):
    id = serializers.IntegerField()


class FailureTold(serializers.Serializer[Any]):
    """A person who will not get the message."""

    id = serializers.IntegerField(help_text="The id of the delivery.")
    subscriber = serializers.IntegerField()
    reason = serializers.CharField()
    code = serializers.IntegerField(
        allow_null=True, help_text="Meta's error code, if there is one."
    )


class AlertTold(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    rule = serializers.CharField()
    scope = serializers.CharField(help_text="What it is about. Empty: everything.")
    severity = serializers.ChoiceField(Severity.choices)
    message = serializers.CharField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class ContentTold(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    date = serializers.DateField(allow_null=True, help_text="Null for a fallback.")
    title = serializers.CharField()
    state = serializers.ChoiceField(ContentState.choices)
    is_fallback = serializers.BooleanField()
    message_template = serializers.IntegerField()
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="The approver's comment, or empty.")


class RotationTold(serializers.Serializer[Any]):
    """Another message template of a rotation group is in use."""

    group = serializers.CharField(help_text="The name of the group.")
    before = serializers.IntegerField(allow_null=True, help_text="Template until now.")
    after = serializers.IntegerField(help_text="Template from the next distribution on.")
    cause = serializers.ChoiceField(RotationCause.choices)
    reason = serializers.CharField()
    by_hand = serializers.BooleanField(help_text="A person decided, not a rule.")


class DraftTold(serializers.Serializer[Any]):
    """A better version of a message template."""

    id = serializers.IntegerField()
    improves = serializers.IntegerField(help_text="The message template in use until now.")
    name = serializers.CharField(help_text="Its name at Meta.")
    state = serializers.ChoiceField(DraftState.choices)
    template = serializers.IntegerField(
        allow_null=True, help_text="The template that it became, once Meta has it."
    )
    by_rule = serializers.BooleanField(help_text="Nobody asked for it: people block the template.")
    answer = serializers.CharField(help_text="Why Meta refused it and what to do, or empty.")


class PreflightTold(serializers.Serializer[Any]):
    """The result of a preflight. GET /api/distribution/preflight has what each check saw."""

    id = serializers.IntegerField()
    verdict = serializers.ChoiceField(PreflightVerdict.choices)
    sent_messages = serializers.BooleanField(help_text="False: it only read.")
    by_hand = serializers.BooleanField(help_text="Somebody started it, not the timetable.")
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    failing = serializers.ListField(
        child=serializers.CharField(), help_text="The keys of the checks that failed."
    )
    doubtful = serializers.ListField(
        child=serializers.CharField(), help_text="Of those with a warning or without a result."
    )


class CostCheckTold(serializers.Serializer[Any]):
    """Our charges of an account's day beside Meta's, where they differ."""

    account = serializers.CharField(help_text="Meta's id of the WhatsApp account (WABA).")
    day = serializers.DateField(help_text="In the account's time zone.")
    currency = serializers.CharField()
    our_messages = serializers.IntegerField()
    metas_messages = serializers.IntegerField()
    our_amount = serializers.CharField(help_text="Without tax, as the next.")
    metas_amount = serializers.CharField()
    unpriced = serializers.IntegerField(help_text="Messages without pricing from Meta.")


class EstimateTold(serializers.Serializer[Any]):
    """The estimate of a content that was approved above COST_LIMIT_PER_MESSAGE."""

    content = serializers.IntegerField()
    date = serializers.DateField(allow_null=True, help_text="Null for a fallback.")
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="If everybody receives it, without tax.")
    people = serializers.IntegerField()
    per_message = serializers.CharField()
    limit_per_message = serializers.CharField()
    reason = serializers.CharField(help_text="The approver's.")


class RungTold(serializers.Serializer[Any]):
    """The rung of the ladder that a running distribution has taken."""

    place = serializers.IntegerField(help_text="On the ladder. 0 is the first, which it has left.")
    kind = serializers.ChoiceField(RungKind.choices)
    content = serializers.IntegerField()
    message_template = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why the former rung was left.")
    waiting = serializers.IntegerField(help_text="People who had received nothing then.")


def _event(name: str, **data: Field[Any, Any, Any, Any]) -> serializers.Serializer[Any]:
    """The envelope of an event with these fields."""
    fields: dict[str, Field[Any, Any, Any, Any]] = {
        "type": serializers.ChoiceField(EventKind.choices),
        "timestamp": serializers.DateTimeField(help_text="When it happened."),
        "data": inline_serializer(f"{name}Data", data),
    }
    return inline_serializer(f"{name}Event", fields)


DISTRIBUTION = _event("Distribution", distribution=DistributionTold())
ALERT = _event("Alert", alert=AlertTold())
CONTENT = _event("Content", content=ContentTold())
DRAFT = _event("Draft", draft=DraftTold())
BODIES: Mapping[EventKind, serializers.Serializer[Any]] = {
    EventKind.DISTRIBUTION_OPENED: DISTRIBUTION,
    EventKind.DISTRIBUTION_SENDING: _event(
        "Progress",
        distribution=DistributionTold(),
        progress=ProgressTold(
            required=False, help_text="Missing if the distribution was just resumed."
        ),
    ),
    EventKind.DISTRIBUTION_PAUSED: DISTRIBUTION,
    EventKind.DISTRIBUTION_COMPLETED: _event(
        "Report", distribution=DistributionTold(), report=ReportTold()
    ),
    EventKind.MORNING_REPORT: _event(
        "MorningReport", distribution=DistributionTold(), morning=MorningReportTold()
    ),
    EventKind.DISTRIBUTION_CANCELLED: DISTRIBUTION,
    EventKind.DISTRIBUTION_MISSED: DISTRIBUTION,
    EventKind.RUNG_TAKEN: _event("Rung", distribution=DistributionTold(), rung=RungTold()),
    EventKind.DELIVERIES_FAILED: _event(
        "Failures", distribution=DistributionNamed(), deliveries=FailureTold(many=True)
    ),
    EventKind.ALERT_OPENED: ALERT,
    EventKind.ALERT_CLOSED: ALERT,
    EventKind.CONTENT_APPROVED: CONTENT,
    EventKind.CONTENT_REJECTED: CONTENT,
    EventKind.TEMPLATE_ROTATED: _event("Rotation", rotation=RotationTold()),
    EventKind.TEMPLATE_DRAFTED: DRAFT,
    EventKind.TEMPLATE_REVIEWED: DRAFT,
    EventKind.PREFLIGHT_COMPLETED: _event("Preflight", preflight=PreflightTold()),
    EventKind.COST_DIFFERS: _event("CostCheck", cost_check=CostCheckTold()),
    EventKind.COST_OVER_LIMIT: _event("Estimate", estimate=EstimateTold()),
}
WEBHOOKS = [
    OpenApiWebhook(
        name=kind.value,
        decorator=extend_schema(
            summary=str(kind.label),
            description="Posted to WEBHOOK_STATUS_URL and to every event subscription, signed "
            "according to Standard Webhooks. An event can come twice or out of "
            "order.",
            tags=["events"],
            request={"application/json": body},
            responses={200: RECEIVED, 410: GONE},
        ),
    )
    for kind, body in BODIES.items()
]
