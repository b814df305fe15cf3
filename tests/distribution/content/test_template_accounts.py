"""A number sends the templates of its own account."""

from __future__ import annotations

import pytest
from django.utils import timezone

from distribution.content import template_accounts
from distribution.lifecycle import preflight
from distribution.models import Delivery, State
from distribution.sending import batch
from phonepool.models import Portfolio
from phonepool.numbers import pool
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_template,
    a_waba,
    an_approved_content,
    an_open_distribution,
)
from tests.fakes import FakeCloudApi

pytestmark = pytest.mark.django_db
BODY = [{"type": "BODY", "text": "Hello {{1}}, {{2}}"}]


@pytest.fixture
def accounts():
    other = Portfolio.objects.create(business_id="901", name="Second")
    return a_waba(name="first"), a_waba(portfolio=other, name="second")


def a_number_of(waba):
    return a_number(waba=waba, portfolio=waba.portfolio)


def test_with_one_account_every_number_carries_every_content():
    waba = a_waba()
    a_number_of(waba)

    assert template_accounts.numbers_with(a_template(waba=waba)) is None


@pytest.mark.parametrize(
    ("theirs", "both"),
    [
        ({"components": BODY}, True),
        ({"components": BODY, "status": "PAUSED"}, False),
        ({"components": [{"type": "BODY", "text": "Hello {{1}}"}]}, False),
        ({"components": BODY, "language": "hi"}, False),
        (None, False),
    ],
)
def test_a_number_needs_the_same_approved_template_in_its_account(accounts, theirs, both):
    numbers = [a_number_of(waba) for waba in accounts]
    template = a_template(name="daily", waba=accounts[0], components=BODY)
    if theirs is not None:
        a_template(name="daily", waba=accounts[1], **theirs)

    expected = numbers if both else numbers[:1]
    assert template_accounts.numbers_with(template) == {number.pk for number in expected}


def test_a_number_without_the_template_is_not_used_and_the_check_says_so(accounts):
    able, unable = (a_number_of(waba) for waba in accounts)
    template = a_template(name="daily", waba=accounts[0], components=BODY)
    content = an_approved_content(message_template=template)
    distribution = an_open_distribution(30, content=content)

    now = timezone.now()
    (finding,) = preflight.run_checks(a_planned_distribution(now, content=content), now=now)[1:]
    batch.send_batch(distribution.pk, 0, api=FakeCloudApi())

    assert not finding.blocking
    assert f"Not sent by {unable.label}" in finding.message
    sent = Delivery.objects.filter(state=State.ACCEPTED)
    assert set(sent.values_list("number_id", flat=True)) == {able.pk}
    assert sent.count() == 30


def test_only_portfolios_of_numbers_that_send_count_for_the_limit(accounts):
    for waba, limit in zip(accounts, (250, 2000), strict=True):
        a_number_of(waba)
        Portfolio.objects.filter(pk=waba.portfolio_id).update(recipient_limit=limit)
    template = a_template(name="daily", waba=accounts[0], components=BODY)
    content = an_approved_content(message_template=template)

    allowed = template_accounts.numbers_with(content.message_template)

    assert (pool.recipient_limit(), pool.recipient_limit(allowed)) == (2250, 250)


def test_nothing_opens_when_no_number_has_the_template(accounts):
    a_number_of(accounts[1])
    template = a_template(name="daily", waba=accounts[0], components=BODY)
    now = timezone.now()
    planned = a_planned_distribution(now, content=an_approved_content(message_template=template))

    (finding,) = preflight.run_checks(planned, now=now)

    assert finding.blocking
    assert "No phone number can send message template daily (en)" in finding.message
