"""Meta's word on how many people a portfolio may write to in 24 hours.

A notice only alerts: it may be late, and must not keep recipients out of a distribution. What we
read ourselves is written down, with the same alert. What cannot be read is never the old limit in
silence: an alert says so until the next reading knows.
"""

from __future__ import annotations

from datetime import datetime

from distribution.alerts import incidents, meta_notices
from distribution.alerts.catalogue import AlertRule
from distribution.mirror.ordering import is_stale
from phonepool.models import Portfolio
from phonepool.numbers.limits import Limit

RULE = AlertRule.LIMIT_CHANGED
UNKNOWN = "unknown"


def apply_notice(portfolio: Portfolio, limit: Limit, *, at: datetime, now: datetime) -> bool:
    """Alert if our record differs; False if the notice is stale."""
    if is_stale(at, portfolio.limit_at, None, bad=False):
        return False
    Portfolio.objects.filter(pk=portfolio.pk).update(limit_at=at)
    same = limit.people == portfolio.recipient_limit
    if not limit.known:
        _tell_unknown(portfolio, limit, now)
    elif _close_others(portfolio, f"{limit.people}", same=same, now=now):
        message = (
            f"Meta says that {_we(portfolio)} can message {_told(limit)} in 24 hours, but Daybreak "
            f"has {_people(portfolio.recipient_limit)}. Check Business Manager and correct it."
        )
        _tell(portfolio, f"{limit.people}", message, now)
    return True


def apply_reading(portfolio: Portfolio, limit: Limit, *, now: datetime) -> bool:
    """Write down the limit that Meta has now, with an alert; True if it changed."""
    if is_stale(now, portfolio.limit_at, None, bad=False):
        return False
    if not limit.known:
        _tell_unknown(portfolio, limit, now)
        return False
    before, same = portfolio.recipient_limit, limit.people == portfolio.recipient_limit
    Portfolio.objects.filter(pk=portfolio.pk).update(recipient_limit=limit.people, limit_at=now)
    if not _close_others(portfolio, f"{limit.people}", same=same, now=now):
        return False
    message = (
        f"Meta now lets {_we(portfolio)} message {_told(limit)} in 24 hours (before: "
        f"{_people(before)}). Daybreak uses the new limit."
    )
    _tell(portfolio, f"{limit.people}", message, now)
    return True


def _close_others(portfolio: Portfolio, key: str, *, same: bool, now: datetime) -> bool:
    """Close what was told of the portfolio before; whether there is something to tell now."""
    prefix = meta_notices.limit_prefix(portfolio.pk)
    but = "" if same else RULE.scope(prefix + key)
    meta_notices.close_superseded(RULE, prefix=prefix, but=but, now=now)
    return not same


def _tell_unknown(portfolio: Portfolio, limit: Limit, now: datetime) -> None:
    _close_others(portfolio, UNKNOWN, same=False, now=now)
    _tell(
        portfolio,
        UNKNOWN,
        f"Meta reported a messaging limit for {portfolio} that Daybreak can't read: "
        f"{limit.word}. Daybreak keeps {_people(portfolio.recipient_limit)} and asks Meta again "
        "every minute. If this continues, check Business Manager.",
        now,
    )


def _tell(portfolio: Portfolio, key: str, message: str, now: datetime) -> None:
    key = meta_notices.limit_prefix(portfolio.pk) + key
    incidents.raise_alert(RULE, key, message=message, now=now)


def _we(portfolio: Portfolio) -> str:
    return f"{portfolio}" if meta_notices.limit_prefix(portfolio.pk) else "you"


def _told(limit: Limit) -> str:
    return _people(limit.people) if limit.named else "an unnamed number of people"


def _people(limit: int | None) -> str:
    return "any number of people" if limit is None else f"{limit:,} people"
