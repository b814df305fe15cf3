"""Browsers that post one form at one moment: 0 duplicates, 0 lost edits, 0 unseen approvals.

The creating and changing forms are those that the admin's registry has; SQLite writes one after the
other, so these races are PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from config.staff import roles
from distribution.access import tokens
from distribution.content import approval
from distribution.models import ApiToken, Approval, Content, ContentState, Decision
from subscribers.admin import form_keys
from tests.admin.creating_forms import FORMS, add, created, filled_in, rows
from tests.admin.routes import MAKERS
from tests.admin.test_forms_create_once import a_browser
from tests.builders import a_draft, a_user
from tests.distribution.content_staff import page, step
from tests.distribution.staff import a_member
from tests.shown_forms import form_to, form_with, marks_of

pytestmark = pytest.mark.django_db(transaction=True)
BROWSERS = 3
# By model: a text field that two people change at once.
TEXT_FIELDS = {
    "auth_group": "name",
    "distribution_alertchannel": "name",
    "distribution_alertroute": "name",
    "auth_user": "first_name",
    "distribution_content": "title",
    "distribution_eventsubscription": "name",
    "phonepool_phonenumber": "label",
    "phonepool_portfolio": "name",
    "phonepool_waba": "name",
    "subscribers_subscriber": "name",
}


@pytest.fixture(autouse=True)
def house(on_postgres) -> None:
    roles.create_roles()


def a_superuser(name: str) -> Client:
    client = Client()
    user = get_user_model().objects.create_superuser(name)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def at_once(*posts: Callable[[], Any]) -> list[Any]:
    """The responses to posts that begin together, each by a connection of its own."""
    together = Barrier(len(posts))

    def begin(post: Callable[[], Any]) -> Any:
        try:
            together.wait(timeout=60)
            return post()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(posts)) as people:
        return list(people.map(begin, posts))


@pytest.mark.parametrize("is_same_key", [True, False], ids=["double-click", "two-tabs"])
@pytest.mark.parametrize("route", sorted(FORMS))
def test_what_is_posted_at_once_is_created_once(route, is_same_key):
    """0 duplicates."""
    browsers = [a_browser() for _ in range(BROWSERS)]
    form, before = filled_in(browsers[0], route), rows(route)

    def post(client: Client) -> Callable[[], Any]:
        own = {**form} if is_same_key else {**form, "form_key": form_keys.new_key()}
        if "file" in own:
            own |= FORMS[route][2]()
        return lambda: client.post(add(route), own)

    responses = at_once(*map(post, browsers))

    assert {response.status_code for response in responses} <= {200, 302}
    assert created(route, before) == 1


def changing() -> set[str]:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return {
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model, shown in admin.site._registry.items()
        if shown.has_change_permission(request)
    }


def test_every_form_that_changes_rows_is_tried():
    assert changing() == set(TEXT_FIELDS)


@pytest.mark.parametrize("model", sorted(TEXT_FIELDS))
def test_of_two_edits_at_once_one_is_stored_and_the_other_is_told(model):
    """0 lost edits."""
    field, people = TEXT_FIELDS[model], [a_superuser("asha"), a_superuser("ravi")]
    row = Group.objects.create(name="Night") if model == "auth_group" else MAKERS[model]()
    address = reverse(f"admin:{model}_change", args=[row.pk])
    forms = [form_with(client.get(address), field) for client in people]
    for name, form in zip(("asha", "ravi"), forms, strict=True):
        form[field] = f"by-{name}"

    def post(client: Client, form: dict[str, Any]) -> Callable[[], Any]:
        return lambda: client.post(address, form)

    responses = at_once(*map(post, people, forms))

    saved = [response.status_code == 302 for response in responses]
    row.refresh_from_db()
    assert sorted(saved) == [False, True]
    assert getattr(row, field) == f"by-{('asha', 'ravi')[saved.index(True)]}"
    refused = responses[saved.index(False)].content.decode()
    assert "This changed since you opened it" in refused
    assert f'value="by-{("asha", "ravi")[saved.index(False)]}"' in refused


@pytest.mark.parametrize("others", ["approve", "reject"])
def test_of_two_decisions_at_once_one_is_taken(others):
    """0 unseen approvals: who comes second has not seen what the first one left."""
    content, people = a_draft(), [a_superuser("asha"), a_superuser("ravi")]
    approval.submit(content, by=content.author, now=timezone.now())
    names = ("approve", others)
    opened = [client.get(page(content)) for client in people]
    forms = [form_to(shown, step(content, "approve"), reason="Read.") for shown in opened]

    def post(client: Client, name: str, form: dict[str, Any]) -> Callable[[], Any]:
        return lambda: client.post(step(content, name), form)

    at_once(*map(post, people, names, forms))

    decided = Approval.objects.filter(decision__in=[Decision.APPROVED, Decision.REJECTED])
    assert decided.filter(content=content).count() == 1


def test_an_approval_and_a_new_text_at_once_approve_no_unseen_text():
    """0 unseen approvals."""
    content, approver, editor = a_draft(), a_superuser("asha"), a_user()
    approval.submit(content, by=content.author, now=timezone.now())
    form = form_to(approver.get(page(content)), step(content, "approve"), reason="Read.")
    seen = list(content.body_variables)

    def rewrite() -> None:
        now, texts = timezone.now(), ["{name}", "UNSEEN"]
        try:
            approval.reject(content, by=editor, now=now, reason="A wrong figure.")
            fresh = Content.objects.get(pk=content.pk)
            approval.edit(fresh, by=fresh.author, now=now, body_variables=texts)
            approval.submit(fresh, by=fresh.author, now=now)
        except approval.ApprovalError:
            pass  # it was approved first

    at_once(lambda: approver.post(step(content, "approve"), form), rewrite)

    content.refresh_from_db()
    is_approved = content.state == ContentState.APPROVED
    assert (content.body_variables == seen) is is_approved


def test_two_people_who_confirm_the_same_rows_at_once_act_once_on_each():
    people, now = [a_superuser("asha"), a_superuser("ravi")], timezone.now()
    owner = a_member("Viewer")
    for n in range(5):
        tokens.issue(f"crm {n}", ["read"], user=owner, by=owner, expires_at=None, now=now)
    address = reverse("admin:distribution_apitoken_changelist")
    chosen = {"action": "revoke", "select_across": "1", "_selected_action": ["0"]}
    forms = [
        {**chosen, **marks_of(client.post(address, chosen)), "confirmed": "yes", "reason": "x"}
        for client in people
    ]

    def post(client: Client, form: dict[str, Any]) -> Callable[[], Any]:
        return lambda: client.post(address, form)

    at_once(*map(post, people, forms))

    assert ApiToken.objects.filter(revoked_at=None).count() == 0
    assert LogEntry.objects.filter(change_message__contains="Token revoked.").count() == 5
