from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from distribution.lifecycle import preflight
from distribution.models import Distribution, MessageTemplate, TemplateStatus
from phonepool.models import NumberState, PhoneNumber, Portfolio, Quality, Role
from tests.builders import (
    a_draft,
    a_number,
    a_planned_distribution,
    an_approved_content,
    some_subscribers,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
DAY = date(2026, 11, 23)


@pytest.fixture
def distribution() -> Distribution:
    """One that may open: content approved, a number, ten people."""
    a_number(rate_per_second=80)
    some_subscribers(10)
    return a_planned_distribution(NOW, content=None)


@pytest.fixture
def content(db):
    return an_approved_content(day=DAY)


def found(distribution: Distribution) -> list[tuple[str, bool]]:
    return [(one.rule, one.blocking) for one in preflight.run_checks(distribution, now=NOW)]


def test_nothing_stands_in_the_way(distribution, content):
    assert found(distribution) == []


def test_a_day_without_approved_content_is_blocked(distribution):
    a_draft(day=DAY)
    an_approved_content(day=date(2026, 11, 24))

    assert found(distribution) == [("no_content", True)]
    assert preflight.run_checks(distribution, now=NOW)[0].message == (
        "No content is approved for 23 Nov 2026, and there is no approved fallback. Approve one."
    )


def test_the_fallback_is_enough(distribution):
    fallback = an_approved_content(day=None, is_fallback=True)

    assert found(distribution) == []
    assert preflight.check(distribution, now=NOW).content == fallback


@pytest.mark.parametrize("is_fallback", [False, True])
def test_a_days_content_that_was_sent_already_is_told_and_a_fallback_is_not(
    distribution, is_fallback
):
    content = an_approved_content(day=None if is_fallback else DAY, is_fallback=is_fallback)
    earlier = a_planned_distribution(NOW, content=content)
    assert found(distribution) == []

    Distribution.objects.filter(pk=earlier.pk).update(opened_at=NOW)

    assert found(distribution) == ([] if is_fallback else [("content_repeated", False)])


@pytest.mark.parametrize(
    ("days", "again_reason", "words"),
    [
        (
            0,
            "",
            "People who already received it are skipped (already_received), everyone else gets it.",
        ),
        (0, "asha: a correction", "Everyone gets it again, as confirmed: asha: a correction."),
        (1, "", "Everyone gets it again today, including those who already received it. Approve"),
    ],
)
def test_the_finding_says_what_the_opening_will_do(distribution, days, again_reason, words):
    content = an_approved_content(day=DAY)
    earlier = a_planned_distribution(NOW, content=content)
    Distribution.objects.filter(pk=earlier.pk).update(
        opened_at=NOW, local_date=DAY - timedelta(days=days)
    )
    distribution.again_reason = again_reason

    (finding,) = preflight.run_checks(distribution, now=NOW)

    assert f"Distribution {earlier.pk} of " in finding.message
    assert words in finding.message


def test_a_distributions_own_content_comes_before_the_days(distribution, content):
    distribution.content = an_approved_content(day=None, is_fallback=True)

    assert preflight.check(distribution, now=NOW).content == distribution.content
    assert found(distribution) == []


def test_its_own_content_must_be_approved_too(distribution, content):
    distribution.content = a_draft(day=DAY)

    assert found(distribution) == [("no_content", True)]


@pytest.mark.parametrize("status", [s for s in TemplateStatus if s != TemplateStatus.APPROVED])
def test_a_message_template_that_meta_does_not_approve_blocks(distribution, content, status):
    MessageTemplate.objects.update(status=status)

    assert found(distribution) == [("template_not_approved", True)]


def test_without_a_token_nothing_opens(distribution, content, settings):
    settings.WHATSAPP_ACCESS_TOKEN = ""

    assert found(distribution) == [("no_token", True)]


@pytest.mark.parametrize(
    "change",
    [{"state": NumberState.DISABLED}, {"state": NumberState.RESTING}, {"quality": Quality.FLAGGED}],
)
def test_without_a_number_nothing_opens(distribution, content, change):
    PhoneNumber.objects.update(**change)

    assert found(distribution) == [("no_number", True)]


def test_a_backup_that_stands_by_is_a_number(distribution, content):
    PhoneNumber.objects.update(state=NumberState.STANDBY, role=Role.BACKUP)

    assert found(distribution) == []


def test_everything_wrong_is_said_at_once(distribution, settings):
    settings.WHATSAPP_ACCESS_TOKEN = ""
    PhoneNumber.objects.update(state=NumberState.DISABLED)

    assert found(distribution) == [("no_content", True), ("no_token", True), ("no_number", True)]


@pytest.mark.parametrize(("policy", "blocking"), [("send", False), ("hold", True)])
def test_too_little_capacity_is_told_and_holds_by_policy(
    distribution, content, settings, policy, blocking
):
    settings.CAPACITY_SHORTFALL = policy
    PhoneNumber.objects.update(daily_capacity=9)

    assert found(distribution) == [("capacity_short", blocking)]


def test_capacity_for_exactly_everybody_is_enough(distribution, content):
    PhoneNumber.objects.update(daily_capacity=10)

    assert found(distribution) == []


def test_capacity_is_what_fits_into_the_window(distribution, content, settings):
    settings.SLA_WINDOW_SECONDS = 5
    PhoneNumber.objects.update(rate_per_second=2)  # 9 with the utilisation

    assert found(distribution) == [("capacity_short", False)]


def test_backups_count_as_capacity(distribution, content):
    PhoneNumber.objects.update(daily_capacity=9)
    a_number(role=Role.BACKUP, state=NumberState.STANDBY)

    assert found(distribution) == []


@pytest.mark.parametrize(("policy", "blocking"), [("send", False), ("hold", True)])
def test_the_portfolios_limit_is_told(distribution, content, settings, policy, blocking):
    settings.CAPACITY_SHORTFALL = policy
    Portfolio.objects.update(recipient_limit=9)

    assert found(distribution) == [("portfolio_limit", blocking)]


def test_people_who_get_nothing_need_no_capacity(distribution, content):
    some_subscribers(90, status="UNSUBSCRIBED")
    PhoneNumber.objects.update(daily_capacity=10)

    assert found(distribution) == []
