"""When the alerts about Meta's notices are over. Nobody closes an alert by hand: each ends when
what it tells of is mended or taken back, and after a week at the latest."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Distribution, DistributionState
from phonepool.models import Portfolio

RULES = (AlertRule.TEMPLATE_CATEGORY, AlertRule.LIMIT_CHANGED, AlertRule.ACCOUNT_NOTICE)


def close_over(now: datetime) -> int:
    """Close those that are over; how many."""
    return (
        incidents.close_all(_mended_limit(), now=now)
        + incidents.close_all(_account_that_sends_again(), now=now)
        + incidents.close_all(_old(now), now=now)
    )


def _open(rule: AlertRule) -> QuerySet[Alert]:
    return Alert.objects.filter(rule=rule, closed_at=None)


def _mended_limit() -> QuerySet[Alert]:
    """Our record says by now what Meta said."""
    limits = Portfolio.objects.values_list("recipient_limit", flat=True)
    rule = AlertRule.LIMIT_CHANGED
    return _open(rule).filter(scope__in=[rule.scope(f"{limit}") for limit in limits])


def _account_that_sends_again() -> QuerySet[Alert]:
    """A distribution opened after the notice went well: the account is in good standing."""
    good = Distribution.objects.filter(
        state=DistributionState.COMPLETED,
        recipients__gt=0,
        sla_accepted__gte=settings.SLA_TARGET,
        opened_at__isnull=False,
    )
    latest = good.order_by("-opened_at").values_list("opened_at", flat=True).first()
    return (
        _open(AlertRule.ACCOUNT_NOTICE).filter(opened_at__lt=latest)
        if latest
        else Alert.objects.none()
    )


def _old(now: datetime) -> QuerySet[Alert]:
    """A week is time enough to look; what still matters then, Meta says again."""
    over = now - timedelta(days=settings.NOTICE_ALERT_DAYS)
    return Alert.objects.filter(rule__in=RULES, closed_at=None, opened_at__lte=over)


def close_superseded(rule: AlertRule, *, prefix: str = "", but: str = "", now: datetime) -> int:
    """Meta sent a newer notice: close the open alerts whose scope begins with `prefix`, except
    the one in scope `but`; how many."""
    older = _open(rule).filter(scope__startswith=prefix).exclude(scope=but)
    return incidents.close_all(older, now=now)
