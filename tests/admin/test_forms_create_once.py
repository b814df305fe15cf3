"""Every form of the admin that creates something does it once (case P10)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from distribution import tasks
from distribution.access import tokens
from distribution.models import (
    AlertChannel,
    AlertRoute,
    ApiToken,
    BlackoutDate,
    Content,
    DailyTime,
    EventSubscription,
    OneTime,
    RotationGroup,
)
from phonepool.models import PhoneNumber, Portfolio, Waba
from subscribers.admin import form_keys
from subscribers.models import ImportJob, SentForm, Subscriber
from tests.builders import a_portfolio, an_approved_content
from tests.distribution.content_staff import a_plain_template
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


def add(model: str) -> str:
    return reverse(f"admin:{model}_add")


def in_days(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def _one_time() -> dict[str, Any]:
    content = an_approved_content(day=timezone.localdate() + timedelta(days=400))
    return {"at_0": in_days(5), "at_1": "09:00:00", "content": content.pk}


def _content() -> dict[str, Any]:
    template = a_plain_template()
    shown = {"message_template": template.pk, "fields_of": template.pk, "day": in_days(3)}
    return {**shown, "title": "Budget day", "body-0": "{name}", "body-1": "Nifty opens flat"}


def _group() -> dict[str, Any]:
    first, second = a_plain_template(), a_plain_template()
    return {"name": "morning", "primary": first.pk, "standbys": [second.pk]}


def _route() -> dict[str, Any]:
    desk = AlertChannel.objects.create(name="Desk", kind="email", secret_address="d@example.com")
    return {
        "name": "All",
        "rules": "*",
        "min_severity": "WARNING",
        "channel": desk.pk,
        "remind_minutes": 5,
        "active": "on",
    }


def _token() -> dict[str, Any]:
    user = get_user_model().objects.get(username="boss")
    return {"name": "crm", "user": user.pk, "lives": "90", "read": "on"}


# By route: the model, a field of its form, and what a person types.
FORMS: dict[str, tuple[Any, str, Any]] = {
    "distribution_onetime": (OneTime, "at_0", _one_time),
    "distribution_content": (Content, "title", _content),
    "distribution_apitoken": (ApiToken, "lives", _token),
    "distribution_dailytime": (
        DailyTime,
        "from_day",
        lambda: {"from_day": in_days(3), "time": "07:00", "reason": "x"},
    ),
    "distribution_blackoutdate": (
        BlackoutDate,
        "reason",
        lambda: {"day": in_days(3), "reason": "Diwali"},
    ),
    "distribution_eventsubscription": (
        EventSubscription,
        "url",
        lambda: {"name": "CRM", "url": "https://8.8.8.8/hook", "active": "on"},
    ),
    "distribution_alertchannel": (
        AlertChannel,
        "name",
        lambda: {
            "name": "Desk",
            "kind": "email",
            "secret_address": "desk@example.com",
            "active": "on",
        },
    ),
    "distribution_alertroute": (AlertRoute, "name", _route),
    "distribution_rotationgroup": (RotationGroup, "name", _group),
    "subscribers_importjob": (
        ImportJob,
        "file",
        lambda: {"file": SimpleUploadedFile("people.csv", b"phone\n9812345678\n")},
    ),
    "subscribers_subscriber": (
        Subscriber,
        "phone",
        lambda: {
            "phone": "9812345678",
            "name": "Asha",
            "attributes": "{}",
            "consent_source": "Form",
        },
    ),
    "auth_user": (
        User,
        "username",
        lambda: {
            "username": "asha",
            "password1": "a-long-Pass-47-word",
            "password2": "a-long-Pass-47-word",
        },
    ),
    "auth_group": (Group, "name", lambda: {"name": "Night shift"}),
    "phonepool_portfolio": (
        Portfolio,
        "business_id",
        lambda: {"name": "Second", "business_id": "901"},
    ),
    "phonepool_waba": (
        Waba,
        "meta_id",
        lambda: {"meta_id": "90007", "name": "Second", "portfolio": a_portfolio().pk},
    ),
    "phonepool_phonenumber": (
        PhoneNumber,
        "meta_id",
        lambda: {
            "label": "one",
            "meta_id": "10007",
            "portfolio": a_portfolio().pk,
            "rate_per_second": "80",
            "daily_capacity": "1000",
        },
    ),
}


def filled_in(client: Client, route: str) -> dict[str, Any]:
    _, field, typed = FORMS[route]
    values = typed()
    return {**form_with(client.get(add(route)), field), **values}


def again(form: dict[str, Any]) -> dict[str, Any]:
    """The same form for another request: an uploaded file is read anew."""
    for value in form.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    return form


def created(route: str, before: set[Any]) -> int:
    return FORMS[route][0].objects.exclude(pk__in=before).count()


def rows(route: str) -> set[Any]:
    return set(FORMS[route][0].objects.values_list("pk", flat=True))


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
