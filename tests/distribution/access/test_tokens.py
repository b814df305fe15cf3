"""Tokens of the API: made by an administrator or a command, shown once, stored as a digest."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from distribution.access import tokens
from distribution.models import ApiToken
from tests.builders import a_user
from tests.distribution.staff import a_client
from tests.shown_forms import confirm_rows

pytestmark = pytest.mark.django_db
ADD = reverse("admin:distribution_apitoken_add")
LIST = reverse("admin:distribution_apitoken_changelist")


def test_the_page_shows_the_key_once_and_keeps_its_digest_only():
    user, client = a_user("asha"), a_client("Administrator")
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


def test_a_token_that_may_do_nothing_is_not_made():
    form = {"name": "crm", "user": a_user().pk, "lives": "90"}
    assert b"Choose what it may do" in a_client("Administrator").post(ADD, form).content
    assert not ApiToken.objects.exists()


def test_revoking_asks_for_a_reason_and_ends_it():
    now = timezone.now()
    token, key = tokens.issue("crm", ["read"], user=a_user(), by=None, expires_at=None, now=now)
    client, act = a_client("Administrator"), {"action": "revoke", "_selected_action": [token.pk]}
    assert b"Revoke API tokens" in client.post(LIST, act).content
    assert tokens.find_by_key(key, now=now) == token
    confirm_rows(client, LIST, act, reason="leaked")
    assert tokens.find_by_key(key, now=now) is None
    assert "leaked" in LogEntry.objects.latest("pk").change_message
    assert b"Revoke API tokens" not in a_client("Operator").post(LIST, act).content


def test_a_key_opens_nothing_once_it_expired_or_its_person_left():
    now, user = timezone.now(), a_user()
    ends = now + timedelta(hours=1)
    _, key = tokens.issue("crm", ["read"], user=user, by=None, expires_at=ends, now=now)
    assert tokens.find_by_key(key, now=ends - timedelta(seconds=1)) is not None
    assert tokens.find_by_key(key, now=ends) is None
    user.is_active = False
    user.save()
    assert tokens.find_by_key(key, now=now) is None


def test_that_it_was_used_is_written_once_a_minute():
    now = timezone.now()
    _, key = tokens.issue("crm", ["read"], user=a_user(), by=None, expires_at=None, now=now)
    for seconds in (0, 30, 59):
        tokens.find_by_key(key, now=now + timedelta(seconds=seconds))
    assert ApiToken.objects.get().last_used_at == now
    tokens.find_by_key(key, now=now + timedelta(seconds=60))
    assert ApiToken.objects.get().last_used_at == now + timedelta(seconds=60)


def test_the_command_prints_the_key_alone_on_stdout():
    a_user("asha")
    out, err = StringIO(), StringIO()
    asked = "portal --user asha --scope content --scope read --days 30"
    call_command("create_token", *asked.split(), stdout=out, stderr=err)
    key = out.getvalue().strip()
    assert tokens.find_by_key(key, now=timezone.now()).scopes == ["read", "content"]
    assert key not in err.getvalue()


def test_the_command_refuses_a_person_who_is_not_there():
    with pytest.raises(CommandError, match="no active user"):
        call_command("create_token", "portal", "--user", "nobody", "--scope", "read")
