"""What is deleted is what the page displayed: Django's own pages name the version and the set."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from distribution.models import BlackoutDate, DailyTime, EventSubscription
from phonepool.models import Portfolio, Waba
from subscribers.admin.deletion import CarefulDeletion
from tests import builders
from tests.admin.routes import MAKERS
from tests.shown_forms import confirm_rows, marks_of

pytestmark = pytest.mark.django_db
CHANGED = "This changed since you opened it"


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(
        get_user_model().objects.create_superuser("boss"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


def an_attempt(name: str = "ada") -> AccessAttempt:
    return AccessAttempt.objects.create(
        username=name, ip_address="10.0.0.1", failures_since_start=1, attempt_time=timezone.now()
    )


def a_blackout() -> BlackoutDate:
    day = timezone.localdate() + timedelta(days=9)
    return BlackoutDate.objects.create(day=day, reason="Diwali", created_by=builders.a_user())


def a_daily_time() -> DailyTime:
    day = timezone.localdate() + timedelta(days=9)
    return DailyTime.objects.create(from_day=day, time=time(6), created_by=builders.a_user())


def a_listener() -> EventSubscription:
    return EventSubscription.objects.create(name="crm", url="https://crm.example/", secret="s")


# A row, and what makes it another one.
DELETED: list[tuple[Any, dict[str, Any], str]] = [
    (an_attempt, {"failures_since_start": 7}, "7"),
    (a_blackout, {"reason": "Holi"}, "Holi"),
    (a_daily_time, {"time": time(7)}, "07:00:00"),
    (a_listener, {"url": "https://other.example/"}, "https://other.example/"),
    (lambda: Portfolio.objects.create(business_id="77", name="One"), {"name": "Two"}, "Two"),
    (lambda: builders.a_waba(name="One"), {"name": "Two"}, "Two"),
    (lambda: Group.objects.create(name="Night watch"), {"name": "Day watch"}, "Day watch"),
]


def page_of(row: Model) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_delete", args=[row.pk])


@pytest.mark.parametrize(("make", "change", "told"), DELETED)
def test_a_row_that_changed_since_its_page_was_opened_is_not_deleted(boss, make, change, told):
    row = make()
    rows = type(row)._default_manager.filter(pk=row.pk)
    opened = boss.get(page_of(row))
    rows.update(**change)

    refused = boss.post(page_of(row), {"post": "yes", **marks_of(opened)})

    assert refused.status_code == 409
    assert CHANGED in refused.content.decode()
    assert told in refused.content.decode()
    assert rows.exists()
    done = boss.post(page_of(row), {"post": "yes", **marks_of(refused)})
    assert done.status_code == 302
    assert not rows.exists()


def test_a_form_that_names_no_version_deletes_nothing(boss):
    row = a_blackout()
    for marks in ({}, {"shown_version": "x"}, marks_of(boss.get(page_of(an_attempt())))):
        assert boss.post(page_of(row), {"post": "yes", **marks}).status_code == 409
    assert BlackoutDate.objects.filter(pk=row.pk).exists()


def test_the_version_is_in_the_form_that_deletes(boss):
    row = a_blackout()
    page = boss.get(page_of(row)).content.decode()
    form = page[page.index('name="post"') : page.index("</form>", page.index('name="post"'))]
    assert 'name="shown_version"' in form


def listed(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")


def test_delete_selected_deletes_exactly_the_rows_that_its_page_displayed(boss):
    first, second = an_attempt("ada"), an_attempt("bob")
    chosen = {"action": "delete_selected", "_selected_action": [first.pk, second.pk]}
    opened = boss.post(listed(first), chosen)
    assert "ada" in opened.content.decode()
    AccessAttempt.objects.filter(pk=first.pk).update(failures_since_start=9)

    sent = {**chosen, **marks_of(opened), "confirmed": "yes", "reason": "Called us"}
    refused = boss.post(listed(first), sent)
    assert refused.status_code == 409
    assert CHANGED in refused.content.decode()
    assert AccessAttempt.objects.count() == 2

    assert boss.post(listed(first), {**sent, **marks_of(refused)}).status_code == 302
    assert AccessAttempt.objects.count() == 0
    logged = LogEntry.objects.latest("pk").change_message
    assert ("Deleted." in logged, "Called us" in logged) == (True, True)


def test_all_pages_selected_are_those_displayed(boss):
    kept = an_attempt("ada")
    chosen = {"action": "delete_selected", "select_across": "1", "_selected_action": ["0"]}
    opened = boss.post(listed(kept), chosen)
    an_attempt("bob")
    sent = {**chosen, **marks_of(opened), "confirmed": "yes", "reason": "Called us"}
    assert boss.post(listed(kept), sent).status_code == 409
    assert AccessAttempt.objects.count() == 2


def test_what_others_refer_to_stays(boss):
    free, used = builders.a_waba(name="Free"), builders.a_waba(name="Used")
    builders.a_number(waba=used, portfolio=used.portfolio)
    chosen = {"action": "delete_selected", "_selected_action": [free.pk, used.pk]}
    answer = confirm_rows(boss, listed(free), chosen, follow=True, reason="Both closed")
    page = answer.content.decode()
    assert "Used is in use and was not deleted." in page
    assert "1 deleted." in page
    assert list(Waba.objects.values_list("name", flat=True)) == ["Used"]


def test_every_page_that_deletes_is_careful():
    """Whoever may be deleted by somebody, on a page of its own or among others."""
    request = RequestFactory().get("/")
    request.user = get_user_model().objects.create_superuser("boss")
    careless = {
        model._meta.label
        for model, page in admin.site._registry.items()
        if not isinstance(page, CarefulDeletion)
        and (
            page.has_delete_permission(request)
            or page.has_delete_permission(request, MAKERS[_name(model)]())
            or "delete_selected" in page.get_actions(request)
        )
    }
    assert careless == set()


def _name(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"
