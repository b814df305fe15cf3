"""Meta's notices about a whole account: what is grave opens an alert, what lifts it closes it.

The latest word on each topic is kept, so that notices end the same in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from distribution.alerts import incidents, meta_notices
from distribution.alerts.catalogue import AlertRule
from distribution.mirror.ordering import is_stale
from distribution.runtime import india_time
from phonepool.models import AccountNotice

RULE = AlertRule.ACCOUNT_NOTICE
# Each ends the trouble that the other reports.
LIFTED_BY = {
    "ACCOUNT_RECONNECTED": "ACCOUNT_OFFBOARDED",
    "PARTNER_ADDED": "PARTNER_REMOVED",
    "PARTNER_APP_INSTALLED": "PARTNER_APP_UNINSTALLED",
}
VIOLATION = "ACCOUNT_VIOLATION"
OF_VIOLATIONS = ("ACCOUNT_RESTRICTION", VIOLATION)
ALERT, REVIEW = "ACCOUNT_ALERT", "ACCOUNT_REVIEW"  # our names for fields of their own
HEALTH = "HEALTH_STATUS"  # by our own reading only (`account_sync.py`)
DISCONNECTED = ("PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED")
GRAVE = frozenset(
    (
        *OF_VIOLATIONS,
        *DISCONNECTED,
        "ACCOUNT_DELETED",
        "ACCOUNT_OFFBOARDED",
        "DISABLED_UPDATE",
        HEALTH,
    )
)
# Topics that begin so are about whether the account may send at all.
SENDING_TOPICS = tuple(event.lower() for event in (*OF_VIOLATIONS, "DISABLED_UPDATE"))
REINSTATED = "REINSTATE"  # a word that lifts everything about the account
LIFTING_ENDS = ("_UNBAN", "_RECOVERY")
LIFTING_WORDS = ("APPROVED", "OBA_APPROVED", "RESOLVED", "INACTIVE", "AVAILABLE", "LIMITED")
REMEDY = "Check the account in Business Manager."
RECONNECT = (
    "The app has lost access to the account, so the next messages fail. Add the app to the account "
    "in Business settings, then check WHATSAPP_ACCESS_TOKEN."
)


def apply(
    account: str,
    event: str,
    words: Sequence[str],
    *,
    at: datetime,
    expires_at: datetime | None,
    now: datetime,
) -> str:
    """Apply one notice with the words that qualify it; why it had no effect, or ''."""
    lifted = event in LIFTED_BY or any(_lifts(word) for word in words)
    topics = _topics(LIFTED_BY.get(event, event), words, lifted=lifted)
    if not topics:
        return "account.event"
    detail = ", ".join(words)[:300]
    written = [
        notice
        for topic in topics
        if (notice := _write(account, topic, event, detail, at, lifted, expires_at)) is not None
    ]
    if not written:
        return "account.stale"
    over = _topics_over(account, now)
    for topic in over:
        incidents.close_alert(RULE, meta_notices.account_key(account, topic), now=now)
    for notice in written:
        if notice.topic not in over:
            key = _alert_key(notice)
            incidents.raise_alert(RULE, key, message=_message(notice), now=now)
    return ""


def _alert_key(notice: AccountNotice) -> str:
    """Its own, or that of our reading, if that has told already that the account cannot send."""
    health = meta_notices.account_key(notice.account, HEALTH.lower())
    if notice.topic.startswith(SENDING_TOPICS) and is_open(health):
        return health
    return meta_notices.account_key(notice.account, notice.topic)


def is_open(*keys: str) -> bool:
    """Whether one of these alerts about an account is open."""
    return incidents.open_alerts(RULE).filter(scope__in=map(RULE.scope, keys)).exists()


def _topics(event: str, words: Sequence[str], *, lifted: bool) -> list[str]:
    """What the notice is about; none if it is neither grave nor lifts what was."""
    first = words[0] if words else ""
    if any(word.startswith(REINSTATED) for word in words):
        return [REINSTATED.lower()]
    if event == ALERT:
        return [f"{ALERT.lower()} {first.lower()}"[:64]] if lifted or "ACTIVE" in words else []
    if event == REVIEW:
        return [REVIEW.lower()] if lifted or first == "REJECTED" else []
    if event not in GRAVE:
        return []
    if event not in OF_VIOLATIONS or not first:
        return [event.lower()]
    about = [f"{kind.lower()} {_base(first).lower()}"[:64] for kind in OF_VIOLATIONS]
    # Lifting a violation also lifts what was told without naming one.
    return [*about, *map(str.lower, OF_VIOLATIONS)] if lifted else [about[event == VIOLATION]]


def _lifts(word: str) -> bool:
    return word.startswith(REINSTATED) or word.endswith(LIFTING_ENDS) or word in LIFTING_WORDS


def _base(word: str) -> str:
    for end in LIFTING_ENDS:
        word = word.removesuffix(end)
    return word


def _write(
    account: str,
    topic: str,
    event: str,
    detail: str,
    at: datetime,
    lifted: bool,
    expires_at: datetime | None,
) -> AccountNotice | None:
    """Keep it as the latest word on its topic; None if a later one is known."""
    fields = {
        "event": event[:80],
        "detail": detail,
        "at": at,
        "lifted": lifted,
        "expires_at": expires_at,
    }
    rows = AccountNotice.objects.select_for_update()
    notice, created = rows.get_or_create(account=account, topic=topic, defaults=fields)
    if not created:
        if is_stale(at, notice.at, None, bad=False, better=lifted and not notice.lifted):
            return None
        for name, value in fields.items():
            setattr(notice, name, value)
        notice.save()
    return notice


def _topics_over(account: str, now: datetime) -> set[str]:
    """What is lifted, expired, or older than the account's reinstatement or, if it keeps from
    sending, than our reading that the account sends again."""
    notices = {notice.topic: notice for notice in AccountNotice.objects.filter(account=account)}
    reinstated, health = notices.get(REINSTATED.lower()), notices.get(HEALTH.lower())
    well_at = health.at if health is not None and health.lifted else None
    return {
        notice.topic
        for notice in notices.values()
        if notice.lifted
        or (notice.expires_at is not None and notice.expires_at <= now)
        or (reinstated is not None and notice.at <= reinstated.at)
        or (well_at and notice.at <= well_at and notice.topic.startswith(SENDING_TOPICS))
    }


def _message(notice: AccountNotice) -> str:
    about = meta_notices.account_name(notice.account)
    end = ""
    if notice.expires_at is not None:
        until = notice.expires_at.astimezone(india_time.zone())
        end = f" until {until:%d %b %Y, %H:%M} IST"
    remedy = RECONNECT if notice.event in DISCONNECTED else REMEDY
    return f"Meta reports {notice.event} {notice.detail}".strip() + f"{about}{end}. {remedy}"
