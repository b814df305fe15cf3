"""Content is checked again when its distribution opens, by Meta's template of that moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from distribution.content import approval
from distribution.lifecycle import opening, preflight
from distribution.models import Alert, Content, Distribution, MessageTemplate, TemplateStatus
from distribution.quality import sent_templates
from tests.builders import (
    a_group,
    a_number,
    a_planned_distribution,
    a_user,
    an_approved_content,
    some_subscribers,
)
from tests.distribution.content_staff import PLAIN, RICH, a_plain_template, a_rich_template

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
DAY = date(2026, 11, 23)
THREE = [{"type": "BODY", "text": "Good morning {{1}}.\n*Today:* {{2}}, {{3}}"}]


@pytest.fixture
def content(db: Any) -> Content:
    """The day's, approved for a template with two variables; a number, ten people."""
    a_number()
    some_subscribers(10)
    return an_approved_content(day=DAY, message_template=a_plain_template())


@pytest.fixture
def fallback(content: Content) -> Content:
    return an_approved_content(
        day=None, is_fallback=True, title="A quiet morning", message_template=a_plain_template()
    )


def changed_at_meta(content: Content, **fields: Any) -> None:
    MessageTemplate.objects.filter(pk=content.message_template_id).update(**fields)


def opened() -> Distribution:
    distribution = a_planned_distribution(NOW, content=None)
    opening.open_distribution(distribution.pk, now=NOW)
    distribution.refresh_from_db()
    return distribution


def alerts() -> dict[str, tuple[str, str]]:
    rows = Alert.objects.filter(closed_at=None).exclude(rule="capacity_short")
    return {alert.rule: (alert.severity, alert.message) for alert in rows}


def test_a_template_that_got_a_third_variable_blocks_the_opening(content: Content) -> None:
    """Case A6: 300 of 300 failed with 132000."""
    changed_at_meta(content, components=THREE)

    distribution = opened()

    assert (distribution.state, distribution.recipients) == ("BLOCKED", 0)
    severity, message = alerts()["content_invalid"]
    assert severity == "CRITICAL"
    assert "was changed at Meta after the content was approved" in message
    assert "Variable 3: Enter a value" in message
    assert "content_invalid" in {
        finding.rule for finding in preflight.run_checks(distribution, now=NOW)
    }


def test_the_fallback_is_sent_in_its_place_and_recorded(content, fallback):
    changed_at_meta(content, components=THREE)

    distribution = opened()

    assert (distribution.state, distribution.recipients) == ("SENDING", 10)
    assert distribution.content == fallback
    severity, message = alerts()["content_invalid"]
    assert severity == "WARNING"
    assert message.startswith(
        f"{distribution}: The fallback “A quiet morning” is sent because “The day ahead” can't be: "
    )
    assert "Variable 3: Enter a value" in message


