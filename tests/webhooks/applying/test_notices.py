"""Meta's notices about phone numbers and the account."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from distribution.models import Alert, DistributionState
from phonepool.models import NumberState, PhoneNumber, Portfolio, Quality, Role
from tests.builders import a_number, a_subscriber
from tests.webhooks.posts import NUMBER, apply, envelope, in_flight, messages, notice, pool_number
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
pytestmark = pytest.mark.django_db


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


def number_notice(event: str, at=NOW, digits: str = "919800000001") -> bytes:
    return notice("phone_number_quality_update", at, display_phone_number=digits, event=event)


def number() -> PhoneNumber:
    return PhoneNumber.objects.get(meta_id=NUMBER)


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "event", "quality"),
    [
        ("HIGH", "FLAGGED", "FLAGGED"),
        ("LOW", "FLAGGED", "FLAGGED"),
        ("FLAGGED", "UNFLAGGED", "MEDIUM"),
        ("HIGH", "UNFLAGGED", "HIGH"),
        ("HIGH", "DOWNGRADE", "LOW"),
        ("FLAGGED", "DOWNGRADE", "FLAGGED"),
        ("HIGH", "UPGRADE", "HIGH"),
        ("HIGH", "THROUGHPUT_UPGRADE", "HIGH"),
        ("HIGH", "ONBOARDING", "HIGH"),
    ],
)
def test_a_numbers_quality_follows_meta(was, event, quality):
    pool_number(quality=was)

    apply(number_notice(event), now=NOW)

    assert number().quality == quality


def test_a_flagged_number_is_out_at_once_and_a_backup_wakes():
    pool_number()
    backup = a_number(role=Role.BACKUP, state=NumberState.STANDBY)
    in_flight(1, now=NOW)
    PhoneNumber.objects.filter(pk=backup.pk).update(state=NumberState.STANDBY)

    apply(number_notice("FLAGGED"), now=NOW)

    backup.refresh_from_db()
    assert (number().state, backup.state) == (NumberState.DISABLED, NumberState.ACTIVE)


def test_a_number_of_somebody_else_is_not_ours():
    pool_number()

    apply(number_notice("FLAGGED", digits="919800000002"), now=NOW)

    assert number().quality == Quality.HIGH


@pytest.mark.parametrize(
    "order", list(permutations([("FLAGGED", 0), ("UNFLAGGED", 60), ("FLAGGED", 120)]))
)
def test_the_latest_word_about_a_number_wins_in_any_order(order):
    pool_number(quality_at=after(-300))

    for event, seconds in order:
        apply(number_notice(event, after(seconds)), now=after(200))

    assert number().quality == Quality.FLAGGED


def test_an_error_about_a_number_cuts_its_rate_and_a_single_one_does_not():
    ours = pool_number()
    trouble = {"code": 130429, "title": "Rate limit hit"}

    apply(envelope(messages(errors=[trouble])), now=NOW)
    ours.refresh_from_db()
    assert ours.cut_rate is None
    apply(envelope(messages(errors=[trouble, trouble])), now=NOW)

    ours.refresh_from_db()
    assert ours.cut_rate == 40


# --- the account ----------------------------------------------------------------------------------


def test_an_error_about_the_account_pauses_what_is_being_sent():
    distribution, _ = in_flight(1, now=NOW)

    apply(envelope(messages(errors=[{"code": 131031}])), now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED


def test_an_old_error_about_the_account_stops_nothing_today():
    distribution, _ = in_flight(1, now=NOW)
    apply(envelope(messages(errors=[{"code": 131031}]), time=after(-3600)), now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING


@pytest.mark.parametrize(
    ("limit", "alerts"), [("TIER_10K", 1), (2000, 0), (-1, 1), ("TIER_UNLIMITED", 1)]
)
def test_a_limit_that_differs_from_our_record_is_told_and_not_written(limit, alerts):
    portfolio = pool_number(portfolio=None).portfolio
    Portfolio.objects.update(recipient_limit=2000)

    apply(notice("business_capability_update", max_daily_conversations_per_business=limit))

    portfolio.refresh_from_db()
    assert portfolio.recipient_limit == 2000
    assert Alert.objects.filter(rule="limit_changed").count() == alerts


@pytest.mark.parametrize(
    ("event", "alerts"),
    [("ACCOUNT_RESTRICTION", 1), ("DISABLED_UPDATE", 1), ("AD_ACCOUNT_LINKED", 0), ("NEW_ONE", 0)],
)
def test_grave_news_about_the_account_is_an_alert(event, alerts):
    apply(notice("account_update", event=event, violation_info={"violation_type": "SPAM"}))

    told = list(Alert.objects.filter(rule="account_notice").values_list("severity", "message"))
    assert len(told) == alerts
    assert all(severity == "CRITICAL" and "SPAM" in message for severity, message in told)


def test_a_person_with_a_new_number_is_named_without_it(caplog):
    pool_number()
    who = a_subscriber()
    item = {
        "from": who.phone.removeprefix("+"),
        "id": "wamid.in.moved",
        "timestamp": str(int(NOW.timestamp())),
        "type": "system",
        "system": {"type": "user_changed_number", "wa_id": "919876543210"},
    }

    with caplog.at_level(logging.WARNING):
        apply(envelope(messages(messages=[item])))

    assert f"subscriber {who.pk} told WhatsApp of a new number" in caplog.text
    assert "9876543210" not in caplog.text
    assert who.phone not in caplog.text


def test_other_notices_are_stored_and_counted():
    apply(
        notice("account_alerts", entity_type="BUSINESS"),
        notice("security", event="PIN_CHANGED"),
        notice("moon_phase", phase="full"),
    )

    assert list(WebhookEvent.objects.values_list("skipped", flat=True)) == [1, 1, 1]
    assert not Alert.objects.exists()
