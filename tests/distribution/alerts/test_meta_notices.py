from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.alerts import incidents, meta_notices
from distribution.alerts.catalogue import AlertRule
from distribution.lifecycle import closing
from distribution.models import Alert, Delivery, Distribution, State
from distribution.service_level import watch
from phonepool.models import Portfolio
from tests.builders import a_portfolio, a_template, an_open_distribution
from tests.webhooks.posts import apply, notice, pool_number

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
pytestmark = pytest.mark.django_db
RULES = ("template_category", "limit_changed", "account_notice")


def opened(rule: str, about: str = "something", at=NOW) -> None:
    incidents.raise_alert(AlertRule(rule), about, message="Look.", now=at)


def still_open() -> set[str]:
    return set(Alert.objects.filter(closed_at=None).values_list("scope", flat=True))


@pytest.mark.parametrize("rule", RULES)
def test_after_a_week_nobody_needs_to_be_told_any_more(rule):
    opened(rule)
    week = timedelta(days=7)

    assert meta_notices.close_outdated(NOW + week - timedelta(seconds=1)) == 0
    assert meta_notices.close_outdated(NOW + week) == 1
    assert Alert.objects.get().closed_at == NOW + week


def test_other_alerts_are_left_alone():
    opened("unconfirmed")

    assert meta_notices.close_outdated(NOW + timedelta(days=30)) == 0


def test_a_limit_is_settled_when_our_record_says_the_same():
    portfolio = a_portfolio(recipient_limit=2000)
    opened("limit_changed", "10000")
    assert meta_notices.close_outdated(NOW) == 0

    Portfolio.objects.filter(pk=portfolio.pk).update(recipient_limit=10_000)
    assert meta_notices.close_outdated(NOW) == 1


def test_no_limit_is_a_limit_like_others():
    a_portfolio(recipient_limit=None)
    opened("limit_changed", "None")

    assert meta_notices.close_outdated(NOW) == 1


def limit(people: int) -> None:
    apply(notice("business_capability_update", max_daily_conversations_per_business=people))


def test_a_newer_limit_takes_the_place_of_the_older_one():
    pool_number(portfolio=None)
    Portfolio.objects.update(recipient_limit=2000)

    limit(10_000)
    limit(250)
    assert still_open() == {"250"}

    limit(2000)
    assert still_open() == set()


def category(template, **fields) -> None:
    apply(
        notice(
            "template_category_update",
            message_template_id=1,
            message_template_name=template.name,
            message_template_language="en",
            **fields,
        )
    )


def test_an_announced_category_is_over_when_it_comes_or_is_taken_back():
    template = a_template(category="UTILITY")
    other = a_template(category="UTILITY")
    category(other, new_category="UTILITY", correct_category="MARKETING")
    of_other = still_open()

    category(template, new_category="UTILITY", correct_category="MARKETING")
    assert len(still_open()) == 2
    category(template, new_category="UTILITY", correct_category="UTILITY")
    assert still_open() == of_other

    category(template, previous_category="UTILITY", new_category="MARKETING")
    category(template, previous_category="MARKETING", new_category="UTILITY")
    assert still_open() == of_other | {f"template {template.pk} UTILITY"}


def test_an_account_that_is_reinstated_is_no_news_any_more():
    apply(notice("account_update", event="ACCOUNT_RESTRICTION"))
    apply(notice("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": "DISABLE"}))
    assert still_open() == {"account_restriction", "disabled_update"}

    apply(
        notice("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": "REINSTATE"})
    )
    assert still_open() == set()


def completed(distribution: Distribution, at) -> None:
    Delivery.objects.filter(distribution=distribution).update(
        state=State.ACCEPTED, accepted_at=at, inflight_at=at
    )
    assert closing.complete_if_done(distribution.pk, now=distribution.sla_deadline)


@pytest.mark.parametrize("accepted_after", [1, 3600])
def test_an_account_by_which_a_later_distribution_went_well_is_in_good_standing(accepted_after):
    opened("account_notice", "before", at=NOW - timedelta(seconds=1))
    distribution = an_open_distribution(10, now=NOW)
    opened("account_notice", "meanwhile", at=NOW + timedelta(seconds=1))
    assert meta_notices.close_outdated(NOW) == 0

    completed(distribution, NOW + timedelta(seconds=accepted_after))
    watch.refresh(distribution, now=NOW)
    meta_notices.close_outdated(NOW)

    in_time = accepted_after == 1
    assert ("before" in still_open()) != in_time
    assert "meanwhile" in still_open()