@pytest.mark.parametrize(
    "change",
    [
        {"components": [{"type": "BODY", "text": "Good evening {{1}}: {{2}}"}]},  # the words only
        {"components": [{"type": "HEADER", "format": "LOCATION"}, *PLAIN]},
        {"components": [{"type": "HEADER", "format": "IMAGE"}, *PLAIN]},
        {"components": [{"type": "BODY", "text": "Good morning {{1}}."}]},
        {"components": [{"type": "BODY", "text": "Good morning {{who}}: {{what}}"}]},
        {"components": []},
        {"components": [None, "odd", {"type": None}, *PLAIN, {"type": "A_NEW_PART"}]},
        {"components": [*PLAIN, {"type": "CAROUSEL", "cards": []}]},
        {"components": [*PLAIN, {"type": "LIMITED_TIME_OFFER"}]},
        {"components": [{"type": "HEADER", "format": "TEXT", "text": "For {{1}}"}, *PLAIN]},
        {"components": [{"type": "HEADER", "format": "DOCUMENT"}, *PLAIN]},
        {"components": [*PLAIN, RICH[3]]},
        {"components": [*PLAIN, {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE"}]}]},
        {"components": [*PLAIN, {"type": "BUTTONS", "buttons": [{"type": "FLOW"}]}]},
        {"category": "MARKETING"},
        {"category": "AUTHENTICATION"},
        {"status": TemplateStatus.PAUSED},
        {"status": TemplateStatus.OTHER},
    ],
    ids=str,
)
def test_whatever_changed_since_the_approval_the_fallback_is_sent(content, fallback, change):
    changed_at_meta(content, **change)

    distribution = opened()

    assert (distribution.state, distribution.content) == ("SENDING", fallback)
    assert alerts()["content_invalid"][0] == "WARNING"


def test_neither_can_be_sent_and_both_reasons_are_told(content, fallback):
    changed_at_meta(content, components=THREE)
    changed_at_meta(fallback, status=TemplateStatus.DISABLED)

    assert opened().state == "BLOCKED"
    severity, message = alerts()["content_invalid"]
    assert severity == "CRITICAL"
    assert "Variable 3: Enter a value" in message
    assert "The fallback “A quiet morning” can't be sent either" in message
    assert "DISABLED" in message


def test_the_next_try_opens_it_once_a_person_approved_the_changed_template(content):
    changed_at_meta(content, components=THREE)
    distribution = opened()
    content.message_template.refresh_from_db()
    again = approval.new_version(content, by=a_user(), now=NOW)
    approval.edit(again, by=again.author, now=NOW, body_variables=["{name}", "flat", "calm"])
    approval.submit(again, by=again.author, now=NOW)
    approval.approve(again, by=a_user(), now=NOW, reason="The template was changed.")

    assert opening.open_distribution(distribution.pk, now=NOW + timedelta(seconds=10))

    distribution.refresh_from_db()
    assert (distribution.content, alerts()) == (again, {})


def test_another_example_or_a_cheaper_category_is_no_change(content):
    """Meta's example of a picture is an address that differs at every look."""
    changed_at_meta(content, category="MARKETING")
    content = an_approved_content(
        day=date(2026, 11, 24), message_template=MessageTemplate.objects.get()
    )
    header = {"type": "BODY", "text": PLAIN[0]["text"], "example": {"body_text": [["Ravi", "up"]]}}
    changed_at_meta(content, components=[header], category="UTILITY")
    content.message_template.refresh_from_db()

    assert not approval.template_changed(content)
    assert not approval.category_changed(content)


def test_media_that_is_too_old_on_the_day_is_replaced(content, fallback):
    with_image = an_approved_content(
        day=DAY + timedelta(days=1),
        message_template=a_rich_template(),
        media={"type": "image", "id": "5", "uploaded_at": NOW.isoformat()},
        button_variables={"1": "today"},
    )
    later = NOW + timedelta(days=30)
    Content.objects.filter(pk=with_image.pk).update(day=later.date())
    distribution = a_planned_distribution(later, content=None)

    assert preflight.check(distribution, now=NOW).content == fallback
    assert (
        "Meta deletes the image on 23 Dec 2026"
        in preflight.run_checks(distribution, now=later)[0].message
    )


def test_approval_applies_the_rules_to_the_template_of_that_moment(content):
    draft = approval.new_version(content, by=a_user(), now=NOW)
    approval.submit(draft, by=draft.author, now=NOW)
    changed_at_meta(draft, components=RICH)
    draft.message_template.refresh_from_db()

    with pytest.raises(approval.ApprovalError, match="Upload the image shown above"):
        approval.approve(draft, by=a_user(), now=NOW, reason="On the day itself.")


# --- the fallback ladder


@pytest.fixture
def grouped(db: Any) -> Content:
    """The day's content, on the primary of a rotation group with two on standby."""
    a_number()
    some_subscribers(3)
    primary = a_group(2).templates.order_by("pk")[0]
    return an_approved_content(day=DAY, message_template=primary)


@pytest.mark.parametrize("status", [TemplateStatus.PAUSED, TemplateStatus.DISABLED])
def test_the_same_words_go_out_on_a_sibling_when_the_template_cannot_be_sent(
    grouped: Content, status: str
) -> None:
    template = grouped.message_template
    first, second = template.group.templates.exclude(pk=template.pk).order_by("pk")
    MessageTemplate.objects.filter(pk=template.pk).update(status=status)
    MessageTemplate.objects.filter(pk=first.pk).update(quality="RED")
    distribution = a_planned_distribution(NOW, content=None)

    assert opening.open_distribution(distribution.pk, now=NOW)

    distribution.refresh_from_db()
    assert (distribution.content, distribution.used_template) == (grouped, second)
    alert = Alert.objects.get(rule="template_not_approved", closed_at=None)
    assert (alert.severity, str(second) in alert.message) == ("WARNING", True)
    assert sent_templates.of(distribution, grouped).content.message_template == second


def test_the_fallback_follows_when_no_sibling_can_be_sent(grouped: Content) -> None:
    fallback = an_approved_content(day=None, is_fallback=True, message_template=a_plain_template())
    grouped.message_template.group.templates.update(status=TemplateStatus.PAUSED)
    distribution = a_planned_distribution(NOW, content=None)

    assert opening.open_distribution(distribution.pk, now=NOW)

    distribution.refresh_from_db()
    assert (distribution.content, distribution.message_template) == (fallback, None)


def test_without_a_rung_the_distribution_is_held_back_until_one_can_be_sent(
    grouped: Content,
) -> None:
    templates = grouped.message_template.group.templates
    templates.update(status=TemplateStatus.PAUSED)
    distribution = a_planned_distribution(NOW, content=None)
    assert not opening.open_distribution(distribution.pk, now=NOW)

    later = templates.exclude(pk=grouped.message_template_id).order_by("pk")[0]
    MessageTemplate.objects.filter(pk=later.pk).update(status=TemplateStatus.APPROVED)

    assert opening.open_distribution(distribution.pk, now=NOW + timedelta(minutes=1))
    distribution.refresh_from_db()
    assert distribution.used_template == later
