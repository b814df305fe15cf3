"""When the alerts about Meta's notices are over. Nobody closes an alert by hand: each ends when
what it tells of is mended or taken back, and after a week at the latest."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from distribution.alerts import incidents
from distribution.models import Alert, Distribution, DistributionState
from phonepool.models import Portfolio

CATEGORY, LIMIT, ACCOUNT = "template_category", "limit_changed", "account_notice"


def close_over(now: datetime) -> int:
    """Close those that are over; how many."""
    return (
        incidents.close_all(_mended_limit(), now=now)
        + incidents.close_all(_account_that_sends_again(), now=now)
        + incidents.close_all(_old(now), now=now)
    )


def _open(rule: str) -> QuerySet[Alert]:
    return Alert.objects.filter(rule=rule, closed_at=None)


def _mended_limit() -> QuerySet[Alert]:
    """Our record says by now what Meta said."""
    limits = Portfolio.objects.values_list("recipient_limit", flat=True)
    return _open(LIMIT).filter(scope__in=[str(limit) for limit in limits])


def _account_that_sends_again() -> QuerySet[Alert]:
    """A distribution opened after the notice went well: the account is in good standing."""
    good = Distribution.objects.filter(
        state=DistributionState.COMPLETED,
        recipients__gt=0,
        sla_accepted__gte=settings.SLA_TARGET,
        opened_at__isnull=False,
    )
    latest = good.order_by("-opened_at").values_list("opened_at", flat=True).first()
    return _open(ACCOUNT).filter(opened_at__lt=latest) if latest else Alert.objects.none()


def _old(now: datetime) -> QuerySet[Alert]:
    """A week is time enough to look; what still matters then, Meta says again."""
    over = now - timedelta(days=settings.NOTICE_ALERT_DAYS)
    return Alert.objects.filter(
        rule__in=(CATEGORY, LIMIT, ACCOUNT), closed_at=None, opened_at__lte=over
    )


def overtaken(rule: str, *, prefix: str = "", but: str = "", now: datetime) -> int:
    """A newer word of Meta's came: those open before are over, except the one in scope `but`."""
    older = _open(rule).filter(scope__startswith=prefix).exclude(scope=but)
    return sum(incidents.close_alert(rule, scope=alert.scope, now=now) for alert in older)
