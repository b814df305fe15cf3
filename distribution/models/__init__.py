"""The tables of this app, one module per noun."""

from __future__ import annotations

from distribution.models.access import ApiToken, KeptAnswer, Scope
from distribution.models.alert_channels import AlertChannel, AlertRoute, ChannelKind
from distribution.models.alerts import Alert, Severity
from distribution.models.content import (
    Approval,
    Content,
    ContentState,
    Decision,
    MessageTemplate,
    TemplateStatus,
)
from distribution.models.cost import Charged, Cost, CostCheck, Rate, StaffCharge
from distribution.models.deliveries import Attempt, AttemptOutcome, Delivery, Progress, State
from distribution.models.distributions import Distribution, DistributionState, Kind
from distribution.models.figures import StoredFigures
from distribution.models.groups import GroupRole, RotationGroup
from distribution.models.heartbeats import Heartbeat
from distribution.models.ladder import Ladder, LadderRung, RungKind
from distribution.models.media import MediaCopy, MediaFile
from distribution.models.notifications import (
    Notification,
    NotificationChannel,
    NotificationChoice,
    NotificationKind,
    NotificationState,
)
from distribution.models.outgoing import (
    EventDelivery,
    EventKind,
    EventSubscription,
    OutgoingEvent,
    PostState,
)
from distribution.models.preflights import (
    Preflight,
    PreflightCheck,
    PreflightMessage,
    PreflightState,
    PreflightVerdict,
)
from distribution.models.preparations import Preparation
from distribution.models.pricing import Pricing
from distribution.models.quality import (
    DailySignals,
    QualityChange,
    QualitySource,
    TemplateComparison,
)
from distribution.models.receipts import ReceiptCurve
from distribution.models.records import RecordPart, RunRecord
from distribution.models.rollups import Outcome, Rollup, RollupMark, RollupState
from distribution.models.rotation import RotationCause, RotationChange
from distribution.models.setup import SetupMessage, SetupResult
from distribution.models.shared_counts import SharedCounts
from distribution.models.status_feed import StatusFeed
from distribution.models.table_stamps import TableStamp
from distribution.models.tallies import Channel, OutcomeTally
from distribution.models.template_drafts import (
    OPEN_STATES,
    DraftAct,
    DraftState,
    DraftStep,
    TemplateDraft,
)
from distribution.models.timetable import BlackoutDate, DailyTime, OneTime
from distribution.models.verdicts import Certainty, Duplicate, Ruling, Verdict
from distribution.models.workers import Worker

__all__ = [
    "OPEN_STATES",
    "Alert",
    "AlertChannel",
    "AlertRoute",
    "ApiToken",
    "Approval",
    "Attempt",
    "AttemptOutcome",
    "BlackoutDate",
    "Certainty",
    "Channel",
    "ChannelKind",
    "Charged",
    "Content",
    "ContentState",
    "Cost",
    "CostCheck",
    "DailySignals",
    "DailyTime",
    "Decision",
    "Delivery",
    "Distribution",
    "DistributionState",
    "DraftAct",
    "DraftState",
    "DraftStep",
    "Duplicate",
    "EventDelivery",
    "EventKind",
    "EventSubscription",
    "GroupRole",
    "Heartbeat",
    "KeptAnswer",
    "Kind",
    "Ladder",
    "LadderRung",
    "MediaCopy",
    "MediaFile",
    "MessageTemplate",
    "Notification",
    "NotificationChannel",
    "NotificationChoice",
    "NotificationKind",
    "NotificationState",
    "OneTime",
    "Outcome",
    "OutcomeTally",
    "OutgoingEvent",
    "PostState",
    "Preflight",
    "PreflightCheck",
    "PreflightMessage",
    "PreflightState",
    "PreflightVerdict",
    "Preparation",
    "Pricing",
    "Progress",
    "QualityChange",
    "QualitySource",
    "Rate",
    "ReceiptCurve",
    "RecordPart",
    "Rollup",
    "RollupMark",
    "RollupState",
    "RotationCause",
    "RotationChange",
    "RotationGroup",
    "Ruling",
    "RunRecord",
    "RungKind",
    "Scope",
    "SetupMessage",
    "SetupResult",
    "Severity",
    "SharedCounts",
    "StaffCharge",
    "State",
    "StatusFeed",
    "StoredFigures",
    "TableStamp",
    "TemplateComparison",
    "TemplateDraft",
    "TemplateStatus",
    "Verdict",
    "Worker",
]
