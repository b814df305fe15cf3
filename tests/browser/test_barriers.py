"""The main pages with axe's eyes, light and dark: nothing serious stands in anybody's way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.content import approval
from distribution.models import Delivery, Distribution
from distribution.reporting import dashboard
from distribution.runtime import india_time
from tests import builders
from tests.admin.routes import MAKERS
from tests.browser.eyes import DESK
from tests.mornings import a_morning

PEOPLE = 60


def the_morning() -> Distribution:
    now = timezone.now()
    return a_morning(PEOPLE, now=now, local_date=india_time.local_date(now))


def of_a_day() -> list[str]:
    """The wall, the home, and everything about one distribution."""
    morning = the_morning()
    MAKERS["distribution_alert"]()
    delivery = Delivery.objects.filter(distribution=morning).order_by("pk")[0]
    acts = [reverse("admin:distribution_act", args=[morning.pk, act]) for act in ("pause", "retry")]
    return [
        reverse("dashboard:page"),
        reverse("admin:index"),
        reverse("admin:distribution_distribution_changelist"),
        reverse("admin:distribution_distribution_change", args=[morning.pk]),
        *acts,
        reverse("admin:distribution_doubts", args=[morning.pk]),
        reverse("admin:distribution_delivery_changelist"),
        reverse("admin:distribution_delivery_change", args=[delivery.pk]),
        reverse("admin:distribution_alert_changelist"),
    ]


def of_the_message() -> list[str]:
    """What editors and approvers see."""
    draft = builders.a_draft()
    waiting = builders.a_draft(title="Waits")
    approval.submit(waiting, by=waiting.author, now=timezone.now())
    template = draft.message_template
    return [
        reverse("admin:distribution_content_changelist"),
        reverse("admin:distribution_content_add"),
        reverse("admin:distribution_content_change", args=[draft.pk]),
        reverse("admin:distribution_content_change", args=[waiting.pk]),
        reverse("admin:distribution_content_calendar"),
        reverse("admin:distribution_content_queue"),
        reverse("admin:distribution_messagetemplate_change", args=[template.pk]),
    ]


def of_the_people() -> list[str]:
    """Subscribers, their imports, and the numbers that write to them."""
    the_morning()
    person = Delivery.objects.order_by("pk")[0].subscriber
    number, job = builders.a_number(), MAKERS["subscribers_importjob"]()
    return [
        reverse("admin:subscribers_subscriber_changelist"),
        reverse("admin:subscribers_subscriber_change", args=[person.pk]),
        reverse("admin:subscribers_subscriber_erase_person", args=[person.pk]),
        reverse("admin:subscribers_importjob_add"),
        reverse("admin:subscribers_importjob_change", args=[job.pk]),
        reverse("admin:phonepool_phonenumber_changelist"),
        reverse("admin:phonepool_phonenumber_change", args=[number.pk]),
        reverse("admin:phonepool_phonenumber_rest", args=[number.pk]),
    ]


def of_the_house() -> list[str]:
    """What administrators see, and everybody's password."""
    user, webhook = builders.a_user(), MAKERS["webhooks_webhookevent"]()
    return [
        reverse("admin:admin_logentry_changelist"),
        reverse("admin:auth_user_change", args=[user.pk]),
        reverse("admin:webhooks_webhookevent_change", args=[webhook.pk]),
        reverse("admin:distribution_onetime_add"),
        reverse("admin:distribution_blackoutdate_add"),
        reverse("admin:password_change"),
        reverse("setup"),
        reverse("setup_webhook"),
        reverse("system_status"),
    ]


@pytest.mark.parametrize("pages", [of_a_day, of_the_message, of_the_people, of_the_house])
def test_main_pages_have_no_serious_barrier(pages: Callable[[], list[str]], eyes, sign_in):
    sign_in("Administrator")
    dashboard.shared.clear()
    found = {}
    for path in pages():
        eyes.visit(path)
        found[path] = eyes.barriers_light_and_dark(dark_on=DESK)
    assert found == {path: [] for path in found}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_signing_in_has_no_serious_barrier(theme, eyes, page):
    page.emulate_media(color_scheme=theme)
    eyes.visit(reverse("admin:login"))
    assert eyes.barriers() == []
