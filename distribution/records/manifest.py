"""The manifest: everything about a distribution that is not about one person, as plain values.

Its numbers are whole and its shares are texts, so that one value has one spelling (RFC 8785).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from distribution.alerts.catalogue import DISTRIBUTION
from distribution.models import Alert, Approval, Content, Distribution, Preflight
from distribution.records.merkle import Tree
from distribution.service_level import sla

FORMAT = "daybreak-record/1"
SETTINGS = (
    "SLA_TARGET",
    "SLA_WINDOW_SECONDS",
    "SLA_BASIS",
    "SENDING_WINDOW_SECONDS",
    "BATCH_SIZE",
    "SLOT_UTILISATION",
    "LEASE_SECONDS",
    "KEEPER_PATIENCE",
    "RETRY_DELAYS_SECONDS",
    "RECONCILE_WINDOW_SECONDS",
    "RECONCILE_UNSURE_SECONDS",
    "AMBIGUOUS_POLICY",
)


@dataclass(slots=True)
class Counted:
    """What the lines of a record add up to."""

    tree: Tree = field(default_factory=Tree)
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def build(
    distribution: Distribution, counted: Counted, *, no: int, previous: str, supersedes: str
) -> dict[str, Any]:
    """Its counts are of the lines themselves, so the two agree whatever happens meanwhile."""
    return {
        "format": FORMAT,
        "no": no,
        "previous": previous,
        "supersedes": supersedes,
        "distribution": _of_distribution(distribution),
        "content": _of_content(distribution.content),
        "templates": _of_templates(distribution),
        "deliveries": {
            "count": counted.tree.leaves,
            "root": counted.tree.root,
            "states": dict(counted.states),
            "reasons": dict(counted.reasons),
        },
        "service_level": _of_service_level(distribution),
        "alerts": _of_alerts(distribution),
        "preflights": _of_preflights(distribution),
        "settings": {name: _setting(name) for name in SETTINGS},
        "api_version": settings.API_VERSION,
    }


def _setting(name: str) -> str:
    """As it stands in the environment."""
    value = getattr(settings, name)
    return ",".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value)


def _of_distribution(distribution: Distribution) -> dict[str, Any]:
    times = ("planned_at", "opened_at", "sla_deadline", "window_end", "completed_at")
    return {
        "id": distribution.pk,
        "kind": distribution.kind,
        "day": distribution.local_date.isoformat(),
        "state": distribution.state,
        "recipients": distribution.recipients,
        "batches": distribution.batches,
        **{name: _time(getattr(distribution, name)) for name in times},
    }


def _of_content(content: Content | None) -> dict[str, Any]:
    if content is None:
        return {}
    decisions = Approval.objects.filter(content=content).select_related("by")
    return {
        "id": content.pk,
        "version": content.version,
        "title": content.title,
        "body_variables": [str(text) for text in content.body_variables],
        "fingerprint": content.approved_fingerprint,
        "decisions": [
            {"decision": one.decision, "by": one.by.get_username(), "at": _time(one.at)}
            for one in decisions
        ],
    }


def _of_templates(distribution: Distribution) -> list[dict[str, Any]]:
    used = [
        one for one in (distribution.first_template, distribution.warm_template) if one is not None
    ]
    return [
        {
            "name": one.name,
            "language": one.language,
            "category": one.category,
            "quality": one.quality,
            "status": one.status,
        }
        for one in used
    ]


def _of_service_level(distribution: Distribution) -> dict[str, Any]:
    shares = sla.stored_shares(distribution)
    return {
        "basis": settings.SLA_BASIS,
        "target": str(settings.SLA_TARGET),
        "accepted": _share(shares.accepted),
        "delivered": _share(shares.delivered),
    }


def _of_alerts(distribution: Distribution) -> list[dict[str, Any]]:
    rows = Alert.objects.filter(scope=DISTRIBUTION.build(distribution.pk)).order_by("pk")
    return [
        {
            "rule": row.rule,
            "severity": row.severity,
            "opened_at": _time(row.opened_at),
            "closed_at": _time(row.closed_at),
        }
        for row in rows
    ]


def _of_preflights(distribution: Distribution) -> list[dict[str, Any]]:
    day = distribution.local_date.isoformat()
    rows = Preflight.objects.filter(slot__contains=day).order_by("pk")
    return [{"slot": row.slot, "verdict": row.verdict} for row in rows]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _share(share: float | None) -> str | None:
    return None if share is None else f"{share:.6f}"
