"""Our own reading of the accounts alerts as a notice would, once, and closes what is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from distribution.mirror import account_sync
from distribution.models import Alert
from phonepool.cloud_api.client import AccountFacts
from phonepool.errors import NO_ANSWER
from phonepool.exceptions import Unanswered
from phonepool.models import Waba
from tests.builders import a_number, a_waba
from tests.webhooks.posts import apply, notice

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
ACCOUNT = "102290129340398"
GOOD = AccountFacts("APPROVED", "AVAILABLE")
BLOCKED = AccountFacts("APPROVED", "BLOCKED", ("WABA 141006",))


class Meta:
    """What Meta would say of each account; one that it lacks cannot be read."""

    def __init__(self) -> None:
        self.facts: dict[str, AccountFacts] = {}

    def account(self, meta_id: str) -> AccountFacts:
        if meta_id not in self.facts:
            raise Unanswered(NO_ANSWER)
        return self.facts[meta_id]


@pytest.fixture
def meta() -> Meta:
    a_waba(ACCOUNT)
    return Meta()


def read(meta: Meta, facts: AccountFacts, minute: int, account: str = ACCOUNT) -> None:
    meta.facts[account] = facts
    account_sync.sync(meta, now=NOW + timedelta(minutes=minute))


def told(event: str, minute: int, **value: Any) -> None:
    at = NOW + timedelta(minutes=minute)
    apply(notice("account_update", at, event=event, **value), now=at)


def alerts() -> list[bool]:
    """Whether each alert ever opened about an account is open still."""
    rows = Alert.objects.filter(rule="account_notice").order_by("pk")
    return [alert.closed_at is None for alert in rows]


LOCKED = {"violation_info": {"violation_type": "SCAM"}}
RESTRICTED = {
    "violation_info": {"violation_type": "SPAM"},
    "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}],
}


def test_an_account_that_is_well_alerts_nobody(meta):
    for minute, word in enumerate(("AVAILABLE", "LIMITED", "", "A_NEW_WORD")):
        read(meta, AccountFacts("APPROVED", word), minute)

    assert alerts() == []


def test_a_blocked_account_alerts_once_and_closes_by_itself(meta):
    for minute in range(3):
        read(meta, BLOCKED, minute)
    assert alerts() == [True]
    message = Alert.objects.get().message
    assert "HEALTH_STATUS BLOCKED, WABA 141006" in message

    read(meta, GOOD, 4)
    assert alerts() == [False]
    read(meta, BLOCKED, 5)
    assert alerts() == [False, True]


@pytest.mark.parametrize("decision", ["REJECTED"])
def test_a_review_alerts_once_whichever_way_it_is_seen_first(meta, decision):
    read(meta, AccountFacts(decision, "AVAILABLE"), 0)
    apply(notice("account_review_update", NOW, decision=decision), now=NOW)
    read(meta, AccountFacts(decision, "AVAILABLE"), 1)
    assert alerts() == [True]

    read(meta, GOOD, 2)
    assert alerts() == [False]
    read(meta, GOOD, 3)
    assert alerts() == [False]


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ("ACCOUNT_VIOLATION", LOCKED),
        ("ACCOUNT_RESTRICTION", RESTRICTED),
        ("DISABLED_UPDATE", {"ban_info": {"waba_ban_state": "DISABLE"}}),
    ],
)
@pytest.mark.parametrize("notice_first", [True, False])
def test_a_notice_and_a_reading_of_the_same_trouble_are_one_alert(meta, event, value, notice_first):
    if notice_first:
        told(event, 0, **value)
    read(meta, BLOCKED, 1)
    told(event, 2, **value)
    read(meta, BLOCKED, 3)
    assert alerts() == [True]
    assert Alert.objects.get().message.startswith(f"Meta reports {event}") or notice_first

    read(meta, GOOD, 4)  # the notice that lifts it was lost
    assert alerts() == [False]


def test_a_notice_of_trouble_that_is_over_comes_too_late_to_alert(meta):
    read(meta, BLOCKED, 1)
    read(meta, GOOD, 5)
    assert alerts() == [False]

    told("ACCOUNT_VIOLATION", 1, **LOCKED)
    assert alerts() == [False]
    told("ACCOUNT_VIOLATION", 6, **LOCKED)
    assert alerts() == [False, True]


def test_a_warning_that_blocks_nothing_stays_until_meta_lifts_it(meta):
    told("ACCOUNT_VIOLATION", 0, **LOCKED)

    read(meta, GOOD, 1)

    assert alerts() == [True]


def test_each_account_has_an_alert_of_its_own(meta):
    other = a_waba(name="second")
    read(meta, BLOCKED, 0)
    read(meta, BLOCKED, 1, account=other.meta_id)
    assert alerts() == [True, True]
    assert "of account second" in Alert.objects.order_by("pk").last().message

    read(meta, GOOD, 2, account=other.meta_id)
    assert alerts() == [True, False]


def test_an_account_that_cannot_be_read_holds_up_no_other(meta, caplog):
    other = a_waba()
    a_number()
    read(meta, BLOCKED, 0, account=other.meta_id)

    assert alerts() == [True]
    assert f"account {ACCOUNT} could not be read" in caplog.text


def test_the_currency_and_the_time_zone_are_kept_until_others_are_told(meta):
    read(meta, replace(GOOD, currency="INR", time_zone="Asia/Kolkata"), 0)
    read(meta, GOOD, 1)  # Meta left them out

    assert Waba.objects.values_list("currency", "time_zone").get() == ("INR", "Asia/Kolkata")

    read(meta, replace(GOOD, currency="USD"), 2)
    assert Waba.objects.values_list("currency", "time_zone").get() == ("USD", "Asia/Kolkata")
