"""Close the alerts about Meta's notices. No alert is closed by hand: each ends when its cause is
corrected or Meta withdraws the notice, and after NOTICE_ALERT_DAYS at the latest."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Distribution, DistributionState
from phonepool.models import AccountNotice, Portfolio, Waba

RULES = (AlertRule.TEMPLATE_CATEGORY, AlertRule.LIMIT_CHANGED, AlertRule.ACCOUNT_NOTICE)
# Failures that hit many recipients of a distribution: raised once, closed only by age.
OF_ONE_MORNING = (AlertRule.MASS_FAILURE, AlertRule.UNDELIVERABLE_SHARE, AlertRule.REFUSED_SHARE)


def close_outdated(now: datetime) -> int:
    """Close those whose cause is gone or that are too old; how many."""
    return (
        incidents.close_all(_limits_now_recorded(), now=now)
        + incidents.close_all(_account_sends_again(), now=now)
        + incidents.close_all(_restrictions_expired(now), now=now)
        + incidents.close_all(_expired(now), now=now)
    )


def _limits_now_recorded() -> QuerySet[Alert]:
    """Our record has the limit that Meta reported."""
    limits = Portfolio.objects.values_list("pk", "recipient_limit")
    rule = AlertRule.LIMIT_CHANGED
    recorded = [rule.scope(f"{limit_prefix(pk)}{limit}") for pk, limit in limits]
    return incidents.open_alerts(rule).filter(scope__in=recorded)


def limit_prefix(portfolio_id: int) -> str:
    """Begins the keys of alerts about a portfolio's limit; empty while it is the only one."""
    others = Portfolio.objects.exclude(pk=portfolio_id).exists()
    return f"portfolio {portfolio_id}: " if others else ""


def account_key(account: str, topic: str) -> str:
    """The key of an alert about an account; its id is left out while there is only one."""
    return f"{topic} of {account}" if _is_one_of_several(account) else topic


def account_name(account: str) -> str:
    """Names the account in a sentence where there are several; else empty."""
    waba = Waba.objects.filter(meta_id=account).first() if _is_one_of_several(account) else None
    return f" of account {waba}" if waba else ""


def _is_one_of_several(account: str) -> bool:
    return bool(account) and Waba.objects.exclude(meta_id=account).exists()


def _restrictions_expired(now: datetime) -> QuerySet[Alert]:
    """Meta named the end of the restriction, and it has come."""
    over = AccountNotice.objects.filter(expires_at__lte=now, lifted=False)
    keys = [account_key(*names) for names in over.values_list("account", "topic")]
    rule = AlertRule.ACCOUNT_NOTICE
    return incidents.open_alerts(rule).filter(scope__in=[rule.scope(key) for key in keys])


def _account_sends_again() -> QuerySet[Alert]:
    """A distribution opened after the notice met its service level: the account works."""
    good = Distribution.objects.filter(
        state=DistributionState.COMPLETED,
        recipients__gt=0,
        sla_accepted__gte=settings.SLA_TARGET,
        opened_at__isnull=False,
    )
    latest = good.order_by("-opened_at").values_list("opened_at", flat=True).first()
    return (
        incidents.open_alerts(AlertRule.ACCOUNT_NOTICE).filter(opened_at__lt=latest)
        if latest
        else Alert.objects.none()
    )


def _expired(now: datetime) -> QuerySet[Alert]:
    """Meta repeats a notice that still matters after this time."""
    limit = now - timedelta(days=settings.NOTICE_ALERT_DAYS)
    return Alert.objects.filter(
        rule__in=(*RULES, *OF_ONE_MORNING), closed_at=None, opened_at__lte=limit
    )


def close_superseded(rule: AlertRule, *, prefix: str = "", but: str = "", now: datetime) -> int:
    """Meta sent a newer notice: close the open alerts whose scope begins with `prefix`, except
    the one in scope `but`; how many."""
    older = incidents.open_alerts(rule).filter(scope__startswith=prefix).exclude(scope=but)
    return incidents.close_all(older, now=now)
