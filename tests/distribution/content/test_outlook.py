"""What a content costs and risks, shown while it is written and needed when it is approved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from distribution.content import approval, outlook
from distribution.content.approval import ApprovalError
from distribution.mirror import templates
from distribution.models import Alert, Content, OutgoingEvent, Rate
from tests.builders import a_draft, a_number, a_template, a_user, a_waba, some_subscribers
from tests.distribution.staff import a_client

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)  # 06:00 in India
TODAY = NOW.date()
TOMORROW = TODAY + timedelta(days=1)
BODY = [{"type": "BODY", "text": "Hello {{1}}, {{2}}"}]


def a_content(
    category: str = "UTILITY", *, text: str = "Nifty opens flat", **fields: Any
) -> Content:
    template = a_template(category=category, components=BODY)
    texts = ["{name}", text]
    return a_draft(message_template=template, body_variables=texts, day=TOMORROW, **fields)


def submitted(category: str) -> Content:
    content = a_content(category)
    approval.submit(content, by=content.author, now=NOW)
    return content


def test_the_estimate_is_people_times_rate_with_and_without_tax():
    some_subscribers(2000)

    found = outlook.of_content(a_content(), today=TODAY)

    assert found.lines == [
        "₹230.00 a morning for 2,000 people, at most: ₹0.12 per message, ₹271.40 with GST"
    ]
    assert found.price_of_risk == ["₹230.00 → ₹1,726.20 a morning if Meta files it as marketing"]


def test_an_account_in_another_currency_is_named_and_its_missing_list_said():
    for currency in ("INR", "EUR"):
        a_number(waba=a_waba(currency=currency))
    some_subscribers(10)

    assert outlook.of_content(a_content(), today=TODAY).lines == [
        "₹1.15 a morning for 10 people, at most: ₹0.12 per message, ₹1.36 with GST",
        "No rates in EUR: import Meta's list for this currency.",
    ]


def test_a_content_that_costs_more_than_the_limit_is_approved_with_a_reason_only():
    content, by = submitted("MARKETING"), a_user()

    with pytest.raises(ApprovalError, match=r"₹0.86, more than ₹0.50\. Give a reason"):
        approval.approve(content, by=by, now=NOW)
    approval.approve(content, by=by, now=NOW, reason="The festival greeting that was agreed.")

    assert content.state == "APPROVED"
    told = OutgoingEvent.objects.get(kind="cost.over_limit").data["estimate"]
    assert (told["content"], told["per_message"]) == (content.pk, "0.8631")
    assert told["reason"] == "The festival greeting that was agreed."


def test_a_utility_content_and_one_without_a_rate_need_no_reason(settings):
    approval.approve(submitted("UTILITY"), by=a_user(), now=NOW)
    Rate.objects.all().delete()
    fallback = a_content("MARKETING", is_fallback=True)
    approval.submit(fallback, by=fallback.author, now=NOW)
    approval.approve(fallback, by=a_user(), now=NOW)


def test_the_limit_is_a_setting(settings):
    settings.COST_LIMIT_PER_MESSAGE = 1

    approval.approve(submitted("MARKETING"), by=a_user(), now=NOW)


def test_the_page_shows_the_risk_with_its_price_while_it_is_written():
    some_subscribers(10)
    content = a_content(text="Hurry, 20% off ends today")
    page = (
        a_client("Editor")
        .get(reverse("admin:distribution_content_change", args=[content.pk]))
        .content.decode()
    )

    assert "Category risk: high" in " ".join(page.split())
    assert "Variable 2: “Hurry”" in page
    assert "₹1.15 → ₹8.63 a morning if Meta files it as marketing" in page


def test_submitting_warns_with_the_words_and_the_price():
    some_subscribers(10)
    content = a_content(text="Invest now")

    assert outlook.warning(content, today=TODAY) == (
        "Meta might file this as marketing because of “Invest now”. ₹1.15 → ₹8.63 a morning if "
        "Meta files it as marketing."
    )
    assert outlook.warning(a_content(), today=TODAY) == ""
    assert outlook.warning(a_content("MARKETING"), today=TODAY) == (
        "A message costs ₹0.86, more than ₹0.50. Approving it needs a reason."
    )


def test_a_change_of_category_at_meta_alerts_with_its_price():
    some_subscribers(10)
    template = a_template(category="UTILITY", components=BODY)
    at = NOW - timedelta(minutes=1)

    templates.apply_category(template, "MARKETING", at=at, now=NOW)

    assert Alert.objects.get(rule="template_category").message == (
        f"Message template {template} was UTILITY and is now MARKETING at Meta. A morning: ₹1.15 → "
        "₹8.63. Check the price and the rules."
    )


def test_an_announced_category_alerts_with_its_price_before_it_applies():
    some_subscribers(10)
    template = a_template(category="UTILITY", components=BODY)

    templates.announce_category(template, "MARKETING", at=NOW, now=NOW)

    assert "₹1.15 → ₹8.63" in Alert.objects.get(rule="template_category").message
