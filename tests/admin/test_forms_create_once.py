"""Every form of the admin that creates something does it once (case P10)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.db import connections
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from distribution import tasks
from distribution.access import tokens
from distribution.models import (
    ApiToken,
    EventSubscription,
    OneTime,
)
from subscribers.admin import form_keys
from subscribers.models import SentForm
from tests.admin.creating_forms import FORMS, add, again, created, filled_in, in_days, rows
from tests.builders import an_approved_content
from tests.shown_forms import form_to, form_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> Client:
    return a_browser()


def a_browser() -> Client:
    client = Client()
    user, _ = get_user_model().objects.get_or_create(
        username="boss", defaults={"is_staff": True, "is_superuser": True}
    )
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_every_form_that_creates_something_carries_a_key(boss):
    request = RequestFactory().get("/")
    request.user = get_user_model().objects.get(username="boss")
    admin.autodiscover()
    creating = {
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model, page in admin.site._registry.items()
        if page.has_add_permission(request)
    }
    assert len(creating) > 10

    without = {
        route for route in creating if b'name="form_key"' not in boss.get(add(route)).content
    }

    assert without == set()
    assert creating == set(FORMS)


@pytest.mark.parametrize("route", FORMS)
def test_a_form_sent_twice_creates_once_and_shows_the_first_result(boss, route):
    form, before = filled_in(boss, route), rows(route)

    first = boss.post(add(route), form)
    second = boss.post(add(route), again(form))

    assert created(route, before) == 1
    assert SentForm.objects.count() == 1
    if route not in ("distribution_apitoken", "distribution_eventsubscription"):  # a page each
        assert (first.status_code, second.status_code) == (302, 302)
        assert second.headers["Location"] == first.headers["Location"]
        assert form_keys.SENT_AGAIN in said(second)


@pytest.mark.parametrize("route", FORMS)
def test_what_is_refused_may_be_corrected_and_sent_again(boss, route):
    form, before = filled_in(boss, route), rows(route)
    field = FORMS[route][1]

    assert boss.post(add(route), {**form, field: ""}).status_code == 200
    assert created(route, before) == 0
    assert not SentForm.objects.exists()

    boss.post(add(route), again(form))
    assert created(route, before) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "route", ["distribution_onetime", "distribution_content", "subscribers_importjob"]
)
def test_a_double_click_creates_once(route):
    browsers = [a_browser() for _ in range(4)]
    form, before, together = filled_in(browsers[0], route), rows(route), Barrier(4)

    def click(browser: Client) -> str:
        try:
            values = form
            if "file" in form:
                values = {**form, **FORMS[route][2]()}
            together.wait(timeout=60)
            return str(browser.post(add(route), values).headers["Location"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as people:
        locations = set(people.map(click, browsers))

    assert created(route, before) == 1
    assert len(locations) == 1


def test_going_back_and_choosing_another_time_creates_nothing_before_it_is_sent_again(boss):
    """The page keeps what is typed, and its form is a new one."""
    form = filled_in(boss, "distribution_onetime")
    boss.post(add("distribution_onetime"), form)

    response = boss.post(add("distribution_onetime"), {**form, "at_1": "10:00:00"})

    assert OneTime.objects.count() == 1
    shown = response.content.decode()
    assert form_keys.FILLED_IN_ANEW in shown
    assert 'value="10:00:00"' in shown
    assert form_with(response, "at_0")["form_key"] != form["form_key"]


@pytest.mark.parametrize("route", ["subscribers_subscriber", "distribution_blackoutdate"])
def test_a_used_form_of_djangos_own_is_shown_again_with_what_is_typed(boss, route):
    form, before = filled_in(boss, route), rows(route)
    boss.post(add(route), form)
    other = {"phone": "9812345679", "name": "Ravi"}
    if route == "distribution_blackoutdate":
        other = {"day": in_days(9), "reason": "Ravi"}

    response = boss.post(add(route), {**form, **other})

    assert created(route, before) == 1
    assert form_keys.FILLED_IN_ANEW in response.content.decode()
    assert 'value="Ravi"' in response.content.decode()


def test_the_key_of_a_token_is_on_the_answer_to_the_second_click_too(boss):
    """A browser shows the second answer alone."""
    form = filled_in(boss, "distribution_apitoken")

    pages = [boss.post(add("distribution_apitoken"), form).content.decode() for _ in range(2)]

    keys = {page.split('<code class="secret">')[1].split("<")[0] for page in pages}
    (key,) = keys
    assert tokens.find_by_key(key, now=timezone.now()) == ApiToken.objects.get()


def test_the_secret_of_a_subscription_is_on_the_answer_to_the_second_click_too(boss):
    form = filled_in(boss, "distribution_eventsubscription")
    boss.post(add("distribution_eventsubscription"), form)

    second = boss.post(add("distribution_eventsubscription"), form)

    secret = EventSubscription.objects.get(name="CRM").secret
    assert secret in second.content.decode().replace("&#x2B;", "+")


def test_a_new_version_is_written_once_and_the_second_click_leads_to_it(boss):
    content = an_approved_content(day=timezone.localdate() + timedelta(days=3))
    step = reverse("admin:distribution_content_step", args=[content.pk, "new-version"])
    page = boss.get(reverse("admin:distribution_content_change", args=[content.pk]))
    form = form_to(page, step)

    locations = [boss.post(step, form).headers["Location"] for _ in range(2)]

    version = content.newer_versions.get()
    assert locations == [reverse("admin:distribution_content_change", args=[version.pk])] * 2


def test_a_key_is_its_users_own(boss):
    form = filled_in(boss, "auth_group")
    boss.post(add("auth_group"), form)
    other = Client()
    other.force_login(
        get_user_model().objects.create_superuser("other"),
        backend="django.contrib.auth.backends.ModelBackend",
    )

    assert other.post(add("auth_group"), {**form, "name": "Day shift"}).status_code == 302
    assert Group.objects.filter(name="Day shift").exists()


def test_keys_are_forgotten_after_a_week(boss):
    boss.post(add("auth_group"), filled_in(boss, "auth_group"))
    SentForm.objects.update(created_at=timezone.now() - timedelta(days=6))
    tasks.forget_answers()
    assert SentForm.objects.count() == 1

    SentForm.objects.update(created_at=timezone.now() - timedelta(days=8))
    tasks.forget_answers()
    assert not SentForm.objects.exists()
