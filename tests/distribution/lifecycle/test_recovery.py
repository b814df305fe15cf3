"""A distribution that a rule paused goes on by itself once its cause is gone, and only then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from distribution.engine import tick
from distribution.lifecycle import control, recovery
from distribution.models import Distribution, MessageTemplate, TemplateStatus
from phonepool.errors import BY_SLUG, classify
from tests.builders import a_number, an_open_distribution
from tests.distribution.controls import NOW, open_alerts, reload, seconds

pytestmark = pytest.mark.django_db

TOKEN, TEMPLATE = classify(190), classify(132015)
VALUES, LOST, NUMBER = classify(132000), classify(131000), BY_SLUG["number_locked"]


@pytest.fixture
def distribution() -> Distribution:
    return an_open_distribution(3, now=NOW)


def pause(distribution: Distribution, failure) -> None:
    assert control.pause_for(distribution.pk, failure, now=NOW)


def is_resumed(distribution: Distribution, *, after: float = 5) -> bool:
    tick.check(NOW + seconds(after))
    return reload(distribution).state == "SENDING"


def test_a_new_access_token_ends_a_pause_for_the_account(distribution, settings):
    settings.WHATSAPP_ACCESS_TOKEN = "old"
    pause(distribution, TOKEN)
    assert not is_resumed(distribution)

    settings.WHATSAPP_ACCESS_TOKEN = "new"

    assert is_resumed(distribution)
    row = reload(distribution)
    assert (row.state_reason, row.pause_cause, row.accepted_cause) == ("", "", "")
    assert "distribution_paused" not in open_alerts()


def test_a_token_that_did_not_help_is_not_tried_again(distribution, settings):
    settings.WHATSAPP_ACCESS_TOKEN = "old"
    pause(distribution, TOKEN)
    settings.WHATSAPP_ACCESS_TOKEN = "new"
    assert is_resumed(distribution)
    pause(distribution, TOKEN)

    assert not is_resumed(distribution)


def test_a_template_that_meta_paused_and_approves_again_ends_the_pause(distribution):
    pause(distribution, TEMPLATE)
    assert not is_resumed(distribution)  # our copy of it still says that it is approved

    MessageTemplate.objects.update(status=TemplateStatus.PAUSED)
    assert not is_resumed(distribution)
    MessageTemplate.objects.update(status=TemplateStatus.APPROVED)

    assert is_resumed(distribution)


def test_a_template_that_becomes_another_one_than_approved_ends_nothing(distribution):
    pause(distribution, VALUES)

    MessageTemplate.objects.update(components=[{"type": "BODY", "text": "{{1}} {{2}} {{3}}"}])

    assert not is_resumed(distribution)


def test_a_fault_at_meta_is_tried_again_after_a_minute_then_ever_more_rarely(distribution):
    pause(distribution, LOST)
    assert not is_resumed(distribution, after=59)
    assert is_resumed(distribution, after=60)
    pause(distribution, LOST)

    assert not is_resumed(distribution, after=119)
    assert is_resumed(distribution, after=120)


def test_another_usable_number_ends_a_pause_for_the_number(distribution):
    pause(distribution, NUMBER)
    assert not is_resumed(distribution)

    a_number()

    assert is_resumed(distribution)


@pytest.mark.parametrize("slug", ["unlisted", "undeliverable", "proxy_answer", "portfolio_pacing"])
def test_what_only_a_person_can_judge_waits_for_one(distribution, slug, settings):
    settings.WHATSAPP_ACCESS_TOKEN = "old"
    pause(distribution, BY_SLUG[slug])

    settings.WHATSAPP_ACCESS_TOKEN = "new"
    a_number()

    assert not is_resumed(distribution, after=3000)


def test_a_pause_by_a_person_is_left_alone(distribution, settings):
    control.pause(distribution.pk, reason="asha: wait", now=NOW)
    settings.WHATSAPP_ACCESS_TOKEN = "new"

    assert recovery.check(NOW + timedelta(minutes=5)) == []


def test_it_is_resumed_once(distribution, settings):
    pause(distribution, TOKEN)
    settings.WHATSAPP_ACCESS_TOKEN = "new"

    assert recovery.check(NOW + seconds(1)) == [distribution.pk]
    assert recovery.check(NOW + seconds(2)) == []
    row = reload(distribution)
    assert (row.resume_no, row.resumed_at) == (1, NOW + seconds(1))


def test_a_person_who_resumes_accepts_the_cause(distribution):
    pause(distribution, VALUES)

    control.resume(distribution.pk, now=NOW)

    assert reload(distribution).accepted_cause == VALUES.slug
