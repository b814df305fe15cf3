"""Every page of the admin for every role: who may open it, and who may not."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from config.staff import roles
from subscribers import slots
from tests import builders
from tests.admin.routes import MAKERS, OTHERS, PAGES, ROLES, TAILS, routes, rows

pytestmark = pytest.mark.django_db
WITH_OBJECT = ("change", "history", "delete")


def member(role: str) -> Client:
    """Somebody of that role, signed in."""
    user = User.objects.create_user(f"one-{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def test_every_route_has_a_row_and_every_row_a_route():
    pages = {name for name in routes() if not name.startswith("api:")}  # tests/api/routes.py
    assert pages - TAILS == set(rows())


def test_every_model_of_the_admin_has_a_row_and_an_example():
    models = {f"{one._meta.app_label}_{one._meta.model_name}" for one in admin.site._registry}
    assert models == set(PAGES) == set(MAKERS)


@pytest.mark.parametrize("model", sorted(PAGES))
def test_pages_of_a_model_open_for_the_roles_in_the_table_only(model):
    table, row = rows(), MAKERS[model]()
    told = {}
    for letter, role in ROLES.items():
        client = member(role)
        for page in ("changelist", "add", *WITH_OBJECT):
            url = reverse(f"admin:{model}_{page}", args=[row.pk] if page in WITH_OBJECT else [])
            told[page, letter] = client.get(url).status_code
    assert told == {
        (page, letter): 200 if letter in (table[f"admin:{model}_{page}"] or "") else 403
        for page, letter in told
    }
    for page in ("changelist", "add"):
        url = reverse(f"admin:{model}_{page}")
        answer = Client().get(url)
        assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={url}")


@pytest.mark.parametrize("name", sorted(name for name, who in OTHERS.items() if who is not None))
def test_other_pages_open_for_the_roles_in_the_table_only(name):
    args = [builders.a_user().pk] if name == "admin:auth_user_password_change" else []
    url = f"/{name}" if "/" in name else reverse(name, args=args)
    allowed = OTHERS[name] or ""
    for letter, role in ROLES.items():
        slots.downloads.clear()  # nobody reads them
        assert member(role).get(url).status_code == (200 if letter in allowed else 403), role
    assert Client().get(url).status_code == (200 if "-" in allowed else 302)


def test_a_role_holds_exactly_what_its_page_says_and_migrate_mends_what_was_changed():
    viewer, operator = Group.objects.get(name="Viewer"), Group.objects.get(name="Operator")
    own = Group.objects.create(name="Night shift")
    viewer.permissions.add(Permission.objects.get(codename="delete_subscriber"))
    operator.permissions.clear()

    roles.create_roles()

    codes = set(viewer.permissions.values_list("codename", flat=True))
    assert codes
    assert all(code.startswith("view_") for code in codes)
    assert not codes & {"view_webhookevent", "view_apitoken", "view_importjob"}
    held = set(operator.permissions.values_list("codename", flat=True))
    assert {"acknowledge_alert", "reprocess_webhookevent", "view_delivery"} <= held
    assert {"import_subscriber", "add_onetime", "add_blackoutdate", "retry_failed"} <= held
    assert "change_content" not in held
    assert own.permissions.count() == 0


def test_nobody_but_an_administrator_may_touch_staff_roles_or_the_daily_time():
    heavy = {"auth", "admin", "axes"}
    for role in set(ROLES.values()) - {"Administrator"}:
        group = Group.objects.get(name=role)
        apps = set(group.permissions.values_list("content_type__app_label", flat=True))
        assert not apps & heavy
        models = set(
            group.permissions.exclude(codename__startswith="view_").values_list(
                "content_type__model", flat=True
            )
        )
        assert not models & {"dailytime", "apitoken", "eventsubscription"}
        assert role == "Operator" or not models & {"blackoutdate", "onetime"}


def test_numbers_are_masked_for_who_looks_at_lists():
    subscriber = builders.a_subscriber()
    builders.an_open_distribution(0)
    client = member("Viewer")
    for model in ("subscribers_subscriber", "distribution_delivery"):
        page = client.get(reverse(f"admin:{model}_changelist")).content.decode()
        assert subscriber.phone not in page
        assert subscriber.phone[-10:] not in page


@pytest.mark.parametrize("letter", sorted(ROLES))
def test_the_sidebar_of_a_role_has_exactly_the_pages_that_it_may_open(letter):
    """Every link of the sidebar opens, and every list that opens is in the sidebar."""
    client, table = member(ROLES[letter]), rows()
    home = client.get(reverse("admin:index")).content.decode()
    shown = {
        link: name
        for name in table
        if name.endswith("_changelist") and f'href="{(link := reverse(name))}"' in home
    }
    assert {client.get(link).status_code for link in shown} == {200}
    may_open = {
        name
        for name, who in table.items()
        if name.endswith("_changelist") and letter in (who or "")
    }
    assert set(shown.values()) == may_open


@pytest.mark.parametrize("letter", sorted(ROLES))
def test_no_empty_list_offers_to_create_what_the_role_may_not(letter):
    client, table = member(ROLES[letter]), rows()
    for model in PAGES:
        if letter not in (table[f"admin:{model}_changelist"] or ""):
            continue
        page = client.get(reverse(f"admin:{model}_changelist"), {"q": "nothing-like-it"})
        add = reverse(f"admin:{model}_add")
        may_add = letter in (table[f"admin:{model}_add"] or "")
        assert may_add or f'href="{add}' not in page.content.decode(), model
        assert "Create a new item" not in page.content.decode() or may_add, model
