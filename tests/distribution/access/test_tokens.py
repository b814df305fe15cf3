"""Tokens of the API: made by an administrator or a command, shown once, stored as a digest."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.access import tokens
from distribution.models import ApiToken
from tests.builders import a_user, an_open_distribution
from tests.distribution.staff import a_client, a_member
from tests.shown_forms import confirm_rows

pytestmark = pytest.mark.django_db
ADD = reverse("admin:distribution_apitoken_add")
LIST = reverse("admin:distribution_apitoken_changelist")


def test_the_page_shows_the_key_once_and_keeps_its_digest_only():
    user, client = a_member("Editor", "asha"), a_client("Administrator")
    form = {"name": "crm", "user": user.pk, "lives": "90", "read": "on", "subscribers": "on"}
    page = client.post(ADD, form).content.decode()
    key = re.search(r"dbk_[\w-]{43}", page)[0]
    token = ApiToken.objects.get()
    assert tokens.find_by_key(key, now=timezone.now()) == token
    assert (token.scopes, token.user, token.prefix) == (["read", "subscribers"], user, key[:12])
    assert token.expires_at - token.created_at > timedelta(days=89)
    assert key not in str(ApiToken.objects.values_list())
    assert key not in str(LogEntry.objects.values_list())
    for url in (LIST, reverse("admin:distribution_apitoken_change", args=[token.pk])):
        text = client.get(url).content.decode()
        assert key[:12] in text
        assert key not in text


def test_the_page_of_a_key_has_a_title_a_copy_button_and_a_complete_command():
    form = {"name": "crm", "user": a_member().pk, "lives": "90", "read": "on"}
    client = a_client("Administrator")
    page = client.post(ADD, form)
    text = page.content.decode()
    key = re.search(r"dbk_[\w-]{43}", text)[0]
    assert re.search(r"<title>\s*Your new API key", text)
    assert f'data-copy="{key}"' in text
    command = (
        f'curl --header "Authorization: Bearer {key}" http://testserver/api/distribution/status'
    )
    assert command in html.unescape(text)
    assert "no-store" in page["Cache-Control"]
    asked = re.search(r"http://testserver(\S+?)<", text)[1]
    assert Client().get(asked, headers={"Authorization": f"Bearer {key}"}).status_code == 404
    assert re.search(r"<title>\s*Create an API token", client.get(ADD).content.decode())


def test_a_token_that_may_do_nothing_is_not_made():
    form = {"name": "crm", "user": a_member().pk, "lives": "90"}
    assert b"Choose at least one scope" in a_client("Administrator").post(ADD, form).content
    assert not ApiToken.objects.exists()


def test_revoking_asks_for_a_reason_and_ends_it():
    now, user = timezone.now(), a_member()
    token, key = tokens.issue("crm", ["read"], user=user, by=user, expires_at=None, now=now)
    client, act = a_client("Administrator"), {"action": "revoke", "_selected_action": [token.pk]}
    assert b"Revoke API tokens" in client.post(LIST, act).content
    assert tokens.find_by_key(key, now=now) == token
    confirm_rows(client, LIST, act, reason="leaked")
    assert tokens.find_by_key(key, now=now) is None
    assert "leaked" in LogEntry.objects.latest("pk").change_message
    assert b"Revoke API tokens" not in a_client("Operator").post(LIST, act).content


def test_a_key_opens_nothing_once_it_expired_or_its_person_left():
    now, user = timezone.now(), a_member()
    ends = now + timedelta(hours=1)
    _, key = tokens.issue("crm", ["read"], user=user, by=user, expires_at=ends, now=now)
    assert tokens.find_by_key(key, now=ends - timedelta(seconds=1)) is not None
    assert tokens.find_by_key(key, now=ends) is None
    user.is_active = False
    user.save()
    assert tokens.find_by_key(key, now=now) is None


def test_that_it_was_used_is_written_once_a_minute():
    now, user = timezone.now(), a_member()
    _, key = tokens.issue("crm", ["read"], user=user, by=user, expires_at=None, now=now)
    for seconds in (0, 30, 59):
        tokens.find_by_key(key, now=now + timedelta(seconds=seconds))
    assert ApiToken.objects.get().last_used_at == now
    tokens.find_by_key(key, now=now + timedelta(seconds=60))
    assert ApiToken.objects.get().last_used_at == now + timedelta(seconds=60)


def test_the_command_prints_the_key_alone_on_stdout():
    asha = a_member("Editor", "asha")
    out, err = StringIO(), StringIO()
    asked = "portal --user asha --scope content --scope read --days 30"
    call_command("create_token", *asked.split(), stdout=out, stderr=err)
    key = out.getvalue().strip()
    token = tokens.find_by_key(key, now=timezone.now())
    assert (token.scopes, token.created_by) == (["read", "content"], asha)
    assert key not in err.getvalue()


def test_the_command_records_who_makes_it():
    a_member("Editor", "asha")
    ravi = a_member("Administrator", "ravi")
    call_command(
        "create_token",
        *["crm", "--user", "asha", "--by", "ravi", "--scope", "read"],
        stdout=StringIO(),
    )
    assert ApiToken.objects.get().created_by == ravi


def test_the_command_refuses_a_person_who_is_not_there_or_no_staff_or_may_not():
    for name in ("nobody", a_user("guest").username):
        with pytest.raises(CommandError, match="no active user"):
            call_command("create_token", "portal", "--user", name, "--scope", "read")
    a_member("Viewer", "vera")
    with pytest.raises(CommandError, match="role of vera does not allow: distribute"):
        call_command("create_token", "portal", "--user", "vera", "--scope", "distribute")


# --- never more than its person's role, at the moment of the call -------------------------------


def ask(key: str, path: str, method: str = "GET") -> int:
    client = Client(headers={"Authorization": f"Bearer {key}", "Idempotency-Key": key[-9:]})
    return client.generic(method, path, "{}", content_type="application/json").status_code


def a_key(user, *scopes: str) -> str:
    now = timezone.now()
    return tokens.issue("crm", scopes, user=user, by=user, expires_at=None, now=now)[1]


STATUS, PEOPLE = "/api/distribution/status", "/api/distribution/subscribers"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda user: user.groups.clear(), (401, 401)),
        (lambda user: user.groups.set(Group.objects.filter(name="Viewer")), (200, 403)),
        (lambda user: User.objects.filter(pk=user.pk).update(is_staff=False), (401, 401)),
        (lambda user: User.objects.filter(pk=user.pk).update(is_active=False), (401, 401)),
    ],
    ids=["no role", "a lesser role", "no staff", "disabled"],
)
def test_a_token_never_does_more_than_its_persons_present_role(change, told):
    editor = a_member("Editor")
    key = a_key(editor, "read", "subscribers")
    an_open_distribution(1)
    assert (ask(key, STATUS), ask(key, PEOPLE)) == (200, 200)
    change(editor)
    assert (ask(key, STATUS), ask(key, PEOPLE)) == told


def test_each_step_needs_what_its_button_needs():
    """`distribute` is one scope; the admin has a permission for pausing and one for cancelling."""
    operator = a_member("Operator")
    key = a_key(operator, "distribute")
    starter = Group.objects.create(name="Starter")
    starter.permissions.set(Permission.objects.filter(codename="start_distribution"))
    operator.groups.set([starter])
    for step in ("pause", "resume", "cancel"):
        path = reverse(f"api:{step}", args=[an_open_distribution(1).pk])
        assert ask(key, path, "POST") == 403, step
        assert a_client(None, operator).post(path).status_code == 403, step
    assert ask(key, "/api/distribution/trigger", "POST") not in (401, 403)


def test_a_token_for_no_staff_or_beyond_a_role_is_not_made():
    """Neither beyond the role of its person nor of who makes it: else making one is a promotion."""
    maker = Group.objects.create(name="Maker")
    maker.permissions.set(Permission.objects.filter(codename__in=["add_apitoken", "view_apitoken"]))
    humble, boss = a_member(None), a_member("Administrator", "boss")
    humble.groups.set([maker])
    guest, viewer = a_user("guest"), a_member("Viewer", "vera")
    form = {"name": "crm", "lives": "90", "distribute": "on"}
    asked = [
        (a_client("Administrator"), guest, "Select a valid choice"),
        (a_client("Administrator"), viewer, "The role of vera does not allow: distribute."),
        (a_client(None, humble), boss, f"The role of {humble} does not allow: distribute."),
    ]
    for client, user, told in asked:
        page = client.post(ADD, {**form, "user": user.pk}).content.decode()
        assert told in page
        assert "guest" not in page
    assert not ApiToken.objects.exists()


def test_its_page_says_what_it_may_do_now_and_who_made_it():
    viewer, boss = a_member("Viewer", "vera"), a_member("Administrator", "boss")
    client = a_client(None, boss)
    client.post(ADD, {"name": "crm", "user": viewer.pk, "lives": "90", "read": "on"})
    token = ApiToken.objects.get()
    assert token.created_by == boss
    page = reverse("admin:distribution_apitoken_change", args=[token.pk])
    assert "boss" in client.get(page).content.decode()
    assert client.get(page).context["adminform"].model_admin.scopes_now(token) == "read"
    viewer.groups.clear()
    token = ApiToken.objects.get()
    assert client.get(page).context["adminform"].model_admin.scopes_now(token) == "nothing"
