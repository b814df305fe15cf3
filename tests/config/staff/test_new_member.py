"""One page makes an account with its roles, each of which says what it is for."""

from __future__ import annotations

import html

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from config.staff import roles
from tests.distribution.staff import a_client
from tests.shown_forms import form_with

pytestmark = pytest.mark.django_db
ADD = reverse("admin:auth_user_add")
PASSWORD = "quite long enough for one"


def test_a_person_with_two_jobs_is_one_form():
    client = a_client("Administrator")
    page = client.get(ADD)
    text = html.unescape(page.content.decode())
    for role in roles.ROLES:
        assert f"{role}: {roles.EXPLANATIONS[role]}" in text
    assert text.count('type="checkbox" name="groups"') >= len(roles.ROLES)
    chosen = [Group.objects.get(name=name).pk for name in ("Editor", "Operator")]
    typed = {"username": "asha", "email": "asha@example.com", "groups": chosen}
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    answer = client.post(ADD, form_with(page, "username", **typed, **passwords))
    assert answer.status_code == 302
    asha = User.objects.get(username="asha")
    assert (asha.is_staff, asha.is_superuser, asha.email) == (True, False, "asha@example.com")
    assert set(asha.groups.values_list("name", flat=True)) == {"Editor", "Operator"}


def test_every_role_has_an_explanation():
    assert set(roles.EXPLANATIONS) == set(roles.ROLES)


def test_the_page_of_an_account_shows_no_part_of_the_passwords_hash():
    asha = User.objects.create_user("asha", password=PASSWORD, is_staff=True)
    url = reverse("admin:auth_user_change", args=[asha.pk])
    text = html.unescape(a_client("Administrator").get(url).content.decode())
    assert "pbkdf2" not in text
    assert asha.password.split("$")[2][:4] not in text
    assert 'href="../password/"' in text
    assert "Clear this when someone leaves." in text
