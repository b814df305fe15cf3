"""The same values from the same person create once, whatever the form's key (case P10)."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.utils import timezone

from distribution.models import BlackoutDate
from subscribers.admin import form_keys
from subscribers.models import SentForm
from tests.admin.creating_forms import FORMS, add, again, created, filled_in, rows
from tests.admin.test_forms_create_once import a_browser
from tests.shown_forms import form_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> Client:
    return a_browser()


@pytest.mark.parametrize("route", FORMS)
def test_the_form_that_back_shows_has_another_key_and_creates_nothing_again(boss, route):
    """A browser asks for the page again and puts into it what was typed; tried in Chromium."""
    form, before = filled_in(boss, route), rows(route)
    boss.post(add(route), form)
    after_back = {**again(form), "form_key": form_keys.new_key()}

    response = boss.post(add(route), after_back)

    assert created(route, before) == 1
    assert form_keys.CREATED_BEFORE in html.unescape(response.content.decode())


@pytest.mark.parametrize("route", ["distribution_content", "distribution_apitoken"])
def test_who_was_told_and_sends_it_once_more_gets_another_one(boss, route):
    form, before = filled_in(boss, route), rows(route)
    boss.post(add(route), form)
    told = boss.post(add(route), {**form, "form_key": form_keys.new_key()})

    anew = {**form, "form_key": form_with(told, FORMS[route][1])["form_key"]}
    for _ in range(2):
        boss.post(add(route), anew)

    assert created(route, before) == 2


@pytest.mark.parametrize("route", FORMS)
def test_a_form_without_a_key_creates_once_as_well(boss, route):
    """A program's: nobody opened a page for it."""
    form, before = filled_in(boss, route), rows(route)
    del form["form_key"]

    for _ in range(3):
        boss.post(add(route), again(form))

    assert created(route, before) == 1


def test_the_same_values_without_a_key_create_again_after_a_while(boss):
    form = filled_in(boss, "distribution_blackoutdate")
    del form["form_key"]
    boss.post(add("distribution_blackoutdate"), form)
    BlackoutDate.objects.all().delete()
    boss.post(add("distribution_blackoutdate"), form)
    assert not BlackoutDate.objects.exists()

    SentForm.objects.update(created_at=timezone.now() - form_keys.REPEATED_FOR * 2)
    boss.post(add("distribution_blackoutdate"), form)
    assert BlackoutDate.objects.count() == 1
