"""Django's own change forms change what they displayed (case P11, in every app)."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.urls import reverse

from distribution.models import EventSubscription
from subscribers.models import Subscriber
from tests.admin.routes import MAKERS
from tests.builders import a_subscriber
from tests.shown_forms import form_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> Client:
    client = Client()
    user = get_user_model().objects.create_superuser("boss")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def test_every_form_that_changes_a_row_names_what_it_displays(boss):
    request = RequestFactory().get("/")
    request.user = get_user_model().objects.get(username="boss")
    changing = {
        f"{model._meta.app_label}_{model._meta.model_name}": model
        for model, shown in admin.site._registry.items()
        if shown.has_change_permission(request)
    }

    without = set()
    for route in changing:
        row = MAKERS[route]()
        if route == "auth_group":
            row = type(row).objects.create(name="Night shift")  # the built-in ones stay
        if b'name="shown_version"' not in boss.get(page(row)).content:
            without.add(route)

    assert without == set()


def test_an_older_page_of_a_person_undoes_no_newer_correction(boss):
    person = a_subscriber(name="Asha", email="asha@example.com")
    old = form_with(boss.get(page(person)), "email", email="new@example.com")
    boss.post(page(person), form_with(boss.get(page(person)), "name", name="Asha Rao"))

    response = boss.post(page(person), old)

    shown = response.content.decode()
    for part in ("This changed since you opened it", "Asha Rao", 'value="new@example.com"'):
        assert part in shown, part
    person.refresh_from_db()
    assert (person.name, person.email) == ("Asha Rao", "asha@example.com")

    boss.post(page(person), {**form_with(response, "email"), "name": "Asha Rao"})
    person.refresh_from_db()
    assert (person.name, person.email) == ("Asha Rao", "new@example.com")


def test_a_message_to_the_person_meanwhile_is_no_change_of_the_form(boss):
    person = a_subscriber(name="Asha")
    form = form_with(boss.get(page(person)), "name", name="Asha Rao")
    Subscriber.objects.filter(pk=person.pk).update(status="PAUSED", unreachable_days=1)

    assert boss.post(page(person), form).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.status) == ("Asha Rao", "PAUSED")


def test_two_people_change_one_subscription(boss):
    row = EventSubscription.objects.create(name="CRM", url="https://8.8.8.8/a")
    old = form_with(boss.get(page(row)), "url", url="https://8.8.8.8/mine")
    EventSubscription.objects.filter(pk=row.pk).update(url="https://8.8.8.8/theirs")

    shown = boss.post(page(row), old).content.decode()

    assert "https://8.8.8.8/theirs" in shown
    assert 'value="https://8.8.8.8/mine"' in shown
    row.refresh_from_db()
    assert row.url == "https://8.8.8.8/theirs"
