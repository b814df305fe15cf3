"""Bad news of an account alerts, good news closes what it ends (cases A18, A20)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from distribution.alerts import meta_notices
from distribution.models import Alert, Severity
from phonepool.models import PhoneEvent
from tests.webhooks.posts import apply, notice, pool_number
from webhooks.models import ItemCount

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
ABUSE = "UTILITY_TEMPLATE_ABUSE"


def told(event: str, at=NOW, **value: Any) -> None:
    apply(notice("account_update", at, event=event, **value), now=NOW + timedelta(hours=1))


def violation(word: str) -> dict[str, Any]:
    return {"violation_info": {"violation_type": word}}


def ban(word: str) -> dict[str, Any]:
    return {"ban_info": {"waba_ban_state": word}}


def open_alerts() -> list[str]:
    return [alert.message for alert in Alert.objects.filter(closed_at=None)]


@pytest.mark.parametrize("event", ["PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED"])
def test_an_app_that_lost_its_account_is_critical_and_says_what_to_do(event):
    told(event, disconnection_info={"reason": "PHONE_NUMBER_CHANGED", "initiated_by": "USER"})

    alert = Alert.objects.get()
    assert (alert.rule, alert.severity) == ("account_notice", Severity.CRITICAL)
    assert "Add the app to the account" in alert.message


GOOD_NEWS = [
    ("ACCOUNT_RESTRICTION", violation(f"{ABUSE}_UNBAN")),
    ("ACCOUNT_VIOLATION", violation(f"{ABUSE}_UNBAN")),
    ("ACCOUNT_RESTRICTION", violation(f"{ABUSE}_RATE_LIMIT_RECOVERY")),
    ("DISABLED_UPDATE", ban("REINSTATE")),
    ("ACCOUNT_VIOLATION", violation("REINSTATE")),
    ("ACCOUNT_RESTRICTION", violation(ABUSE) | ban("REINSTATE")),
    ("PARTNER_ADDED", {}),
    ("ACCOUNT_RECONNECTED", {}),
    ("MM_LITE_TERMS_SIGNED", {}),
]


@pytest.mark.parametrize(("event", "value"), GOOD_NEWS)
def test_good_news_raises_no_alert(event, value):
    told(event, **value)

    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        (
            ("ACCOUNT_RESTRICTION", violation(ABUSE)),
            ("ACCOUNT_RESTRICTION", violation(f"{ABUSE}_UNBAN")),
        ),
        (
            ("ACCOUNT_VIOLATION", violation(ABUSE)),
            ("ACCOUNT_RESTRICTION", violation(f"{ABUSE}_UNBAN")),
        ),
        (
            ("ACCOUNT_RESTRICTION", violation(f"{ABUSE}_RATE_LIMIT")),
            ("ACCOUNT_RESTRICTION", violation(f"{ABUSE}_RATE_LIMIT_RECOVERY")),
        ),
        (("DISABLED_UPDATE", ban("DISABLE")), ("DISABLED_UPDATE", ban("REINSTATE"))),
        (("DISABLED_UPDATE", ban("SCHEDULE_FOR_DISABLE")), ("DISABLED_UPDATE", ban("REINSTATE"))),
        (("ACCOUNT_VIOLATION", violation("SCAM")), ("DISABLED_UPDATE", ban("REINSTATE"))),
        (("PARTNER_REMOVED", {}), ("PARTNER_ADDED", {})),
        (("PARTNER_APP_UNINSTALLED", {}), ("PARTNER_APP_INSTALLED", {})),
        (("ACCOUNT_OFFBOARDED", {}), ("ACCOUNT_RECONNECTED", {})),
    ],
)
def test_good_news_closes_the_alert_that_it_ends(bad, good):
    told(bad[0], **bad[1])
    assert len(open_alerts()) == 1

    told(good[0], NOW + timedelta(minutes=1), **good[1])

    assert open_alerts() == []
    assert Alert.objects.count() == 1


def test_good_news_about_one_thing_leaves_the_others_open():
    told("ACCOUNT_RESTRICTION", **violation("SCAM"))
    told("ACCOUNT_RESTRICTION", NOW + timedelta(minutes=1), **violation(f"{ABUSE}_UNBAN"))

    assert len(open_alerts()) == 1


@pytest.mark.parametrize("form", [int, str])
def test_the_end_of_a_restriction_is_shown_and_ends_it(form):
    end = NOW + timedelta(days=2)
    kind = {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}
    restriction = [kind | {"expiration": form(int(end.timestamp()))}]
    told("ACCOUNT_RESTRICTION", **violation(ABUSE), restriction_info=restriction)

    (message,) = open_alerts()
    assert "until" in message
    assert "RESTRICTED_BIZ_INITIATED_MESSAGING" in message

    meta_notices.close_outdated(end - timedelta(seconds=1))
    assert len(open_alerts()) == 1
    meta_notices.close_outdated(end)
    assert open_alerts() == []


def test_the_same_notice_twice_is_one_alert():
    told("ACCOUNT_RESTRICTION", **violation(ABUSE))
    told("ACCOUNT_RESTRICTION", NOW + timedelta(seconds=3), **violation(ABUSE))

    assert Alert.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "alerts"),
    [
        ("account_review_update", {"decision": "REJECTED"}, 1),
        ("account_review_update", {"decision": "APPROVED"}, 0),
        (
            "account_alerts",
            {
                "entity_type": "BUSINESS",
                "alert_info": {
                    "alert_severity": "WARNING",
                    "alert_status": "ACTIVE",
                    "alert_type": "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED",
                },
            },
            1,
        ),
    ],
)
def test_other_fields_about_the_account_are_understood(field, value, alerts):
    apply(notice(field, NOW, **value), now=NOW)

    assert len(open_alerts()) == alerts
    assert not ItemCount.objects.filter(name=field).exists()


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("phone_number_name_update", {"decision": "APPROVED"}, "name_review"),
        ("security", {"event": "PIN_CHANGED"}, "security"),
    ],
)
def test_notices_about_a_number_stand_in_its_history(field, value, kind):
    number = pool_number()

    apply(notice(field, NOW, display_phone_number="919800000001", **value), now=NOW)

    assert PhoneEvent.objects.get(number=number).kind == kind
