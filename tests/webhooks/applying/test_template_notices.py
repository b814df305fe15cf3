"""Meta's notices about message templates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from distribution.lifecycle import recovery
from distribution.models import Alert, DistributionState, MessageTemplate, TemplateDraft
from phonepool.errors import BY_SLUG, Action
from tests.builders import BODY, a_template, a_template_draft, an_approved_content
from tests.webhooks.posts import apply, in_flight, notice

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
pytestmark = pytest.mark.django_db


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


def template_notice(event: str, template: MessageTemplate, at=NOW) -> bytes:
    return notice(
        "message_template_status_update",
        at,
        event=event,
        message_template_id=int(template.meta_id or 1),
        message_template_name=template.name,
        message_template_language=template.language.replace("_", "-"),
    )


def status_of(template: MessageTemplate) -> str:
    return MessageTemplate.objects.get(pk=template.pk).status


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("PAUSED", "PAUSED"),
        ("paused", "PAUSED"),
        ("DISABLED", "DISABLED"),
        ("REJECTED", "REJECTED"),
        ("PENDING", "PENDING"),
        ("ARCHIVED", "OTHER"),
        ("DELETED", "OTHER"),
        ("REINSTATED", "APPROVED"),
        ("FLAGGED", "APPROVED"),
        ("LIMIT_EXCEEDED", "APPROVED"),
        ("SOMETHING_NEW", "APPROVED"),
    ],
)
def test_a_templates_status_follows_meta(event, status):
    template = a_template(language="en_US")

    apply(template_notice(event, template), now=NOW)

    assert status_of(template) == status


def test_a_template_is_found_by_its_id_after_it_was_renamed():
    template = a_template(meta_id="1689556908129832")
    renamed = MessageTemplate(meta_id="1689556908129832", name="other", language="hi")

    apply(template_notice("PAUSED", renamed), now=NOW)

    assert status_of(template) == "PAUSED"


def test_a_template_that_we_do_not_know_is_nobodys():
    template = a_template()

    assert apply(template_notice("PAUSED", MessageTemplate(name="x", language="y"))).applied == 1
    assert status_of(template) == "APPROVED"


def test_a_distribution_that_sends_with_a_paused_template_pauses():
    template = a_template()
    distribution, _ = in_flight(1, now=NOW, content=an_approved_content(message_template=template))

    apply(template_notice("PAUSED", template), now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED
    assert f"{template} is PAUSED at Meta" in distribution.state_reason
    assert Alert.objects.filter(rule="distribution_paused", closed_at=None).count() == 1


def test_a_distribution_with_another_template_goes_on_and_no_notice_resumes_one():
    template = a_template()
    distribution, _ = in_flight(1, now=NOW, content=an_approved_content(message_template=template))

    apply(template_notice("PAUSED", a_template()), now=NOW)
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING

    apply(template_notice("PAUSED", template), template_notice("REINSTATED", template, after(5)))
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED
    assert status_of(template) == "APPROVED"


@pytest.mark.parametrize("status", ["PAUSED", "DISABLED", "REJECTED"])
def test_the_tick_resumes_what_a_notice_paused_once_the_template_is_approved_again(status):
    template = a_template()
    distribution, _ = in_flight(1, now=NOW, content=an_approved_content(message_template=template))
    apply(template_notice(status, template), now=NOW)
    distribution.refresh_from_db()
    assert BY_SLUG[distribution.pause_cause].action is Action.TEMPLATE

    assert recovery.check(NOW) == []
    apply(template_notice("APPROVED", template, after(5)), now=after(5))
    assert recovery.check(after(5)) == [distribution.pk]


@pytest.mark.parametrize(
    "order", list(permutations([("PAUSED", 0), ("REINSTATED", 60), ("PAUSED", 120)]))
)
def test_the_latest_word_about_a_template_wins_in_any_order(order):
    template = a_template(synced_at=after(-300))

    for event, seconds in order:
        apply(template_notice(event, template, after(seconds)), now=after(200))

    assert status_of(template) == "PAUSED"


def test_good_news_that_is_older_than_our_own_look_is_not_believed():
    template = a_template(status="PAUSED", synced_at=NOW)

    apply(template_notice("APPROVED", template, after(-1)), now=NOW)

    assert status_of(template) == "PAUSED"


def test_bad_news_may_be_a_little_older_for_meta_has_its_own_clock():
    template = a_template(synced_at=NOW)

    apply(template_notice("PAUSED", template, after(-20)), now=NOW)
    assert status_of(template) == "PAUSED"
    MessageTemplate.objects.update(status="APPROVED", synced_at=NOW)
    apply(template_notice("PAUSED", template, after(-40)), now=NOW)
    assert status_of(template) == "APPROVED"


def test_quality_and_category_are_mirrored_and_a_new_category_is_told():
    template = a_template(category="UTILITY")
    names = {
        "message_template_name": template.name,
        "message_template_language": template.language,
    }

    apply(
        notice("message_template_quality_update", NOW, new_quality_score="YELLOW", **names),
        notice(
            "template_category_update",
            NOW,
            previous_category="UTILITY",
            new_category="MARKETING",
            **names,
        ),
    )

    template.refresh_from_db()
    assert (template.quality, template.category) == ("YELLOW", "MARKETING")
    assert "is now MARKETING" in Alert.objects.get(rule="template_category").message


def test_a_category_that_is_only_announced_is_told_and_not_written():
    template = a_template(category="UTILITY")

    apply(
        notice(
            "template_category_update",
            NOW,
            new_category="UTILITY",
            correct_category="MARKETING",
            message_template_name=template.name,
            message_template_language=template.language,
        )
    )

    template.refresh_from_db()
    assert template.category == "UTILITY"
    assert "will be MARKETING" in Alert.objects.get(rule="template_category").message


def test_the_category_of_an_approval_counts_before_the_status():
    template = a_template(meta_id="77", status="PENDING")
    draft = a_template_draft(a_template(components=BODY, quality="RED"))
    TemplateDraft.objects.update(state="PENDING", template=template)
    body = notice(
        "message_template_status_update",
        NOW,
        event="APPROVED",
        message_template_id=77,
        message_template_name=template.name,
        message_template_language="en",
        message_template_category="MARKETING",
    )

    apply(body, now=NOW)

    draft.refresh_from_db()
    template.refresh_from_db()
    assert (template.status, template.category) == ("APPROVED", "MARKETING")
    assert (draft.state, template.group) == ("WRONG_CATEGORY", None)
